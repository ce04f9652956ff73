/* The convolution from its definition, for the three oracles: every product of an element of x and
 * one of w belongs to one element of y, and the gradients are sums over the same triples. */
#ifndef TESTS_ORACLE_CONV2D_H
#define TESTS_ORACLE_CONV2D_H

#include <math.h>
#include <string.h>

#include "checkcl.h"

struct conv2d_walk {
    const struct ocelli_shape *x, *w, *y;
    const struct ocelli_conv2d_params *conv;
};

typedef void (*conv2d_visit)(void *user, int64_t x, int64_t w, int64_t y);

/* What visitors add up, and the absolute values of it. */
struct conv_sums {
    const double *in, *w;
    double *out, *mag;
};

static inline void conv_add(const struct conv_sums *s, int64_t in, int64_t w, int64_t out)
{
    s->out[out] += s->in[in] * s->w[w];
    s->mag[out] += fabs(s->in[in] * s->w[w]);
}
/* y from x, x from y. */
static inline void conv_forward(void *user, int64_t x, int64_t w, int64_t y)
{
    conv_add(user, x, w, y);
}
static inline void conv_backward(void *user, int64_t x, int64_t w, int64_t y)
{
    conv_add(user, y, w, x);
}

static inline int64_t at4(const struct ocelli_shape *s, int64_t a, int64_t b, int64_t c, int64_t d)
{
    return ((a * s->dim[1] + b) * s->dim[2] + c) * s->dim[3] + d;
}

/* The triples of one window: element (n, m, i, j) of y. */
static inline void conv2d_window(const struct conv2d_walk *k, const int64_t at[4],
                                 conv2d_visit visit, void *user)
{
    const struct ocelli_conv2d_params *p = k->conv;
    int64_t channels = k->w->dim[1], group = at[1] / (k->w->dim[0] / p->groups);
    for (int64_t c = 0; c < channels; c++) {
        for (int64_t r = 0; r < k->w->dim[2]; r++) {
            for (int64_t s = 0; s < k->w->dim[3]; s++) {
                int64_t row = at[2] * p->stride[0] + r * p->dilation[0] - p->pad[0];
                int64_t col = at[3] * p->stride[1] + s * p->dilation[1] - p->pad[1];
                if (row >= 0 && row < k->x->dim[2] && col >= 0 && col < k->x->dim[3])
                    visit(user, at4(k->x, at[0], group * channels + c, row, col),
                          at4(k->w, at[1], c, r, s), at4(k->y, at[0], at[1], at[2], at[3]));
            }
        }
    }
}

static inline void conv2d_walk(const struct conv2d_walk *k, conv2d_visit visit, void *user)
{
    int64_t at[4];
    for (at[0] = 0; at[0] < k->y->dim[0]; at[0]++)
        for (at[1] = 0; at[1] < k->y->dim[1]; at[1]++)
            for (at[2] = 0; at[2] < k->y->dim[2]; at[2]++)
                for (at[3] = 0; at[3] < k->y->dim[3]; at[3]++)
                    conv2d_window(k, at, visit, user);
}

/* ---- Random problems ---- */

struct conv2d_random {
    int n, g, in_c, out_c; /* channels of one group */
    int in[2], kernel[2], stride[2], dilation[2], pad[4], out[2];
};

static inline struct conv2d_random conv2d_pick(uint64_t seed, double budget)
{
    struct conv2d_random k = {
        .n = pick(seed, 0, 1, 4),
        .g = pick(seed, 1, 0, 3) == 0 ? pick(seed, 2, 2, 5) : 1,
        .in_c = pick(seed, 3, 1, 18),
        .out_c = pick(seed, 4, 1, 18),
    };
    for (int i = 0; i < 2; i++) {
        uint64_t base = 10 + 20 * (uint64_t)i;
        k.kernel[i] = pick(seed, base, 1, 5);
        k.stride[i] = pick(seed, base + 1, 1, 3);
        k.dilation[i] = pick(seed, base + 2, 1, 2);
        k.pad[i] = pick(seed, base + 3, 0, 3);
        k.pad[i + 2] = pick(seed, base + 4, 0, 3);
        int window = k.dilation[i] * (k.kernel[i] - 1) + 1, pads = k.pad[i] + k.pad[i + 2];
        k.in[i] = pick(seed, base + 5, window > pads ? window - pads : 1, 24);
        k.out[i] = (k.in[i] + pads - window) / k.stride[i] + 1;
    }
    double one = (double)k.kernel[0] * k.kernel[1] * k.out[0] * k.out[1];
    while (one * k.n * k.g * k.in_c * k.out_c > budget && k.n * k.g * k.in_c * k.out_c > 1) {
        k.n = (k.n + 1) / 2;
        k.g = (k.g + 1) / 2;
        k.in_c = (k.in_c + 1) / 2;
        k.out_c = (k.out_c + 1) / 2;
    }
    return k;
}

static inline void conv2d_print(const struct conv2d_random *k, struct text *out)
{
    text_add(out, " stride=%d,%d dilation=%d,%d pad=%d,%d,%d,%d groups=%d", k->stride[0],
             k->stride[1], k->dilation[0], k->dilation[1], k->pad[0], k->pad[1], k->pad[2],
             k->pad[3], k->g);
}

/* An epilogue for an output of c channels, or none. */
static inline void epilogue_print(uint64_t seed, int c, struct text *out)
{
    static const char *const word[] = {"relu", "sigmoid", "tanh", "tanh,1.7159,0.6666667"};
    if (pick(seed, 90, 0, 1))
        text_add(out, " bias=%d", c);
    if (pick(seed, 91, 0, 3) == 0)
        text_add(out, " residual=1");
    if (pick(seed, 92, 0, 1))
        text_add(out, " act=%s", word[pick(seed, 93, 0, 3)]);
    if (pick(seed, 94, 0, 3) == 0)
        text_add(out, " grad=%s", word[pick(seed, 95, 0, 3)]);
}

#endif
