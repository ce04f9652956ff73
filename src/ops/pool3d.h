/* What pooling of volumes and the places of its maxima share. */
#ifndef OPS_POOL3D_H
#define OPS_POOL3D_H

#include "ops/attrs.h"

/* Pooling of N x C x D x H x W; triples are depth, height, width. */
struct pool3d {
    bool average;
    int planes; /* images times channels */
    int in[3], out[3], kernel[3], stride[3], dilation[3];
    int pad[3];                   /* in front */
    int count_lo[3], count_hi[3]; /* an average divides by the taps from lo to below hi */
};

/* The sizes as pool2d has them. Fails: SHAPE, the message names the problem's operation. */
int pool3d_geometry(const struct problem *p, struct pool3d *out);
/* y's shape. */
struct ocelli_shape pool3d_out_shape(const struct problem *p, const struct pool3d *g);
struct cost pool3d_cost(const struct problem *p);
/* Rows of struct ocelli_pool_params. */
extern const struct attr pool3d_attrs[];
/* A launch of cl/pool3d_ref.cl up to the extents that all its forms have, and its grid. */
struct launch *pool3d_launch(struct launches *l, const struct problem *p, const struct pool3d *g,
                             int group);
void pool3d_ints(struct launch *k, const char *const names[3], const int v[3]);

#endif
