/* Tensors in blocks of channels (conv2d_blocked.h), for the operations between convolutions whose
 * other inputs or results are one number a channel, plain. */
#ifndef OPS_BLOCKS_H
#define OPS_BLOCKS_H

#include "ops/op.h"

/* N x B x H x W x V; `channels` of the B V are there. */
struct blocks {
    int n, blocks, area, v, channels;
};

/* Is x `channels` channels in blocks? Not where its dimension 1 are the channels: that is plain. */
bool blocks_of(const struct ocelli_shape *x, int64_t channels, struct blocks *b);

/* Attribute `channels` of an operation that has no input to tell them: 0 where x is plain. */
#define BLOCKS_CHANNELS_ATTR(params)                                                            \
    {                                                                                           \
        .name = "channels", .type = ATTR_INT, .offset = offsetof(params, channels), .count = 1, \
        .min = 0, .max = 1 << 30                                                                \
    }
/* Input x fits to `channels`, where they are not 0; *n becomes its channels either way. */
int check_blocked(const struct problem *p, int x, int channels, int64_t *n);
/* Input i is rank 1 with one number for each channel of input x, which may be blocked. */
int check_channels_of(const struct problem *p, int i, int x);

/* ---- Kernels on every pixel ----
 * blocks area planes channels pixels each: the work-item (i, j) takes `pixels` pixels from the i-th
 * part on of `each` planes from the j-th part on; a plane is one block of one image. Defines VW. */
void launch_planes(struct launch *k, const struct blocks *b, const struct caps *caps);

/* ---- Sums over a channel ----
 * The pixels of a block are cut into parts: `pixels` of each of `images` images. A launch gives
 * each part a work-item, a second one puts their results together in order. The parts depend on the
 * problem alone. */
struct parts {
    int images, pixels;
    int per_image, count; /* of an image's pixels, and of a block */
};
struct parts parts_of(const struct blocks *b);
/* VW; blocks area channels n images pixels per_image; ALONE where there is one part. */
void launch_parts(struct launch *k, const struct blocks *b, const struct parts *t);
/* Output 0: the sums of input 0; where `product`, output 1 is that, and output 0 batchnorm_sums'
 * dscale of inputs dy, x, mean, variance. Written with bias_bwd. */
int blocks_sum_plan(const struct problem *p, const struct blocks *b, bool product, float epsilon,
                    struct launches *l);

#endif
