/* A network of two dense layers learns whether a point lies inside a circle.
 *
 *     two_layers [STEPS]
 *
 * Builds the graph, lets the library add gradients and update steps, and runs the plan; prints the
 * loss as it goes down and how many new points the network then places rightly. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <ocelli/ocelli.h>

enum { BATCH = 64, HIDDEN = 16 };

/* Random points in the square [-1, 1] x [-1, 1]; label 1 for those within 0.75 of its middle. */
static void draw_points(float *xy, int32_t *label)
{
    static uint32_t state = 1;
    for (int i = 0; i < 2 * BATCH; i++) {
        state = state * 1664525u + 1013904223u;
        xy[i] = (float)(state >> 8) / (float)(1 << 23) - 1;
    }
    for (int i = 0; i < BATCH; i++)
        label[i] = xy[2 * i] * xy[2 * i] + xy[2 * i + 1] * xy[2 * i + 1] < 0.75f * 0.75f;
}

static struct ocelli_graph *build(void)
{
    struct ocelli_graph *g;
    if (ocelli_graph_create(&g))
        return NULL;
    ocelli_value x = ocelli_input(g, "points", OCELLI_F32, &OCELLI_SHAPE(BATCH, 2));
    ocelli_value labels = ocelli_input(g, "labels", OCELLI_I32, &OCELLI_SHAPE(BATCH));
    x = ocelli_relu(g, ocelli_layer_dense(g, "hidden", x, HIDDEN));
    x = ocelli_layer_dense(g, "out", x, 2);
    ocelli_value loss = ocelli_softmax_xent(g, x, labels);
    ocelli_output(g, "loss", loss);
    ocelli_output(g, "correct", ocelli_in_top_k(g, x, labels, NULL));
    ocelli_optimize(g, loss, &(struct ocelli_optimizer_params){.momentum = 0.9f});
    return g;
}

/* The mean of an output with one number a point. */
static int mean(const struct ocelli_plan *plan, const char *name, double *out)
{
    float v[BATCH];
    int err = ocelli_tensor_read(ocelli_plan_tensor(plan, name), v, sizeof(v));
    *out = 0;
    for (int i = 0; i < BATCH; i++)
        *out += (double)v[i] / BATCH;
    return err;
}

/* One step: new points in, forward, backward, update. */
static int step(struct ocelli_plan *plan, float lr)
{
    float xy[2 * BATCH];
    int32_t label[BATCH];
    int err;
    draw_points(xy, label);
    if ((err = ocelli_tensor_write(ocelli_plan_tensor(plan, "points"), xy, sizeof(xy))) ||
        (err = ocelli_tensor_write(ocelli_plan_tensor(plan, "labels"), label, sizeof(label))) ||
        (err = ocelli_tensor_write(ocelli_plan_tensor(plan, "lr"), &lr, sizeof(lr))))
        return err;
    return ocelli_plan_run(plan);
}

int main(int argc, char **argv)
{
    int steps = argc > 1 ? atoi(argv[1]) : 500, err;
    struct ocelli_device *dev = NULL;
    struct ocelli_plan *plan = NULL;
    struct ocelli_graph *g = build();
    double loss = 0, first = 0, correct = 0;

    if ((err = g ? ocelli_graph_status(g) : OCELLI_ERR_MEMORY) ||
        (err = ocelli_device_open(&dev, NULL)) ||
        (err = ocelli_plan_create(&plan, dev, g, &(struct ocelli_plan_params){.seed = 1})))
        goto out;
    printf("%lld parameters on %s\n", (long long)ocelli_graph_parameters(g),
           ocelli_device_get_info(dev)->name);
    for (int i = 0; i < steps; i++) {
        if ((err = step(plan, 0.1f)) || (err = mean(plan, "loss", &loss)))
            goto out;
        if (i == 0)
            first = loss;
        if (i % 100 == 0 || i == steps - 1)
            printf("step %4d  loss %.4f\n", i, loss);
    }
    /* A learning rate of 0 leaves the weights as they are. */
    if ((err = step(plan, 0)) || (err = mean(plan, "correct", &correct)))
        goto out;
    printf("%.0f of %d new points are right\n", correct * BATCH, BATCH);
out:
    if (err)
        fprintf(stderr, "two_layers: %s: %s\n", ocelli_strerror(err), ocelli_error());
    ocelli_plan_destroy(&plan);
    ocelli_graph_destroy(&g);
    ocelli_device_close(&dev);
    return err || !(loss < first / 2);
}
