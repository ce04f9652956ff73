/* AlexNet. Krizhevsky, Sutskever, Hinton 2012, section 3.5: two columns (two graphics processors
 * then, groups now) that meet in the third convolution and in the dense layers; normalisation
 * across channels with k = 2, n = 5, alpha = 1e-4, beta = 0.75 (section 3.3); overlapping pooling
 * (3.4). */
#include "nets/nets.h"

static ocelli_value grouped(struct ocelli_graph *g, const char *name, ocelli_value x, int out,
                            int kernel, int groups)
{
    const struct ocelli_conv2d_params p = {.kernel = {kernel},
                                           .pad = {kernel / 2, kernel / 2, kernel / 2, kernel / 2},
                                           .groups = groups};
    return ocelli_relu(g, ocelli_layer_conv2d(g, name, x, out, &p));
}

static ocelli_value normalise(struct ocelli_graph *g, ocelli_value x)
{
    /* The paper's sum is not divided by n, this operation's is. */
    return ocelli_lrn(g, x, &(struct ocelli_lrn_params){5, 5e-4f, 0.75f, 2});
}

static ocelli_value classifier(struct ocelli_graph *g, ocelli_value x,
                               const struct ocelli_net_params *p, int width)
{
    x = ocelli_relu(g, ocelli_layer_dense(g, "fc6", block_dropout(g, x, p, 0.5f, 1), width));
    x = ocelli_relu(g, ocelli_layer_dense(g, "fc7", block_dropout(g, x, p, 0.5f, 2), width));
    return ocelli_layer_dense(g, "fc8", x, p->classes);
}

/* The paper's, and one for images of 32x32: its first layer keeps the image's size. */
static const struct {
    struct conv first;
    int maps[4], dense;
} forms[] = {
    {{96, {11, 11}, 4, {0, 0}}, {256, 384, 384, 256}, 4096},
    [ALEXNET_SMALL] = {{64, {5, 5}, 1, {2, 2}}, {128, 192, 192, 128}, 512},
};

ocelli_value net_alexnet(struct ocelli_graph *g, ocelli_value x, const struct ocelli_net_params *p,
                         int form)
{
    const int *maps = forms[form].maps;
    x = block_conv(g, "conv1", x, forms[form].first);
    x = block_max_pool(g, normalise(g, x), 3, 2, 0);
    x = grouped(g, "conv2", x, maps[0], 5, 2);
    x = block_max_pool(g, normalise(g, x), 3, 2, 0);
    x = grouped(g, "conv3", x, maps[1], 3, 1);
    x = grouped(g, "conv4", x, maps[2], 3, 2);
    x = grouped(g, "conv5", x, maps[3], 3, 2);
    return classifier(g, block_max_pool(g, x, 3, 2, 0), p, forms[form].dense);
}

/* Krizhevsky 2014 ("One weird trick", footnote 1), as torchvision builds it: one column, no
 * normalisation. */
ocelli_value net_alexnet_one_column(struct ocelli_graph *g, ocelli_value x,
                                    const struct ocelli_net_params *p, int form)
{
    (void)form;
    x = block_conv(g, "conv1", x, CONV_STRIDE(64, 11, 4, 2));
    x = block_conv(g, "conv2", block_max_pool(g, x, 3, 2, 0), CONV(192, 5));
    x = block_conv(g, "conv3", block_max_pool(g, x, 3, 2, 0), CONV(384, 3));
    x = block_conv(g, "conv4", x, CONV(256, 3));
    x = block_conv(g, "conv5", x, CONV(256, 3));
    return classifier(g, block_max_pool(g, x, 3, 2, 0), p, 4096);
}
