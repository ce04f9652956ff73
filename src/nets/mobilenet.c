/* MobileNet. Howard et al. 2017, table 1. */
#include "nets/nets.h"

#include <stdio.h>

/* Each pair: a 3x3 filter for every channel by itself, then 1x1 filters over all channels. */
static const struct {
    int filters, stride;
} pairs[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
             {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
#define N_PAIRS ((int)(sizeof(pairs) / sizeof(pairs[0])))

static ocelli_value depthwise(struct ocelli_graph *g, const char *name, ocelli_value x, int stride,
                              bool training)
{
    const int channels = (int)ocelli_value_shape(g, x).dim[1];
    const struct ocelli_conv2d_params p = {.kernel = {3, 3},
                                           .stride = {stride, stride},
                                           .pad = {1, 1, 1, 1},
                                           .groups = channels,
                                           .no_bias = true};
    char part[NET_NAME + 8];
    snprintf(part, sizeof(part), "%s.conv", name);
    x = ocelli_layer_conv2d(g, part, x, channels, &p);
    snprintf(part, sizeof(part), "%s.bn", name);
    return ocelli_layer_batchnorm(g, part, x,
                                  &(struct ocelli_layer_batchnorm_params){.training = training});
}

ocelli_value net_mobilenet(struct ocelli_graph *g, ocelli_value x,
                           const struct ocelli_net_params *p, int form)
{
    (void)form;
    x = ocelli_relu(g, block_conv_bn(g, "conv1", x, CONV_STRIDE(32, 3, 2, 1), 0, p->training));
    for (int i = 0; i < N_PAIRS; i++) {
        char name[NET_NAME];
        snprintf(name, sizeof(name), "conv%d.depthwise", i + 2);
        x = ocelli_relu(g, depthwise(g, name, x, pairs[i].stride, p->training));
        snprintf(name, sizeof(name), "conv%d.pointwise", i + 2);
        x = ocelli_relu(g, block_conv_bn(g, name, x, CONV(pairs[i].filters, 1), 0, p->training));
    }
    return ocelli_layer_dense(g, "fc", ocelli_flatten(g, ocelli_gap(g, x)), p->classes);
}
