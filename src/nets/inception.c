/* Inception with batch normalisation: V2 (Ioffe and Szegedy 2015, figure 5) and V3 (Szegedy,
 * Vanhoucke, Ioffe, Shlens, Wojna 2015, table 1, as torchvision builds it). */
#include "nets/nets.h"

#include <stdio.h>

struct layers {
    struct ocelli_graph *g;
    const char *block;
    float epsilon;
    bool training;
};

/* Convolution, normalisation, ReLU; named "<block>.<name>". */
static ocelli_value conv(const struct layers *l, const char *name, ocelli_value x, struct conv c)
{
    char full[NET_NAME];
    snprintf(full, sizeof(full), "%s.%s", l->block, name);
    return ocelli_relu(l->g, block_conv_bn(l->g, full, x, c, l->epsilon, l->training));
}

static ocelli_value classify(struct ocelli_graph *g, ocelli_value x,
                             const struct ocelli_net_params *p, float ratio)
{
    if (ratio > 0)
        x = block_dropout(g, x, p, ratio, 1);
    return ocelli_layer_dense(g, "fc", x, p->classes);
}

/* ---- V2 ---- */

/* One row of the figure: 1x1; 3x3; twice 3x3; 1x1 after pooling. c1 0: the block halves the image,
 * and the pooled maps pass as they are. */
struct block {
    const char *name;
    int c1, r3, c3, rd, cd, pool;
    bool max;
};

static ocelli_value inception(struct layers *l, ocelli_value x, const struct block *b)
{
    int stride = b->c1 ? 1 : 2, n = 0;
    ocelli_value y[4];
    l->block = b->name;
    if (b->c1)
        y[n++] = conv(l, "1x1", x, CONV(b->c1, 1));
    ocelli_value z = conv(l, "3x3_reduce", x, CONV(b->r3, 1));
    y[n++] = conv(l, "3x3", z, CONV_STRIDE(b->c3, 3, stride, 1));
    z = conv(l, "double3x3_reduce", x, CONV(b->rd, 1));
    z = conv(l, "double3x3_1", z, CONV(b->cd, 3));
    y[n++] = conv(l, "double3x3_2", z, CONV_STRIDE(b->cd, 3, stride, 1));
    z = b->max ? block_max_pool(l->g, x, 3, stride, 1) : block_average(l->g, x);
    y[n++] = b->pool ? conv(l, "pool_proj", z, CONV(b->pool, 1)) : z;
    return ocelli_concat(l->g, y, n, 1);
}

ocelli_value net_inception_v2(struct ocelli_graph *g, ocelli_value x,
                              const struct ocelli_net_params *p, int form)
{
    (void)form;
    static const struct block blocks[] = {
        {"3a", 64, 64, 64, 64, 96, 32, false},       {"3b", 64, 64, 96, 64, 96, 64, false},
        {"3c", 0, 128, 160, 64, 96, 0, true},        {"4a", 224, 64, 96, 96, 128, 128, false},
        {"4b", 192, 96, 128, 96, 128, 128, false},   {"4c", 160, 128, 160, 128, 160, 128, false},
        {"4d", 96, 128, 192, 160, 192, 128, false},  {"4e", 0, 128, 192, 192, 256, 0, true},
        {"5a", 352, 192, 320, 160, 224, 128, false}, {"5b", 352, 192, 320, 192, 224, 128, true},
    };
    struct layers l = {g, "stem", 0, p->training};
    x = block_max_pool(g, conv(&l, "conv1", x, CONV_STRIDE(64, 7, 2, 3)), 3, 2, 1);
    x = conv(&l, "conv2", conv(&l, "conv2_reduce", x, CONV(64, 1)), CONV(192, 3));
    x = block_max_pool(g, x, 3, 2, 1);
    for (int i = 0; i < 10; i++)
        x = inception(&l, x, &blocks[i]);
    return classify(g, ocelli_gap(g, x), p, 0);
}

/* ---- V3 ---- */

#define ROW(out) ((struct conv){out, {1, 7}, 1, {0, 3}})
#define COLUMN(out) ((struct conv){out, {7, 1}, 1, {3, 0}})

/* Figure 5: 5x5, and twice 3x3 in its place. */
static ocelli_value block_a(struct layers *l, const char *name, ocelli_value x, int pool)
{
    ocelli_value y[4];
    l->block = name;
    y[0] = conv(l, "1x1", x, CONV(64, 1));
    y[1] = conv(l, "5x5", conv(l, "5x5_reduce", x, CONV(48, 1)), CONV(64, 5));
    y[2] = conv(l, "double3x3_1", conv(l, "double3x3_reduce", x, CONV(64, 1)), CONV(96, 3));
    y[2] = conv(l, "double3x3_2", y[2], CONV(96, 3));
    y[3] = conv(l, "pool_proj", block_average(l->g, x), CONV(pool, 1));
    return ocelli_concat(l->g, y, 4, 1);
}

/* Figure 10: the image is halved. */
static ocelli_value block_b(struct layers *l, const char *name, ocelli_value x)
{
    ocelli_value y[3];
    l->block = name;
    y[0] = conv(l, "3x3", x, CONV_STRIDE(384, 3, 2, 0));
    y[1] = conv(l, "double3x3_1", conv(l, "double3x3_reduce", x, CONV(64, 1)), CONV(96, 3));
    y[1] = conv(l, "double3x3_2", y[1], CONV_STRIDE(96, 3, 2, 0));
    y[2] = block_max_pool(l->g, x, 3, 2, 0);
    return ocelli_concat(l->g, y, 3, 1);
}

/* Figure 6: 7x7 as a row and a column. */
static ocelli_value block_c(struct layers *l, const char *name, ocelli_value x, int width)
{
    ocelli_value y[4];
    l->block = name;
    y[0] = conv(l, "1x1", x, CONV(192, 1));
    y[1] = conv(l, "7x7_row", conv(l, "7x7_reduce", x, CONV(width, 1)), ROW(width));
    y[1] = conv(l, "7x7_column", y[1], COLUMN(192));
    y[2] =
        conv(l, "double7x7_column1", conv(l, "double7x7_reduce", x, CONV(width, 1)), COLUMN(width));
    y[2] = conv(l, "double7x7_row1", y[2], ROW(width));
    y[2] = conv(l, "double7x7_column2", y[2], COLUMN(width));
    y[2] = conv(l, "double7x7_row2", y[2], ROW(192));
    y[3] = conv(l, "pool_proj", block_average(l->g, x), CONV(192, 1));
    return ocelli_concat(l->g, y, 4, 1);
}

static ocelli_value block_d(struct layers *l, const char *name, ocelli_value x)
{
    ocelli_value y[3];
    l->block = name;
    y[0] = conv(l, "3x3", conv(l, "3x3_reduce", x, CONV(192, 1)), CONV_STRIDE(320, 3, 2, 0));
    y[1] = conv(l, "7x7_row", conv(l, "7x7_reduce", x, CONV(192, 1)), ROW(192));
    y[1] = conv(l, "7x7_column", y[1], COLUMN(192));
    y[1] = conv(l, "7x7_3x3", y[1], CONV_STRIDE(192, 3, 2, 0));
    y[2] = block_max_pool(l->g, x, 3, 2, 0);
    return ocelli_concat(l->g, y, 3, 1);
}

/* Figure 7: a row and a column side by side. */
static ocelli_value fan(const struct layers *l, const char *row, const char *column, ocelli_value x)
{
    ocelli_value y[2];
    y[0] = conv(l, row, x, (struct conv){384, {1, 3}, 1, {0, 1}});
    y[1] = conv(l, column, x, (struct conv){384, {3, 1}, 1, {1, 0}});
    return ocelli_concat(l->g, y, 2, 1);
}

static ocelli_value block_e(struct layers *l, const char *name, ocelli_value x)
{
    ocelli_value y[4];
    l->block = name;
    y[0] = conv(l, "1x1", x, CONV(320, 1));
    y[1] = fan(l, "3x3_row", "3x3_column", conv(l, "3x3_reduce", x, CONV(384, 1)));
    y[2] = conv(l, "double3x3", conv(l, "double3x3_reduce", x, CONV(448, 1)), CONV(384, 3));
    y[2] = fan(l, "double3x3_row", "double3x3_column", y[2]);
    y[3] = conv(l, "pool_proj", block_average(l->g, x), CONV(192, 1));
    return ocelli_concat(l->g, y, 4, 1);
}

static void auxiliary(struct layers *l, ocelli_value x, const struct ocelli_net_params *p)
{
    l->block = "aux1";
    x = ocelli_pool2d(
        l->g, x,
        &(struct ocelli_pool2d_params){.kind = OCELLI_POOL_AVERAGE, .kernel = {5}, .stride = {3}});
    x = conv(l, "conv0", x, CONV(128, 1));
    x = conv(l, "conv1", x, CONV_STRIDE(768, 5, 1, 0));
    x = ocelli_layer_dense(l->g, "aux1.fc", ocelli_gap(l->g, x), p->classes);
    ocelli_output(l->g, "aux1", x);
}

ocelli_value net_inception_v3(struct ocelli_graph *g, ocelli_value x,
                              const struct ocelli_net_params *p, int form)
{
    (void)form;
    struct layers l = {g, "stem", 1e-3f, p->training};
    x = conv(&l, "conv1", x, CONV_STRIDE(32, 3, 2, 0));
    x = conv(&l, "conv2", x, CONV_STRIDE(32, 3, 1, 0));
    x = block_max_pool(g, conv(&l, "conv3", x, CONV(64, 3)), 3, 2, 0);
    x = conv(&l, "conv4", x, CONV(80, 1));
    x = block_max_pool(g, conv(&l, "conv5", x, CONV_STRIDE(192, 3, 1, 0)), 3, 2, 0);
    x = block_a(&l, "5b", x, 32);
    x = block_a(&l, "5c", x, 64);
    x = block_a(&l, "5d", x, 64);
    x = block_b(&l, "6a", x);
    x = block_c(&l, "6b", x, 128);
    x = block_c(&l, "6c", x, 160);
    x = block_c(&l, "6d", x, 160);
    x = block_c(&l, "6e", x, 192);
    if (p->training)
        auxiliary(&l, x, p);
    x = block_d(&l, "7a", x);
    x = block_e(&l, "7b", x);
    x = block_e(&l, "7c", x);
    return classify(g, ocelli_gap(g, x), p, 0.5f);
}
