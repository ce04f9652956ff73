/* Pooling of volumes from the definition, direction by direction as pool2d's. */
#ifndef TESTS_ORACLE_POOL3D_H
#define TESTS_ORACLE_POOL3D_H

#include "oracle/pool2d.h"

struct volume {
    struct axis axis[3];
    bool fits;
};

static inline struct volume volume_of(const struct problem *p)
{
    const struct ocelli_pool_params *a = p->attr;
    struct volume v = {.fits = true};
    for (int d = 0; d < 3; d++) {
        v.axis[d] = (struct axis){
            .in = p->in[0].shape.dim[2 + d],
            .out = p->out[0].shape.dim[2 + d],
            .before = a->pad[d],
            .after = a->pad[3 + d],
            .kernel = a->kernel[d],
            .stride = a->stride[d] ? a->stride[d] : a->kernel[d],
            .dilation = a->dilation[d],
            .count_pad = a->count_include_pad,
        };
        v.fits = v.fits && axis_fits(&v.axis[d], a->ceil_mode);
    }
    return v;
}

/* Calls visit for each tap in the volume, z, y, x, of window `o` of a plane. */
static inline void each_tap(const struct volume *v, int64_t o,
                            void (*visit)(void *user, int64_t z, int64_t y, int64_t x), void *user)
{
    const struct axis *z = &v->axis[0], *y = &v->axis[1], *x = &v->axis[2];
    int64_t oz = o / (y->out * x->out), oy = o / x->out % y->out, ox = o % x->out;
    for (int64_t a = 0; a < z->kernel; a++)
        for (int64_t b = 0; b < y->kernel; b++)
            for (int64_t c = 0; c < x->kernel; c++)
                if (axis_tap(z, oz, a) >= 0 && axis_tap(y, oy, b) >= 0 && axis_tap(x, ox, c) >= 0)
                    visit(user, axis_tap(z, oz, a), axis_tap(y, oy, b), axis_tap(x, ox, c));
}

static inline int64_t window_count(const struct volume *v, int64_t o)
{
    const struct axis *z = &v->axis[0], *y = &v->axis[1], *x = &v->axis[2];
    return axis_count(z, o / (y->out * x->out)) * axis_count(y, o / x->out % y->out) *
           axis_count(x, o % x->out);
}

static inline int64_t windows(const struct volume *v)
{
    return v->axis[0].out * v->axis[1].out * v->axis[2].out;
}
static inline int64_t volume(const struct volume *v)
{
    return v->axis[0].in * v->axis[1].in * v->axis[2].in;
}

/* " kernel=.. .." of a random legal pooling of a volume that becomes `in`. */
static inline void random_volume(uint64_t seed, double budget, int in[3], struct text *out)
{
    int k[3], s[3], d[3], pad[6];
    for (int i = 0; i < 3; i++) {
        uint64_t at = 200 + 20 * (uint64_t)i;
        k[i] = pick(seed, at, 1, 3);
        d[i] = pick(seed, at + 2, 0, 3) ? 1 : 2;
        s[i] = pick(seed, at + 4, 1, 3);
        int window = (k[i] - 1) * d[i] + 1;
        pad[i] = pick(seed, at + 6, 0, window - 1);
        pad[3 + i] = pick(seed, at + 7, 0, window - 1);
        in[i] = MAX(window, pick(seed, at + 8, 2, budget > 30000 ? 11 : 4));
    }
    text_add(
        out,
        " kernel=%d,%d,%d stride=%d,%d,%d dilation=%d,%d,%d pad=%d,%d,%d,%d,%d,%d ceil_mode=%d",
        k[0], k[1], k[2], s[0], s[1], s[2], d[0], d[1], d[2], pad[0], pad[1], pad[2], pad[3],
        pad[4], pad[5], pick(seed, 300, 0, 1));
}

#endif
