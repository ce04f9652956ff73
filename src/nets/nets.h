/* The networks' own functions, one family a file, and the blocks that they share. */
#ifndef NETS_NETS_H
#define NETS_NETS_H

#include <ocelli/nets.h>
#include <ocelli/ops.h>

/* Each adds the layers from the image to the logits; p is complete (no zeros), `form` says which of
 * the family. */
typedef ocelli_value net_build(struct ocelli_graph *g, ocelli_value image,
                               const struct ocelli_net_params *p, int form);

net_build net_lenet5, net_lenet5_1998, net_alexnet, net_alexnet_one_column, net_vgg, net_nin,
    net_nin_cifar, net_googlenet, net_googlenet_small, net_inception_v2, net_inception_v3,
    net_mobilenet, net_resnet, net_resnet_cifar;

/* Forms: the 16-layer VGG with 1x1 filters, what is added for a VGG with normalisation, and those for
 * images of 32x32. */
enum { VGG16C = 3, VGG_SMALL = 5, VGG_BN = 100, ALEXNET_SMALL = 1 };

/* ---- Blocks ---- */

#define NET_NAME 64 /* bytes of a layer's name */

/* A convolution: filters, their extents, stride, padding on all sides. */
struct conv {
    int out, kernel[2], stride, pad[2];
};
/* Square filters that keep the image's size. */
#define CONV(out, k) ((struct conv){out, {k, k}, 1, {(k) / 2, (k) / 2}})
#define CONV_STRIDE(out, k, stride, pad) ((struct conv){out, {k, k}, stride, {pad, pad}})

/* Convolution, bias, ReLU. */
ocelli_value block_conv(struct ocelli_graph *g, const char *name, ocelli_value x, struct conv c);
/* Convolution and batch normalisation (without ReLU), named "<name>.conv" and "<name>.bn". */
ocelli_value block_conv_bn(struct ocelli_graph *g, const char *name, ocelli_value x, struct conv c,
                           float epsilon, bool training);
ocelli_value block_max_pool(struct ocelli_graph *g, ocelli_value x, int kernel, int stride,
                            int pad);
/* Average over 3x3 windows around each pixel, padding counted. */
ocelli_value block_average(struct ocelli_graph *g, ocelli_value x);
/* Dropout where the network is being trained; number tells one from another. */
ocelli_value block_dropout(struct ocelli_graph *g, ocelli_value x,
                           const struct ocelli_net_params *p, float ratio, int number);

#endif
