/* What the convolution and its two gradients share: the arithmetic of shapes, `ref`, and the CPU kernel
 * that computes both y and dx. */
#ifndef OPS_CONV2D_H
#define OPS_CONV2D_H

#include "ops/attrs.h"

/* A convolution on known shapes. Channels are those of one group; pairs are {height, width}. */
struct conv2d {
    int n, groups;
    int in_c, in[2];
    int out_c, out[2];
    int kernel[2], stride[2], dilation[2];
    int pad[2]; /* top, left; bottom and right only make `out` larger */
};

/* The one place that knows out = floor((in + pads - dilation (kernel - 1) - 1) / stride) + 1.
 * x is N x C x H x W, w M x C/groups x R x S; p's kernel is not looked at.
 * Fails: SHAPE, the message names `op`. */
int conv2d_geometry(struct conv2d *out, const char *op, const struct ocelli_shape *x,
                    const struct ocelli_shape *w, const struct ocelli_conv2d_params *p);
/* Its y. */
struct ocelli_shape conv2d_out_shape(const struct conv2d *c);
struct cost conv2d_cost(const struct conv2d *c);

/* The convolution that a problem of conv2d is, or of which one of conv2d_bwd_data or
 * conv2d_bwd_weights is a gradient; there dy is checked to be its y. */
int conv2d_of(const struct problem *p, struct conv2d *c);
/* Of all three: their costs, and their variants `ref`. */
struct cost conv2d_problem_cost(const struct problem *p);
int conv2d_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l);

/* Greatest common divisor: of a stride and a dilation. */
int conv2d_gcd(int a, int b);
/* KH KW SH SW DH DW PT PL GROUPS. */
void conv2d_define(struct launch *k, const struct conv2d *c);
/* in_c in_h in_w out_c out_h out_w. */
void conv2d_extents(struct launch *k, const struct conv2d *c);

/* Rows of an attribute table whose params struct is or begins with struct ocelli_conv2d_params. */
#define CONV2D_MAX 1000000
#define CONV2D_INTS(word, n, dflt, lowest)                                                      \
    {                                                                                           \
        .name = #word, .type = ATTR_INT, .offset = offsetof(struct ocelli_conv2d_params, word), \
        .count = n, .def = dflt, .min = lowest, .max = CONV2D_MAX                               \
    }
#define CONV2D_ATTRS                                                                         \
    CONV2D_INTS(stride, 2, 1, 1), CONV2D_INTS(dilation, 2, 1, 1), CONV2D_INTS(pad, 4, 0, 0), \
        CONV2D_INTS(groups, 1, 1, 1),                                                        \
    {                                                                                        \
        .name = "strict", .type = ATTR_BOOL,                                                 \
        .offset = offsetof(struct ocelli_conv2d_params, strict)                              \
    }

/* ---- Variant `direct` of conv2d and conv2d_bwd_data: cl/conv2d_direct.cl ---- */

extern const struct tunable conv2d_direct_tunables[];
bool conv2d_direct_applicable(const struct problem *p, const struct caps *caps);
void conv2d_direct_defaults(const struct problem *p, const struct caps *caps, int *tv);
bool conv2d_direct_valid(const struct problem *p, const struct caps *caps, const int *tv);
int conv2d_direct_plan(const struct problem *p, const struct caps *caps, const int *tv,
                       struct launches *l);

/* ---- Variant `implicit` of both, on graphics processors: cl/conv2d_implicit.cl, tile_tunables ---- */

bool conv2d_implicit_applicable(const struct problem *p, const struct caps *caps);
bool conv2d_implicit_pays(const struct problem *p, const struct caps *caps);
void conv2d_implicit_defaults(const struct problem *p, const struct caps *caps, int *tv);
bool conv2d_implicit_valid(const struct problem *p, const struct caps *caps, const int *tv);
int conv2d_implicit_plan(const struct problem *p, const struct caps *caps, const int *tv,
                         struct launches *l);
/* ---- Variants `tile` and `depthwise` of conv2d, on graphics processors ---- */

extern const struct tunable conv2d_local_tunables[], conv2d_depthwise_tunables[];
bool conv2d_local_applicable(const struct problem *p, const struct caps *caps);
bool conv2d_local_pays(const struct problem *p, const struct caps *caps);
void conv2d_local_defaults(const struct problem *p, const struct caps *caps, int *tv);
bool conv2d_local_valid(const struct problem *p, const struct caps *caps, const int *tv);
int conv2d_local_plan(const struct problem *p, const struct caps *caps, const int *tv,
                      struct launches *l);
bool conv2d_depthwise_applicable(const struct problem *p, const struct caps *caps);
bool conv2d_depthwise_valid(const struct problem *p, const struct caps *caps, const int *tv);
int conv2d_depthwise_plan(const struct problem *p, const struct caps *caps, const int *tv,
                          struct launches *l);

/* ---- Variant `winograd` of both, on graphics processors: cl/conv2d_winograd.cl ---- */

#define CONV2D_TILES_NOISE 8
extern const struct tunable conv2d_tiles_tunables[];
bool conv2d_tiles_applicable(const struct problem *p, const struct caps *caps);
bool conv2d_tiles_pays(const struct problem *p, const struct caps *caps);
void conv2d_tiles_defaults(const struct problem *p, const struct caps *caps, int *tv);
bool conv2d_tiles_valid(const struct problem *p, const struct caps *caps, const int *tv);
int conv2d_tiles_plan(const struct problem *p, const struct caps *caps, const int *tv,
                      struct launches *l);

/* ---- Variant `implicit` of conv2d_bwd_weights: cl/conv2d_bwd_weights_implicit.cl, tile_tunables ---- */

bool conv2d_bwd_weights_implicit_applicable(const struct problem *p, const struct caps *caps);
void conv2d_bwd_weights_implicit_defaults(const struct problem *p, const struct caps *caps, int *tv);
bool conv2d_bwd_weights_implicit_valid(const struct problem *p, const struct caps *caps,
                                       const int *tv);
int conv2d_bwd_weights_implicit_plan(const struct problem *p, const struct caps *caps,
                                     const int *tv, struct launches *l);

#endif
