/* LeNet-5, layer by layer, learns to read the digits of a clock: bars somewhere in a noisy image.
 *
 *     lenet5 [STEPS]
 */
#include "lecture.h"

enum { BATCH = 32, SIZE = 28, CLASSES = 10 };

/* 28x28 -> 6 maps of 28x28 -> 14x14 -> 16 of 10x10 -> 5x5 -> 120 -> 84 -> 10. */
static ocelli_value lenet5(struct ocelli_graph *g, ocelli_value x)
{
    const struct ocelli_pool2d_params halve = {.kernel = {2}};
    x = ocelli_layer_conv2d(g, "conv1", x, 6,
                            &(struct ocelli_conv2d_params){.kernel = {5}, .pad = {2, 2, 2, 2}});
    x = ocelli_pool2d(g, ocelli_relu(g, x), &halve);
    x = ocelli_layer_conv2d(g, "conv2", x, 16, &(struct ocelli_conv2d_params){.kernel = {5}});
    x = ocelli_pool2d(g, ocelli_relu(g, x), &halve);
    x = ocelli_relu(g, ocelli_layer_dense(g, "fc1", x, 120));
    x = ocelli_relu(g, ocelli_layer_dense(g, "fc2", x, 84));
    return ocelli_layer_dense(g, "fc3", x, CLASSES);
}

static void show_layers(const struct ocelli_graph *g)
{
    struct ocelli_layer l;
    for (int i = 0; i < ocelli_graph_layers(g); i++)
        if (ocelli_graph_layer(g, i, &l) == 0 && l.parameters)
            printf("%-6s %-5s %7lld parameters %8lld multiply-adds\n", l.name, l.op,
                   (long long)l.parameters, (long long)l.macs);
    printf("%lld parameters in all\n", (long long)ocelli_graph_parameters(g));
}

int main(int argc, char **argv)
{
    int steps = argc > 1 ? atoi(argv[1]) : 200, err;
    float loss = 0, right = 0, all = 0;
    struct ocelli_device *dev = NULL;
    struct ocelli_plan *plan = NULL;
    struct ocelli_graph *g = NULL;

    if ((err = ocelli_graph_create(&g)))
        goto out;
    ocelli_value x = ocelli_input(g, "image", OCELLI_F32, &OCELLI_SHAPE(BATCH, 1, SIZE, SIZE));
    ocelli_value labels = ocelli_input(g, "labels", OCELLI_I32, &OCELLI_SHAPE(BATCH));
    ocelli_value logits = lenet5(g, x);
    show_layers(g);
    ocelli_value cost = ocelli_softmax_xent(g, logits, labels);
    ocelli_output(g, "loss", cost);
    ocelli_output(g, "correct", ocelli_in_top_k(g, logits, labels, NULL));
    ocelli_optimize(g, cost, &(struct ocelli_optimizer_params){.momentum = 0.9f});

    if ((err = ocelli_device_open(&dev, NULL)) ||
        (err = ocelli_plan_create(&plan, dev, g, &(struct ocelli_plan_params){.seed = 1})))
        goto out;
    for (int i = 1; i <= steps; i++) {
        if ((err = lecture_step(plan, NULL, BATCH, SIZE, 0.02f, &loss, &right)))
            goto out;
        if (i % 50 == 0)
            printf("step %4d  loss %.3f  %2.0f of %d right\n", i, (double)loss, (double)right,
                   BATCH);
    }
    /* New digits; a learning rate of 0 leaves the weights as they are. */
    for (int i = 0; i < 10 && !err; i++, all += right)
        err = lecture_step(plan, NULL, BATCH, SIZE, 0, &loss, &right);
    printf("%.0f of %d new digits are read rightly\n", (double)all, 10 * BATCH);
    if (!err && all < 0.8f * 10 * BATCH)
        err = OCELLI_ERR_INVALID;
out:
    ocelli_plan_destroy(&plan);
    ocelli_graph_destroy(&g);
    ocelli_device_close(&dev);
    return lecture_end("lenet5", err);
}
