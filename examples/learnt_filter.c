/* A filter learnt by gradient descent: rows of pixels and where their edges are; the program is not
 * told the filter 1 -1, it finds it.
 *
 *     learnt_filter [STEPS]
 */
#include "lecture.h"

enum { ROWS = 32, PIXELS = 8, EDGES = PIXELS - 1 };

/* Bars of zeros and ones, and the teacher's answers. */
static void draw(float *rows, float *edges)
{
    for (int r = 0; r < ROWS; r++) {
        for (int x = 0; x < PIXELS; x++)
            rows[r * PIXELS + x] = (float)(lecture_random() & 1);
        for (int x = 0; x < EDGES; x++)
            edges[r * EDGES + x] = rows[r * PIXELS + x] - rows[r * PIXELS + x + 1];
    }
}

/* loss = mean (filter over row - edges)^2; the library adds its gradient and the step down it. */
static struct ocelli_graph *build(void)
{
    struct ocelli_graph *g;
    if (ocelli_graph_create(&g))
        return NULL;
    ocelli_value x = ocelli_input(g, "rows", OCELLI_F32, &OCELLI_SHAPE(ROWS, 1, 1, PIXELS));
    ocelli_value want = ocelli_input(g, "edges", OCELLI_F32, &OCELLI_SHAPE(ROWS, 1, 1, EDGES));
    ocelli_value w =
        ocelli_weight(g, "filter", &OCELLI_SHAPE(1, 1, 1, 2),
                      &(struct ocelli_init){.kind = OCELLI_INIT_UNIFORM, .value = 0.5f});
    ocelli_value error = ocelli_binary(g, ocelli_conv2d(g, x, w, NULL), want, OCELLI_SUB);
    ocelli_value loss = ocelli_reduce(g, ocelli_binary(g, error, error, OCELLI_MUL),
                                      &(struct ocelli_reduce_params){.kind = OCELLI_REDUCE_MEAN});
    ocelli_output(g, "loss", loss);
    ocelli_optimize(g, loss, NULL);
    return g;
}

static int write_input(const struct ocelli_plan *plan, const char *name, const void *data)
{
    struct ocelli_tensor *t = ocelli_plan_tensor(plan, name);
    return ocelli_tensor_write(t, data, ocelli_tensor_bytes(t));
}

int main(int argc, char **argv)
{
    int steps = argc > 1 ? atoi(argv[1]) : 100, err;
    float rows[ROWS * PIXELS], edges[ROWS * EDGES], w[2] = {0}, loss = 1, lr = 0.5f;
    struct ocelli_device *dev = NULL;
    struct ocelli_weights *weights = NULL;
    struct ocelli_plan *plan = NULL;
    struct ocelli_graph *g = build();

    if ((err = g ? ocelli_graph_status(g) : OCELLI_ERR_MEMORY) ||
        (err = ocelli_device_open(&dev, NULL)) ||
        (err = ocelli_weights_create(&weights, dev, g, 1)) ||
        (err = ocelli_plan_create(&plan, dev, g, &(struct ocelli_plan_params){.weights = weights})))
        goto out;
    printf("step   loss      filter\n");
    for (int i = 0; i < steps; i++) {
        draw(rows, edges);
        if ((err = write_input(plan, "rows", rows)) || (err = write_input(plan, "edges", edges)) ||
            (err = write_input(plan, "lr", &lr)) || (err = ocelli_plan_run(plan)) ||
            (err = ocelli_tensor_read(ocelli_plan_tensor(plan, "loss"), &loss, sizeof(loss))) ||
            (err = ocelli_tensor_read(ocelli_weights_tensor(weights, "filter"), w, sizeof(w))))
            goto out;
        if (i % 10 == 0 || i == steps - 1)
            printf("%4d   %.6f  %7.4f %7.4f\n", i + 1, (double)loss, (double)w[0], (double)w[1]);
    }
    if (fabsf(w[0] - 1) > 0.01f || fabsf(w[1] + 1) > 0.01f)
        err = OCELLI_ERR_INVALID;
out:
    ocelli_plan_destroy(&plan);
    ocelli_weights_destroy(&weights);
    ocelli_graph_destroy(&g);
    ocelli_device_close(&dev);
    return lecture_end("learnt_filter", err);
}
