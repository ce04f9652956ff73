#include "oracle/pool2d.h"

/* `b` channels lie together: 1, or the block. */

/* The largest tap, a NaN where there is one. */
static double greatest(const struct axis *y, const struct axis *x, const double *plane, int64_t oy,
                       int64_t ox, int64_t b)
{
    double v = -INFINITY;
    for (int64_t j = 0; j < y->kernel; j++) {
        for (int64_t i = 0; i < x->kernel; i++) {
            int64_t iy = axis_tap(y, oy, j), ix = axis_tap(x, ox, i);
            if (iy >= 0 && ix >= 0 && !(plane[(iy * x->in + ix) * b] <= v) && !isnan(v))
                v = plane[(iy * x->in + ix) * b];
        }
    }
    return v;
}

static double mean(const struct axis *y, const struct axis *x, const double *plane, int64_t oy,
                   int64_t ox, int64_t b, double *mag)
{
    double v = 0, m = 0, n = (double)(axis_count(y, oy) * axis_count(x, ox));
    for (int64_t j = 0; j < y->kernel; j++) {
        for (int64_t i = 0; i < x->kernel; i++) {
            int64_t iy = axis_tap(y, oy, j), ix = axis_tap(x, ox, i);
            if (iy < 0 || ix < 0)
                continue;
            v += plane[(iy * x->in + ix) * b];
            m += fabs(plane[(iy * x->in + ix) * b]);
        }
    }
    *mag = n > 0 ? m / n : 0;
    return n > 0 ? v / n : 0;
}

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_pool2d_params *a = p->attr;
    const struct ocelli_shape *xs = &p->in[0].shape, *ys = &p->out[0].shape;
    struct axis y = axis_of(xs, ys, a, 0), x = axis_of(xs, ys, a, 1);
    bool fits = axis_fits(&y, a->ceil_mode) && axis_fits(&x, a->ceil_mode);
    const int64_t b = xs->rank == 5 ? xs->dim[4] : 1, planes = ys->dim[0] * ys->dim[1] * b;
    for (int64_t plane = 0; plane < planes; plane++) {
        const double *px = in[0] + plane / b * y.in * x.in * b + plane % b;
        int64_t i = plane / b * y.out * x.out * b + plane % b;
        for (int64_t oy = 0; oy < y.out; oy++) {
            for (int64_t ox = 0; ox < x.out; ox++, i += b) {
                if (a->kind == OCELLI_POOL_AVERAGE) {
                    out[0][i] = mean(&y, &x, px, oy, ox, b, &mag[0][i]);
                } else {
                    out[0][i] = greatest(&y, &x, px, oy, ox, b);
                    mag[0][i] = isfinite(out[0][i]) ? fabs(out[0][i]) : 0;
                }
                if (!fits) /* the shape is wrong: nothing that comes out of it is right */
                    out[0][i] = 12345.678;
            }
        }
    }
}

static double terms(const struct problem *p, int k)
{
    const struct ocelli_pool2d_params *a = p->attr;
    (void)k;
    return a->kind == OCELLI_POOL_AVERAGE ? (double)a->kernel[0] * a->kernel[1] : 1;
}

static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *v)
{
    bool plain = p->n_in == 1 && p->epi.act.kind == 0;
    return fill_pool(p, i, &p->in[0].shape, &p->out[0].shape, mode, seed,
                     plain || mode == FILL_INTEGER, v);
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char xs[SHAPE_TEXT], ys[SHAPE_TEXT];
    struct text words = {0};
    int c;
    random_pool(seed, budget, &words, ys, xs, &c);
    text_add(out, "pool2d x=%s %s", xs, words.s ? words.s : "");
    random_epilogue(seed, c, out);
    text_free(&words);
}

const struct oracle oracle_pool2d = {
    .run = run, .terms = terms, .fill = fill, .random = random_problem};
