/* Network in Network. Lin, Chen, Yan 2013: each convolution is followed by two of 1x1 (a small
 * dense network at every pixel, "mlpconv"); the last one's feature maps are averaged into the class
 * scores. */
#include "nets/nets.h"

#include <stdio.h>

static ocelli_value mlpconv(struct ocelli_graph *g, const char *name, ocelli_value x, struct conv c,
                            int second, int third)
{
    char part[NET_NAME];
    x = block_conv(g, name, x, c);
    snprintf(part, sizeof(part), "%s.cccp1", name);
    x = block_conv(g, part, x, CONV(second, 1));
    snprintf(part, sizeof(part), "%s.cccp2", name);
    return block_conv(g, part, x, CONV(third, 1));
}

static ocelli_value scores(struct ocelli_graph *g, ocelli_value x)
{
    return ocelli_flatten(g, ocelli_gap(g, x));
}

ocelli_value net_nin(struct ocelli_graph *g, ocelli_value x, const struct ocelli_net_params *p,
                     int form)
{
    (void)form;
    x = mlpconv(g, "conv1", x, CONV_STRIDE(96, 11, 4, 0), 96, 96);
    x = mlpconv(g, "conv2", block_max_pool(g, x, 3, 2, 0), CONV(256, 5), 256, 256);
    x = mlpconv(g, "conv3", block_max_pool(g, x, 3, 2, 0), CONV(384, 3), 384, 384);
    x = block_dropout(g, block_max_pool(g, x, 3, 2, 0), p, 0.5f, 1);
    return scores(g, mlpconv(g, "conv4", x, CONV(1024, 3), 1024, p->classes));
}

ocelli_value net_nin_cifar(struct ocelli_graph *g, ocelli_value x,
                           const struct ocelli_net_params *p, int form)
{
    (void)form;
    const struct ocelli_pool2d_params average = {
        .kind = OCELLI_POOL_AVERAGE, .kernel = {3}, .stride = {2}, .pad = {1, 1, 1, 1}};
    x = mlpconv(g, "conv1", x, CONV(192, 5), 160, 96);
    x = block_dropout(g, block_max_pool(g, x, 3, 2, 1), p, 0.5f, 1);
    x = mlpconv(g, "conv2", x, CONV(192, 5), 192, 192);
    x = block_dropout(g, ocelli_pool2d(g, x, &average), p, 0.5f, 2);
    return scores(g, mlpconv(g, "conv3", x, CONV(192, 3), 192, p->classes));
}
