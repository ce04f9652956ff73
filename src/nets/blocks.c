#include "nets/nets.h"

#include <stdio.h>

static ocelli_value convolve(struct ocelli_graph *g, const char *name, ocelli_value x,
                             struct conv c, bool no_bias)
{
    const struct ocelli_conv2d_params p = {.kernel = {c.kernel[0], c.kernel[1]},
                                           .stride = {c.stride, c.stride},
                                           .pad = {c.pad[0], c.pad[1], c.pad[0], c.pad[1]},
                                           .no_bias = no_bias};
    return ocelli_layer_conv2d(g, name, x, c.out, &p);
}

ocelli_value block_conv(struct ocelli_graph *g, const char *name, ocelli_value x, struct conv c)
{
    return ocelli_relu(g, convolve(g, name, x, c, false));
}

ocelli_value block_conv_bn(struct ocelli_graph *g, const char *name, ocelli_value x, struct conv c,
                           float epsilon, bool training)
{
    const struct ocelli_layer_batchnorm_params bn = {{.epsilon = epsilon}, training};
    char part[NET_NAME + 8];
    snprintf(part, sizeof(part), "%s.conv", name);
    x = convolve(g, part, x, c, true);
    snprintf(part, sizeof(part), "%s.bn", name);
    return ocelli_layer_batchnorm(g, part, x, &bn);
}

ocelli_value block_max_pool(struct ocelli_graph *g, ocelli_value x, int kernel, int stride, int pad)
{
    const struct ocelli_pool2d_params p = {
        .kernel = {kernel}, .stride = {stride}, .pad = {pad, pad, pad, pad}};
    return ocelli_pool2d(g, x, &p);
}

ocelli_value block_average(struct ocelli_graph *g, ocelli_value x)
{
    const struct ocelli_pool2d_params p = {.kind = OCELLI_POOL_AVERAGE,
                                           .kernel = {3},
                                           .stride = {1},
                                           .pad = {1, 1, 1, 1},
                                           .count_include_pad = true};
    return ocelli_pool2d(g, x, &p);
}

ocelli_value block_dropout(struct ocelli_graph *g, ocelli_value x,
                           const struct ocelli_net_params *p, float ratio, int number)
{
    if (!p->training)
        return x;
    /* Seeds of neighbouring networks do not share streams. */
    int seed = (int)(((unsigned)p->seed * 64u + (unsigned)number) & ((1u << 30) - 1));
    return ocelli_dropout(g, x, &(struct ocelli_dropout_params){ratio, seed});
}
