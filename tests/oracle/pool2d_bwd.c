#include "oracle/pool2d.h"

/* `b` channels lie together: 1, or the block. */

/* The element of the plane that a window's maximum comes from: the first NaN, else the first of the
 * largest; -1 where the window has none. */
static int64_t source(const struct axis *y, const struct axis *x, const double *plane, int64_t oy,
                      int64_t ox, int64_t b)
{
    int64_t best = -1;
    for (int64_t j = 0; j < y->kernel; j++) {
        for (int64_t i = 0; i < x->kernel; i++) {
            int64_t iy = axis_tap(y, oy, j), ix = axis_tap(x, ox, i), at = (iy * x->in + ix) * b;
            if (iy < 0 || ix < 0)
                continue;
            if (best < 0 || plane[at] > plane[best] || (isnan(plane[at]) && !isnan(plane[best])))
                best = at;
        }
    }
    return best;
}

static void spread(const struct axis *y, const struct axis *x, double g, int64_t oy, int64_t ox,
                   int64_t b, double *d, double *m)
{
    int64_t n = axis_count(y, oy) * axis_count(x, ox);
    for (int64_t j = 0; j < y->kernel; j++) {
        for (int64_t i = 0; i < x->kernel; i++) {
            int64_t iy = axis_tap(y, oy, j), ix = axis_tap(x, ox, i);
            if (iy < 0 || ix < 0)
                continue;
            d[(iy * x->in + ix) * b] += g / (double)n;
            m[(iy * x->in + ix) * b] += fabs(g) / (double)n;
        }
    }
}

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_pool2d_params *a = p->attr;
    const struct ocelli_shape *xs = &p->in[1].shape, *ys = &p->in[0].shape;
    struct axis y = axis_of(xs, ys, a, 0), x = axis_of(xs, ys, a, 1);
    const int64_t b = xs->rank == 5 ? xs->dim[4] : 1;
    for (int64_t plane = 0; plane < ys->dim[0] * ys->dim[1] * b; plane++) {
        const int64_t first = plane / b * y.in * x.in * b + plane % b;
        double *d = out[0] + first, *m = mag[0] + first;
        int64_t i = plane / b * y.out * x.out * b + plane % b;
        for (int64_t oy = 0; oy < y.out; oy++) {
            for (int64_t ox = 0; ox < x.out; ox++, i += b) {
                double g = in[0][i];
                if (a->kind == OCELLI_POOL_AVERAGE) {
                    spread(&y, &x, g, oy, ox, b, d, m);
                    continue;
                }
                int64_t at = source(&y, &x, in[1] + first, oy, ox, b);
                if (at >= 0) {
                    d[at] += g;
                    m[at] += fabs(g);
                }
            }
        }
    }
}

/* As many windows cover an element, and an average divides once. */
static double terms(const struct problem *p, int k)
{
    const struct ocelli_pool2d_params *a = p->attr;
    (void)k;
    return (double)a->kernel[0] * a->kernel[1];
}

static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *v)
{
    return fill_pool(p, i, &p->in[1].shape, &p->in[0].shape, mode, seed + (uint64_t)i, i == 1, v);
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char xs[SHAPE_TEXT], ys[SHAPE_TEXT];
    struct text words = {0};
    int c;
    random_pool(seed, budget, &words, ys, xs, &c);
    text_add(out, "pool2d_bwd dy=%s x=%s %s", ys, xs, words.s ? words.s : "");
    random_epilogue(seed, c, out);
    text_free(&words);
}

const struct oracle oracle_pool2d_bwd = {
    .run = run, .terms = terms, .fill = fill, .random = random_problem};
