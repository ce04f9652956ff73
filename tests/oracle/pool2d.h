/* Pooling from the definition, for pool2d and pool2d_bwd. */
#ifndef TESTS_ORACLE_POOL2D_H
#define TESTS_ORACLE_POOL2D_H

#include <math.h>
#include <string.h>

#include "oracle/random.h"

/* One direction of the windows. */
struct axis {
    int64_t in, out, before, after;
    int64_t kernel, stride, dilation;
    bool count_pad;
};

static inline struct axis axis_of(const struct ocelli_shape *x, const struct ocelli_shape *y,
                                  const struct ocelli_pool2d_params *p, int d)
{
    return (struct axis){
        .in = x->dim[2 + d],
        .out = y->dim[2 + d],
        .before = p->pad[d],
        .after = p->pad[2 + d],
        .kernel = p->kernel[d],
        .stride = p->stride[d] ? p->stride[d] : p->kernel[d],
        .dilation = p->dilation[d],
        .count_pad = p->count_include_pad,
    };
}

/* Where tap j of window o lies in the image; -1: outside. */
static inline int64_t axis_tap(const struct axis *a, int64_t o, int64_t j)
{
    int64_t i = o * a->stride + j * a->dilation - a->before;
    return i >= 0 && i < a->in ? i : -1;
}

/* How many taps of window o count for an average: those in the image, or in the padded image. */
static inline int64_t axis_count(const struct axis *a, int64_t o)
{
    int64_t n = 0;
    for (int64_t j = 0; j < a->kernel; j++) {
        int64_t i = o * a->stride + j * a->dilation;
        n += a->count_pad ? i < a->before + a->in + a->after : axis_tap(a, o, j) >= 0;
    }
    return n;
}

/* Is `out` right? The windows that lie in the padded image; with ceil mode also the one that begins
 * in the image or the padding before it and hangs over the end, where there is something left for
 * it. */
static inline bool axis_fits(const struct axis *a, bool ceil_mode)
{
    int64_t window = (a->kernel - 1) * a->dilation + 1, all = a->before + a->in + a->after, n = 0;
    while (n * a->stride + window <= all)
        n++;
    bool left = n == 0 || (n - 1) * a->stride + window < all;
    bool reaches = n * a->stride + window < all + a->stride;
    if (ceil_mode && left && reaches && n * a->stride < a->before + a->in)
        n++;
    /* one that lies in the padding behind the image alone does not count in ceil mode */
    while (ceil_mode && n > 0 && (n - 1) * a->stride >= a->before + a->in)
        n--;
    return n == a->out;
}

static inline int64_t gcd(int64_t a, int64_t b)
{
    return b ? gcd(b, a % b) : a;
}

/* A number that every divisor of these averages divides; 0 when it is too large to be of use. */
static inline int64_t common_multiple(const struct axis *y, const struct axis *x)
{
    int64_t l = 1;
    for (int64_t oy = 0; oy < y->out; oy++) {
        for (int64_t ox = 0; ox < x->out; ox++) {
            int64_t n = axis_count(y, oy) * axis_count(x, ox);
            l = n ? l / gcd(l, n) * n : l;
            if (l * 2 * y->kernel * x->kernel > 1 << 23)
                return 0;
        }
    }
    return l;
}

/* Whole numbers whose averages are whole numbers too; for a maximum many equal ones, yet not the
 * same maximum everywhere; NaN and infinities among real ones, where `special`. */
static inline bool fill_pool(const struct problem *p, int i, const struct ocelli_shape *xs,
                             const struct ocelli_shape *ys, enum fill_mode mode, uint64_t seed,
                             bool special, double *v)
{
    static const double rare[] = {NAN, INFINITY, -INFINITY};
    const struct ocelli_pool2d_params *a = p->attr;
    struct axis y = axis_of(xs, ys, a, 0), x = axis_of(xs, ys, a, 1);
    int64_t n = shape_count(&p->in[i].shape);
    bool average = a->kind == OCELLI_POOL_AVERAGE;
    int64_t l = average ? common_multiple(&y, &x) : 1;
    if (mode == FILL_INTEGER && !average && special) {
        for (int64_t j = 0; j < n; j++)
            v[j] = pick(seed, (uint64_t)j, -2, 2) + (double)(j / 5 % 3 * 4);
        return true;
    }
    if (mode == FILL_INTEGER && average && l > 0) {
        for (int64_t j = 0; j < n; j++)
            v[j] = (double)(l * pick(seed, (uint64_t)j, -2, 2));
        return true;
    }
    if (mode == FILL_REAL && !average && special) {
        for (int64_t j = 0; j < n; j++) {
            int kind = pick(seed, (uint64_t)(2 * j), 0, 63);
            v[j] = kind < 3 ? rare[kind] : pick(seed, (uint64_t)(2 * j + 1), -512, 512) / 512.0;
        }
        return true;
    }
    return false;
}

/* "x=.. kind=.. kernel=.. .." of a random legal pooling whose y is not empty. ys: y's shape. */
static inline void random_pool(uint64_t seed, double budget, struct text *out, char ys[SHAPE_TEXT],
                               char xs[SHAPE_TEXT], int *channels)
{
    int n = pick(seed, 1, 1, 3), c = pick(seed, 2, 1, 5), average = pick(seed, 3, 0, 1);
    int ceil_mode = pick(seed, 4, 0, 1), include = average && pick(seed, 5, 0, 1);
    int in[2], k[2], s[2], d[2], pad[4], y[2];
    for (int i = 0; i < 2; i++) {
        uint64_t at = 10 + 20 * (uint64_t)i;
        k[i] = pick(seed, at, 1, pick(seed, at + 1, 1, 4));
        d[i] = pick(seed, at + 2, 0, 3) ? 1 : pick(seed, at + 3, 1, 3);
        s[i] = pick(seed, at + 4, 1, 4);
        int window = (k[i] - 1) * d[i] + 1;
        bool padded = pick(seed, at + 5, 0, 1);
        pad[i] = padded ? pick(seed, at + 6, 0, window - 1) : 0;
        pad[2 + i] = padded ? pick(seed, at + 7, 0, window - 1) : 0;
        int least = window - pad[i] - pad[2 + i];
        int most = (int)sqrt(budget / (n * c * k[0] * (i ? k[1] : 4) + 1));
        in[i] = pick(seed, at + 8, MAX(least, 1), MAX(MAX(least, 1), MIN(most, 45)));
        int room = in[i] + pad[i] + pad[2 + i] - window;
        y[i] = (room + (ceil_mode ? s[i] - 1 : 0)) / s[i] + 1;
        if (ceil_mode && (y[i] - 1) * s[i] >= in[i] + pad[i])
            y[i]--;
    }
    *channels = c;
    snprintf(xs, SHAPE_TEXT, "%dx%dx%dx%d", n, c, in[0], in[1]);
    snprintf(ys, SHAPE_TEXT, "%dx%dx%dx%d", n, c, y[0], y[1]);
    text_add(out,
             "kind=%s kernel=%d,%d stride=%d,%d dilation=%d,%d pad=%d,%d,%d,%d ceil_mode=%d"
             " count_include_pad=%d",
             average ? "average" : "max", k[0], k[1], s[0], s[1], d[0], d[1], pad[0], pad[1],
             pad[2], pad[3], ceil_mode, include);
}

#endif
