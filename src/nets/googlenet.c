/* GoogLeNet (Inception V1). Szegedy et al. 2014, table 1. */
#include "nets/nets.h"

#include <stdio.h>

/* One row of the table: 1x1; 3x3 after its reduction; 5x5 after its reduction; 1x1 after pooling.
 */
struct block {
    const char *name;
    int c1, r3, c3, r5, c5, pool;
};

static const struct block blocks3[] = {
    {"3a", 64, 96, 128, 16, 32, 32},
    {"3b", 128, 128, 192, 32, 96, 64},
};
static const struct block blocks4[] = {
    {"4a", 192, 96, 208, 16, 48, 64},    {"4b", 160, 112, 224, 24, 64, 64},
    {"4c", 128, 128, 256, 24, 64, 64},   {"4d", 112, 144, 288, 32, 64, 64},
    {"4e", 256, 160, 320, 32, 128, 128},
};
static const struct block blocks5[] = {
    {"5a", 256, 160, 320, 32, 128, 128},
    {"5b", 384, 192, 384, 48, 128, 128},
};

/* Half as wide, of both ends and the middle of the table: for images of 32x32. */
static const struct block small[] = {
    {"3a", 32, 48, 64, 8, 16, 16},    {"3b", 64, 64, 96, 16, 48, 32},
    {"4a", 96, 48, 104, 8, 24, 32},   {"4e", 128, 80, 160, 16, 64, 64},
    {"5b", 192, 96, 192, 24, 64, 64},
};

/* Convolution and ReLU, and a normalisation between where there is one (the small form). */
struct layers {
    struct ocelli_graph *g;
    bool normalised, training;
};

static ocelli_value conv(const struct layers *l, const char *block, const char *layer,
                         ocelli_value x, struct conv c)
{
    char name[NET_NAME];
    snprintf(name, sizeof(name), "%s.%s", block, layer);
    if (l->normalised)
        return ocelli_relu(l->g, block_conv_bn(l->g, name, x, c, 0, l->training));
    return block_conv(l->g, name, x, c);
}

static ocelli_value inception(const struct layers *l, ocelli_value x, const struct block *b)
{
    ocelli_value y[4];
    y[0] = conv(l, b->name, "1x1", x, CONV(b->c1, 1));
    y[1] = conv(l, b->name, "3x3_reduce", x, CONV(b->r3, 1));
    y[1] = conv(l, b->name, "3x3", y[1], CONV(b->c3, 3));
    y[2] = conv(l, b->name, "5x5_reduce", x, CONV(b->r5, 1));
    y[2] = conv(l, b->name, "5x5", y[2], CONV(b->c5, 5));
    y[3] = conv(l, b->name, "pool_proj", block_max_pool(l->g, x, 3, 1, 1), CONV(b->pool, 1));
    return ocelli_concat(l->g, y, 4, 1);
}

/* 3x3 with stride 2; the windows at the lower and right edge may stand over. */
static ocelli_value shrink(struct ocelli_graph *g, ocelli_value x)
{
    return ocelli_pool2d(
        g, x, &(struct ocelli_pool2d_params){.kernel = {3}, .stride = {2}, .ceil_mode = true});
}

static ocelli_value normalise(struct ocelli_graph *g, ocelli_value x)
{
    return ocelli_lrn(g, x, &(struct ocelli_lrn_params){.size = 5});
}

/* Section 5: what helps the gradient into the lower layers, only while training. */
static void auxiliary(const struct layers *l, const char *name, ocelli_value x,
                      const struct ocelli_net_params *p, int number)
{
    struct ocelli_graph *g = l->g;
    char layer[NET_NAME];
    x = ocelli_pool2d(
        g, x,
        &(struct ocelli_pool2d_params){.kind = OCELLI_POOL_AVERAGE, .kernel = {5}, .stride = {3}});
    x = conv(l, name, "conv", x, CONV(128, 1));
    snprintf(layer, sizeof(layer), "%s.fc1", name);
    x = block_dropout(g, ocelli_relu(g, ocelli_layer_dense(g, layer, x, 1024)), p, 0.7f, number);
    snprintf(layer, sizeof(layer), "%s.fc2", name);
    ocelli_output(g, name, ocelli_layer_dense(g, layer, x, p->classes));
}

ocelli_value net_googlenet(struct ocelli_graph *g, ocelli_value x,
                           const struct ocelli_net_params *p, int form)
{
    (void)form;
    const struct layers l = {g, false, p->training};
    x = block_conv(g, "conv1", x, CONV_STRIDE(64, 7, 2, 3));
    x = normalise(g, shrink(g, x));
    x = block_conv(g, "conv2.reduce", x, CONV(64, 1));
    x = block_conv(g, "conv2", x, CONV(192, 3));
    x = shrink(g, normalise(g, x));
    for (int i = 0; i < 2; i++)
        x = inception(&l, x, &blocks3[i]);
    x = shrink(g, x);
    for (int i = 0; i < 5; i++) {
        x = inception(&l, x, &blocks4[i]);
        if (p->training && i == 0)
            auxiliary(&l, "aux1", x, p, 2);
        if (p->training && i == 3)
            auxiliary(&l, "aux2", x, p, 3);
    }
    x = shrink(g, x);
    for (int i = 0; i < 2; i++)
        x = inception(&l, x, &blocks5[i]);
    x = block_dropout(g, ocelli_gap(g, x), p, 0.4f, 1);
    return ocelli_layer_dense(g, "fc", x, p->classes);
}

ocelli_value net_googlenet_small(struct ocelli_graph *g, ocelli_value x,
                                 const struct ocelli_net_params *p, int form)
{
    (void)form;
    const struct layers l = {g, true, p->training};
    x = shrink(g, conv(&l, "stem", "conv1", x, CONV(64, 3)));
    for (int i = 0; i < 5; i++) {
        x = inception(&l, x, &small[i]);
        if (i == 1 || i == 3)
            x = shrink(g, x);
    }
    x = block_dropout(g, ocelli_gap(g, x), p, 0.4f, 1);
    return ocelli_layer_dense(g, "fc", x, p->classes);
}
