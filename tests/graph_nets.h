/* A graph of each test's own, and the lecture's network in it. */
#ifndef TESTS_GRAPH_NETS_H
#define TESTS_GRAPH_NETS_H

#include "test.h"

#include <ocelli/ops.h>

#include "graph/passes.h"
#include "ops/attrs.h"

static struct ocelli_graph *g;

static void set_up(void)
{
    assert_ok(ocelli_graph_create(&g));
}

static void tear_down(void)
{
    ocelli_graph_destroy(&g);
    ck_assert_ptr_null(g);
}

static ocelli_value image(int n, int c, int h, int w)
{
    return ocelli_input(g, "image", OCELLI_F32, &OCELLI_SHAPE(n, c, h, w));
}

/* The 61,706-parameter network of the lecture, up to its loss when asked. */
static ocelli_value lenet(int batch, bool with_loss)
{
    const struct ocelli_pool2d_params pool = {.kernel = {2, 2}};
    ocelli_value x = image(batch, 1, 28, 28);
    x = ocelli_layer_conv2d(g, "conv1", x, 6,
                            &(struct ocelli_conv2d_params){.kernel = {5, 5}, .pad = {2, 2, 2, 2}});
    x = ocelli_pool2d(g, ocelli_relu(g, x), &pool);
    x = ocelli_layer_conv2d(g, "conv2", x, 16, &(struct ocelli_conv2d_params){.kernel = {5}});
    x = ocelli_pool2d(g, ocelli_relu(g, x), &pool);
    x = ocelli_relu(g, ocelli_layer_dense(g, "fc1", x, 120));
    x = ocelli_relu(g, ocelli_layer_dense(g, "fc2", x, 84));
    x = ocelli_layer_dense(g, "fc3", x, 10);
    ocelli_output(g, "logits", x);
    if (with_loss) {
        ocelli_value labels = ocelli_input(g, "labels", OCELLI_I32, &OCELLI_SHAPE(batch));
        x = ocelli_softmax_xent(g, x, labels);
        ocelli_output(g, "loss", x);
    }
    return x;
}

#endif
