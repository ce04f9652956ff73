/* The convolution of volumes from its definition, for both oracles: every product of an element of
 * x and one of w belongs to one element of y. */
#ifndef TESTS_ORACLE_CONV3D_H
#define TESTS_ORACLE_CONV3D_H

#include <math.h>
#include <string.h>

#include "oracle/conv2d.h"

struct conv3d_walk {
    const struct ocelli_shape *x, *w, *y;
    const struct ocelli_conv_params *conv;
};

static inline int64_t at5(const struct ocelli_shape *s, const int64_t *at)
{
    int64_t i = 0;
    for (int d = 0; d < 5; d++)
        i = i * s->dim[d] + at[d];
    return i;
}

/* All places of a shape, in order; false at the end. Starts from {0, .., -1}. */
static inline bool next_place(const struct ocelli_shape *s, int64_t *at)
{
    int d = s->rank - 1;
    while (d >= 0 && ++at[d] == s->dim[d])
        at[d--] = 0;
    return d >= 0;
}

static inline void conv3d_walk(const struct conv3d_walk *k, conv2d_visit visit, void *user)
{
    const struct ocelli_conv_params *p = k->conv;
    const struct ocelli_shape taps = {4, {k->w->dim[1], k->w->dim[2], k->w->dim[3], k->w->dim[4]}};
    int64_t y[5] = {0, 0, 0, 0, -1};
    while (next_place(k->y, y)) {
        int64_t tap[4] = {0, 0, 0, -1}, group = y[1] / (k->w->dim[0] / p->groups);
        while (next_place(&taps, tap)) {
            int64_t w[5] = {y[1], tap[0], tap[1], tap[2], tap[3]};
            int64_t x[5] = {y[0], group * taps.dim[0] + tap[0]};
            bool inside = true;
            for (int d = 0; d < 3; d++) {
                x[2 + d] = y[2 + d] * p->stride[d] + tap[1 + d] * p->dilation[d] - p->pad[d];
                inside = inside && x[2 + d] >= 0 && x[2 + d] < k->x->dim[2 + d];
            }
            if (inside)
                visit(user, at5(k->x, x), at5(k->w, w), at5(k->y, y));
        }
    }
}

/* ---- Random problems: a plane's, with some depth ---- */

struct conv3d_random {
    struct conv2d_random plane;
    int in, kernel, stride, dilation, pad[2], out;
};

static inline struct conv3d_random conv3d_pick(uint64_t seed, double budget)
{
    struct conv3d_random k = {
        .kernel = pick(seed, 60, 1, 3),
        .stride = pick(seed, 61, 1, 3),
        .dilation = pick(seed, 62, 1, 2),
        .pad = {pick(seed, 63, 0, 2), pick(seed, 64, 0, 2)},
    };
    int window = k.dilation * (k.kernel - 1) + 1, pads = k.pad[0] + k.pad[1];
    k.in = pick(seed, 65, window > pads ? window - pads : 1, 7);
    k.out = (k.in + pads - window) / k.stride + 1;
    k.plane = conv2d_pick(seed, budget / (k.out * k.kernel));
    return k;
}

static inline void conv3d_print(const struct conv3d_random *k, struct text *out)
{
    const struct conv2d_random *p = &k->plane;
    text_add(out, " stride=%d,%d,%d dilation=%d,%d,%d pad=%d,%d,%d,%d,%d,%d groups=%d", k->stride,
             p->stride[0], p->stride[1], k->dilation, p->dilation[0], p->dilation[1], k->pad[0],
             p->pad[0], p->pad[1], k->pad[1], p->pad[2], p->pad[3], p->g);
}

#endif
