/* What pooling and its gradient share: the arithmetic of shapes, attributes and defines. */
#ifndef OPS_POOL2D_H
#define OPS_POOL2D_H

#include "ops/attrs.h"

/* Pooling on known shapes; pairs are {height, width}. */
struct pool2d {
    bool average;
    int64_t n, channels; /* channels: of a blocked x its blocks */
    int block;           /* 1: plain */
    int64_t in[2], out[2];
    int kernel[2], stride[2], dilation[2];
    int pad[4];     /* top, left, bottom, right */
    int counted[4]; /* of the padding, what an average divides by: all of it or nothing */
    bool edge[2];   /* some window leaves the image in that direction */
};

/* The one place that knows the output size: (in + pads - dilation (kernel - 1) - 1) / stride + 1,
 * rounded down, or with ceil_mode up, but then without windows that would begin behind the image.
 * Fails: SHAPE, the message names `op`. */
int pool2d_geometry(struct pool2d *out, const char *op, const struct ocelli_shape *x,
                    const struct ocelli_pool2d_params *p);
struct desc pool2d_out_desc(const struct pool2d *g);
struct cost pool2d_cost(const struct pool2d *g);
/* Rows of struct ocelli_pool2d_params. */
extern const struct attr pool2d_attrs[];

/* ---- For the kernels ---- */

/* KH KW SH SW DH DW PT PL, AVERAGE CT CL CB CR, EDGE_Y EDGE_X. */
void pool2d_define(struct launch *k, const struct pool2d *g);
/* channels h w oh ow. */
void pool2d_ints(struct launch *k, const struct pool2d *g);
/* `ref` of both: a work-item an element of the output; the arguments have the operation's names. */
int pool2d_plan_elements(const struct problem *p, const struct pool2d *g, const char *kernel,
                         int group, struct launches *l);
/* The vector width that wastes least on rows of `ow`: 4, 8 or 16. */
int pool2d_vector(const struct pool2d *g, const struct caps *caps);

#endif
