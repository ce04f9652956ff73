/* An inception block (GoogLeNet's 3a): four ways through it side by side, and what the 1x1
 * convolutions before the 3x3 and the 5x5 save.
 *
 *     inception
 */
#include "lecture.h"

enum { MAPS = 192, SIZE = 28 };

static ocelli_value conv(struct ocelli_graph *g, const char *name, ocelli_value x, int out,
                         int kernel)
{
    int p = kernel / 2;
    const struct ocelli_conv2d_params params = {.kernel = {kernel}, .pad = {p, p, p, p}};
    return ocelli_relu(g, ocelli_layer_conv2d(g, name, x, out, &params));
}

/* reduce 0: without the 1x1 in front. */
static ocelli_value way(struct ocelli_graph *g, const char *name, ocelli_value x, int reduce,
                        int out, int kernel)
{
    char before[32];
    snprintf(before, sizeof(before), "%s_reduce", name);
    return conv(g, name, reduce ? conv(g, before, x, reduce, 1) : x, out, kernel);
}

static ocelli_value block(struct ocelli_graph *g, ocelli_value x, bool reduced)
{
    ocelli_value y[4];
    y[0] = conv(g, "1x1", x, 64, 1);
    y[1] = way(g, "3x3", x, reduced ? 96 : 0, 128, 3);
    y[2] = way(g, "5x5", x, reduced ? 16 : 0, 32, 5);
    y[3] = ocelli_pool2d(
        g, x, &(struct ocelli_pool2d_params){.kernel = {3}, .stride = {1}, .pad = {1, 1, 1, 1}});
    if (reduced)
        y[3] = conv(g, "pool_proj", y[3], 32, 1);
    ocelli_output(g, "1x1", y[0]);
    return ocelli_concat(g, y, 4, 1);
}

static int build(struct ocelli_graph **g, bool reduced, ocelli_value *y, int64_t *macs)
{
    struct ocelli_layer l;
    int err = ocelli_graph_create(g);
    if (err)
        return err;
    *y = block(*g, ocelli_input(*g, "x", OCELLI_F32, &OCELLI_SHAPE(1, MAPS, SIZE, SIZE)), reduced);
    *macs = 0;
    printf("%s\n", reduced ? "with reductions" : "\nwithout");
    for (int i = 0; i < ocelli_graph_layers(*g); i++) {
        if (ocelli_graph_layer(*g, i, &l) == 0 && l.macs)
            printf("  %-11s -> %3lld maps %11lld multiply-adds\n", l.name, (long long)l.out.dim[1],
                   (long long)l.macs);
        *macs += l.macs;
    }
    printf("  in all      -> %3lld maps %11lld multiply-adds, %lld weights\n",
           (long long)ocelli_value_shape(*g, *y).dim[1], (long long)*macs,
           (long long)ocelli_graph_parameters(*g));
    return ocelli_graph_status(*g);
}

int main(void)
{
    struct ocelli_device *dev = NULL;
    struct ocelli_graph *g = NULL;
    ocelli_value y;
    int64_t reduced = 0, plain = 0;
    float *x = calloc((size_t)MAPS * SIZE * SIZE, sizeof(*x));
    float *out = calloc((size_t)256 * SIZE * SIZE, sizeof(*out));
    int err = x && out ? build(&g, false, &y, &plain) : OCELLI_ERR_MEMORY;

    ocelli_graph_destroy(&g);
    if (err || (err = build(&g, true, &y, &reduced)) || (err = ocelli_device_open(&dev, NULL)))
        goto out;
    printf("the 1x1 convolutions save %.0f %% of the work\n",
           100 - 100 * (double)reduced / (double)plain);
    /* One point of one map: after the block it has been seen as far as the widest filter reaches.
     */
    x[SIZE * SIZE / 2 + SIZE / 2] = 1;
    if ((err = lecture_run(dev, &g, y, (const float *[]){x}, out)))
        goto out;
    int low = SIZE, high = -1;
    for (int i = 0; i < 256 * SIZE * SIZE; i++)
        if (out[i] != 0) {
            low = i % SIZE < low ? i % SIZE : low;
            high = i % SIZE > high ? i % SIZE : high;
        }
    printf("one point in becomes %d columns out\n", high - low + 1);
    if (high - low + 1 != 5 || reduced >= plain)
        err = OCELLI_ERR_INVALID;
out:
    free(x);
    free(out);
    ocelli_graph_destroy(&g);
    ocelli_device_close(&dev);
    return lecture_end("inception", err);
}
