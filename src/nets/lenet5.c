/* LeNet-5, in the form in common use and in that of its paper. */
#include "nets/nets.h"

#include <ocelli/ops.h>

static ocelli_value pool(struct ocelli_graph *g, ocelli_value x)
{
    return ocelli_pool2d(g, x, &(struct ocelli_pool2d_params){.kernel = {2, 2}});
}

ocelli_value net_lenet5(struct ocelli_graph *g, ocelli_value x, const struct ocelli_net_params *p,
                        int form)
{
    (void)form;
    x = ocelli_layer_conv2d(g, "conv1", x, 6,
                            &(struct ocelli_conv2d_params){.kernel = {5, 5}, .pad = {2, 2, 2, 2}});
    x = pool(g, ocelli_relu(g, x));
    x = ocelli_layer_conv2d(g, "conv2", x, 16, &(struct ocelli_conv2d_params){.kernel = {5, 5}});
    x = pool(g, ocelli_relu(g, x));
    x = ocelli_relu(g, ocelli_layer_dense(g, "fc1", x, 120));
    x = ocelli_relu(g, ocelli_layer_dense(g, "fc2", x, 84));
    return ocelli_layer_dense(g, "fc3", x, p->classes);
}

/* ---- LeCun, Bottou, Bengio, Haffner 1998, section II.B ----
 *
 * As in the paper: the layers C1 to F6 with its numbers of weights (156, 12, 1516, 32, 48120,
 * 10164), trainable subsampling, the table of which S2 maps each C3 map sees, f(a) = 1.7159
 * tanh(2/3 a) after each of them, and the 28x28 characters in a 32x32 field.
 *
 * Not as in the paper, its output: ten Euclidean radial basis functions with hand-drawn 7x12
 * targets. Here a dense layer (850 weights), whose softmax the training takes; so there are 60,850
 * weights where the paper has 60,000.
 *
 * Nor the pixels: 0 to 1 in a field of 0, the paper's are -0.1 to 1.175 in a field of -0.1.
 *
 * Nor how weights begin: as LeCun et al. 1998 ("Efficient BackProp", section 4.6) give for this f,
 * with one bound for all of C3, where the paper has U(-2.4 / fan_in, 2.4 / fan_in) by unit. */

#define C3_MAPS 16
#define S2_MAPS 6
#define C3_FILTERS 60 /* connections in the table */
#define TAPS 25       /* of a 5x5 filter */

/* The paper's table I: bit m of entry k: C3 map k sees S2 map m. */
static const unsigned char c3_table[C3_MAPS] = {
    0x07, 0x0e, 0x1c, 0x38, 0x31, 0x23, 0x0f, 0x1e, 0x3c, 0x39, 0x33, 0x27, 0x1b, 0x36, 0x2d, 0x3f,
};

/* A convolution has a filter for every pair of maps, the table has 60 of 96: a constant 96 x 60
 * matrix of zeros and ones puts the 60 filters to their places, and its transpose brings their
 * gradients back. */
static ocelli_value c3(struct ocelli_graph *g, ocelli_value x)
{
    float place[C3_MAPS * S2_MAPS * C3_FILTERS] = {0};
    int filter = 0;
    for (int row = 0; row < C3_MAPS * S2_MAPS; row++)
        if (c3_table[row / S2_MAPS] >> (row % S2_MAPS) & 1)
            place[row * C3_FILTERS + filter++] = 1;
    ocelli_value m = ocelli_const(g, "c3.table", OCELLI_F32,
                                  &OCELLI_SHAPE(C3_MAPS * S2_MAPS, C3_FILTERS), place);
    ocelli_value w = ocelli_weight(g, "c3.weight", &OCELLI_SHAPE(C3_FILTERS, TAPS),
                                   &(struct ocelli_init){.fan_in = 4 * TAPS, .fan_out = 10 * TAPS});
    ocelli_value b = ocelli_weight(g, "c3.bias", &OCELLI_SHAPE(C3_MAPS),
                                   &(struct ocelli_init){.kind = OCELLI_INIT_CONSTANT});
    w = ocelli_reshape(g, ocelli_gemm(g, m, w, NULL), &OCELLI_SHAPE(C3_MAPS, S2_MAPS, 5, 5));
    return ocelli_bias(g, ocelli_conv2d(g, x, w, NULL), b);
}

static ocelli_value squash(struct ocelli_graph *g, ocelli_value x)
{
    return ocelli_unary(
        g, x,
        &(struct ocelli_unary_params){.kind = OCELLI_TANH, .alpha = 1.7159f, .beta = 2.0f / 3.0f});
}

ocelli_value net_lenet5_1998(struct ocelli_graph *g, ocelli_value x,
                             const struct ocelli_net_params *p, int form)
{
    (void)form;
    x = ocelli_layer_conv2d(g, "c1", x, S2_MAPS,
                            &(struct ocelli_conv2d_params){.kernel = {5, 5}, .pad = {2, 2, 2, 2}});
    x = squash(g, x);
    x = squash(g, ocelli_layer_subsample(g, "s2", x, 2));
    x = squash(g, c3(g, x));
    x = squash(g, ocelli_layer_subsample(g, "s4", x, 2));
    x = ocelli_layer_conv2d(g, "c5", x, 120, &(struct ocelli_conv2d_params){.kernel = {5, 5}});
    x = squash(g, x);
    x = squash(g, ocelli_layer_dense(g, "f6", x, 84));
    return ocelli_layer_dense(g, "output", x, p->classes);
}
