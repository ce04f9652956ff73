/* What the convolution of volumes, N x C x D x H x W, and its transpose share. */
#ifndef OPS_CONV3D_H
#define OPS_CONV3D_H

#include "ops/attrs.h"

/* A convolution on known shapes. Channels are those of one group; triples are depth, height, width.
 */
struct conv3d {
    int n, groups;
    int in_c, in[3];
    int out_c, out[3];
    int kernel[3], stride[3], dilation[3];
    int pad[3]; /* in front; what is behind only makes `out` larger */
};

/* x N x C x D x H x W, w M x C/groups x Q x R x S. Fails: SHAPE, the message names `op`. */
int conv3d_geometry(struct conv3d *out, const char *op, const struct ocelli_shape *x,
                    const struct ocelli_shape *w, const struct ocelli_conv_params *p);
/* Its y. */
struct ocelli_shape conv3d_out_shape(const struct conv3d *c);
struct cost conv3d_cost(const struct conv3d *c);
/* The launch of either kernel, one work-item an element. */
int conv3d_plan(struct launches *l, const struct problem *p, const struct conv3d *c,
                const char *program, int group);

/* Rows of an attribute table whose params struct is or begins with struct ocelli_conv_params. */
#define CONV3D_MAX 1000000
#define CONV3D_INTS(word, n, dflt, lowest)                                                    \
    {                                                                                         \
        .name = #word, .type = ATTR_INT, .offset = offsetof(struct ocelli_conv_params, word), \
        .count = n, .def = dflt, .min = lowest, .max = CONV3D_MAX                             \
    }
#define CONV3D_ATTRS                                                                         \
    CONV3D_INTS(stride, 3, 1, 1), CONV3D_INTS(dilation, 3, 1, 1), CONV3D_INTS(pad, 6, 0, 0), \
        CONV3D_INTS(groups, 1, 1, 1)

#endif
