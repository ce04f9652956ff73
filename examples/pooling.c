/* Pooling: the maximum or the average of each window; LeNet's trainable subsampling; and what it is
 * for: the answer stays where the picture moves a little.
 *
 *     pooling
 */
#include "lecture.h"

static const float map[4 * 4] = {
    3, 1,  6, 0,  /**/
    0, 2,  1, 2,  /**/
    1, 0,  3, -1, /**/
    0, -2, 2, 0,
};

static int pool(struct ocelli_device *dev, const float *x, int size,
                const struct ocelli_pool2d_params *p, float *y)
{
    struct ocelli_graph *g;
    int err = ocelli_graph_create(&g);
    if (err)
        return err;
    ocelli_value v = ocelli_input(g, "map", OCELLI_F32, &OCELLI_SHAPE(1, 1, size, size));
    return lecture_run(dev, &g, ocelli_pool2d(g, v, p), (const float *[]){x}, y);
}

static int windows(struct ocelli_device *dev)
{
    static const struct {
        struct ocelli_pool2d_params p;
        const char *title;
        int size;
        float first;
    } cases[] = {
        {{.kernel = {2}}, "maxima of 2x2", 2, 3},
        {{.kind = OCELLI_POOL_AVERAGE, .kernel = {2}}, "averages of 2x2", 2, 1.5f},
        {{.kernel = {3}, .stride = {1}}, "maxima of 3x3 that overlap, stride 1", 2, 6},
    };
    lecture_print("map", map, 4, 4);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        float y[4];
        int err = pool(dev, map, 4, &cases[i].p, y);
        if (err)
            return err;
        lecture_print(cases[i].title, y, cases[i].size, cases[i].size);
        if (y[0] != cases[i].first)
            return OCELLI_ERR_INVALID;
    }
    return 0;
}

/* A point and the same point one pixel further: different pictures, one answer. */
static int shift(struct ocelli_device *dev)
{
    float here[36] = {0}, there[36] = {0}, a[4], b[4];
    const struct ocelli_pool2d_params p = {.kernel = {3}};
    int err;
    here[6 * 1 + 0] = there[6 * 1 + 1] = 1;
    if ((err = pool(dev, here, 6, &p, a)) || (err = pool(dev, there, 6, &p, b)))
        return err;
    lecture_print("a point, pooled over 3x3", a, 2, 2);
    lecture_print("the point one to the right", b, 2, 2);
    return memcmp(a, b, sizeof(a)) ? OCELLI_ERR_INVALID : 0;
}

/* LeNet-5's: average, times one weight, plus one bias: two weights a map. */
static int subsampling(void)
{
    struct ocelli_graph *g;
    int err = ocelli_graph_create(&g);
    if (err)
        return err;
    ocelli_value x = ocelli_input(g, "maps", OCELLI_F32, &OCELLI_SHAPE(1, 6, 28, 28));
    struct ocelli_shape y = ocelli_value_shape(g, ocelli_layer_subsample(g, "s2", x, 2));
    long long n = (long long)ocelli_graph_parameters(g);
    printf("LeNet-5's S2: 6 maps of 28x28 become %lld of %lldx%lld, with %lld weights\n",
           (long long)y.dim[1], (long long)y.dim[2], (long long)y.dim[3], n);
    ocelli_graph_destroy(&g);
    return n == 12 ? 0 : OCELLI_ERR_INVALID;
}

int main(void)
{
    struct ocelli_device *dev = NULL;
    int err = ocelli_device_open(&dev, NULL);
    if (!err && (err = windows(dev)) == 0 && (err = shift(dev)) == 0)
        err = subsampling();
    ocelli_device_close(&dev);
    return lecture_end("pooling", err);
}
