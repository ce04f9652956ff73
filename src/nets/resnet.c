/* Residual networks. He, Zhang, Ren, Sun 2015: table 1, and section 4.2 for CIFAR-10. */
#include "nets/nets.h"

#include <stdio.h>

/* Convolution and normalisation, numbered within a block. */
static ocelli_value conv(struct ocelli_graph *g, const char *block, int number, ocelli_value x,
                         struct conv c, bool training)
{
    char name[NET_NAME + 16];
    snprintf(name, sizeof(name), "%s.%d", block, number);
    return block_conv_bn(g, name, x, c, 0, training);
}

static ocelli_value projection(struct ocelli_graph *g, const char *block, ocelli_value x, int out,
                               int stride, bool training)
{
    char name[NET_NAME + 16];
    snprintf(name, sizeof(name), "%s.shortcut", block);
    return block_conv_bn(g, name, x, CONV_STRIDE(out, 1, stride, 0), 0, training);
}

static int channels(struct ocelli_graph *g, ocelli_value x)
{
    return (int)ocelli_value_shape(g, x).dim[1];
}

/* Two 3x3. */
static ocelli_value basic(struct ocelli_graph *g, const char *name, ocelli_value x, int width,
                          int stride, bool training)
{
    ocelli_value y =
        ocelli_relu(g, conv(g, name, 1, x, CONV_STRIDE(width, 3, stride, 1), training));
    y = conv(g, name, 2, y, CONV(width, 3), training);
    if (stride != 1 || channels(g, x) != width)
        x = projection(g, name, x, width, stride, training);
    return ocelli_relu(g, ocelli_add(g, y, x));
}

/* 1x1, 3x3, and 1x1 to four times the width (figure 5). */
static ocelli_value bottleneck(struct ocelli_graph *g, const char *name, ocelli_value x, int width,
                               int stride, bool training)
{
    ocelli_value y = ocelli_relu(g, conv(g, name, 1, x, CONV(width, 1), training));
    y = ocelli_relu(g, conv(g, name, 2, y, CONV_STRIDE(width, 3, stride, 1), training));
    y = conv(g, name, 3, y, CONV(4 * width, 1), training);
    if (stride != 1 || channels(g, x) != 4 * width)
        x = projection(g, name, x, 4 * width, stride, training);
    return ocelli_relu(g, ocelli_add(g, y, x));
}

#define STAGES 4
static const struct {
    int depth, blocks[STAGES];
} forms[] = {
    {18, {2, 2, 2, 2}},   {34, {3, 4, 6, 3}},   {50, {3, 4, 6, 3}},
    {101, {3, 4, 23, 3}}, {152, {3, 8, 36, 3}},
};

ocelli_value net_resnet(struct ocelli_graph *g, ocelli_value x, const struct ocelli_net_params *p,
                        int form)
{
    int i = 0;
    while (forms[i].depth != form)
        i++;
    x = ocelli_relu(g, block_conv_bn(g, "stem", x, CONV_STRIDE(64, 7, 2, 3), 0, p->training));
    x = block_max_pool(g, x, 3, 2, 1);
    for (int s = 0; s < STAGES; s++) {
        for (int b = 0; b < forms[i].blocks[s]; b++) {
            char name[NET_NAME];
            snprintf(name, sizeof(name), "stage%d.%d", s + 1, b + 1);
            x = (form < 50 ? basic : bottleneck)(g, name, x, 64 << s, s > 0 && b == 0 ? 2 : 1,
                                                 p->training);
        }
    }
    return ocelli_layer_dense(g, "fc", ocelli_gap(g, x), p->classes);
}

/* ---- CIFAR form: 6n + 2 layers, shortcuts without weights ---- */

/* Option A: every second pixel, and channels of zeros on both sides. */
static ocelli_value shortcut_a(struct ocelli_graph *g, ocelli_value x, int width)
{
    const struct ocelli_shape s = ocelli_value_shape(g, x);
    const int64_t start[4] = {0}, step[4] = {1, 1, 2, 2};
    const int64_t count[4] = {s.dim[0], s.dim[1], (s.dim[2] + 1) / 2, (s.dim[3] + 1) / 2};
    int more = width - (int)s.dim[1];
    x = ocelli_slice(g, x, start, step, count);
    return ocelli_pad(
        g, x, &(struct ocelli_pad_params){.begin = {0, more / 2}, .end = {0, more - more / 2}});
}

static ocelli_value basic_a(struct ocelli_graph *g, const char *name, ocelli_value x, int width,
                            int stride, bool training)
{
    ocelli_value y =
        ocelli_relu(g, conv(g, name, 1, x, CONV_STRIDE(width, 3, stride, 1), training));
    y = conv(g, name, 2, y, CONV(width, 3), training);
    return ocelli_relu(g, ocelli_add(g, y, stride == 1 ? x : shortcut_a(g, x, width)));
}

ocelli_value net_resnet_cifar(struct ocelli_graph *g, ocelli_value x,
                              const struct ocelli_net_params *p, int form)
{
    x = ocelli_relu(g, block_conv_bn(g, "stem", x, CONV(16, 3), 0, p->training));
    for (int s = 0; s < 3; s++) {
        for (int b = 0; b < (form - 2) / 6; b++) {
            char name[NET_NAME];
            snprintf(name, sizeof(name), "stage%d.%d", s + 1, b + 1);
            x = basic_a(g, name, x, 16 << s, s > 0 && b == 0 ? 2 : 1, p->training);
        }
    }
    return ocelli_layer_dense(g, "fc", ocelli_gap(g, x), p->classes);
}
