#include <math.h>

#include "ops/attrs.h"
#include "oracle/random.h"

enum { W, B, SCALE, SHIFT, MEAN, VARIANCE };

static double at(const double *x, int64_t c, double otherwise)
{
    return x ? x[c] : otherwise;
}

static double factor(const struct fold_attr *a, const double *const *in, int64_t c)
{
    double s = at(in[SCALE], c, 1);
    return in[VARIANCE] ? s / sqrt(in[VARIANCE][c] + a->epsilon) : s;
}

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct fold_attr *a = p->attr;
    const struct ocelli_shape *w = &p->in[W].shape;
    int64_t inner = 1, channels = w->dim[a->axis];
    for (int d = a->axis + 1; d < w->rank; d++)
        inner *= w->dim[d];
    for (int64_t i = 0; i < shape_count(w); i++) {
        out[0][i] = in[W][i] * factor(a, in, i / inner % channels);
        mag[0][i] = fabs(out[0][i]);
    }
    for (int64_t c = 0; c < channels; c++) {
        double s = factor(a, in, c), b = at(in[B], c, 0), mean = at(in[MEAN], c, 0);
        double shift = at(in[SHIFT], c, 0);
        out[1][c] = (b - mean) * s + shift;
        mag[1][c] = (fabs(b) + fabs(mean)) * fabs(s) + fabs(shift);
    }
}

static double terms(const struct problem *p, int k)
{
    (void)p;
    (void)k;
    return 4;
}

/* Variances are not negative, and a scale of 0 would say nothing. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    if (i != VARIANCE && i != SCALE)
        return false;
    for (int64_t j = 0; j < shape_count(&p->in[i].shape); j++) {
        double u = random_uniform(seed, (uint64_t)i, (uint64_t)j);
        x[j] = mode == FILL_INTEGER ? 1 + floor(4 * u) : u + 0.01;
    }
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    static const char *const optional[] = {"b", "scale", "shift", "mean", "variance"};
    char x[SHAPE_TEXT];
    int c;
    random_shape(seed, 2, 5, budget, x, &c);
    text_add(out, "fold w=%s", x);
    for (int i = 0; i < 5; i++)
        if (pick(seed, (uint64_t)i, 0, 2))
            text_add(out, " %s=%d", optional[i], c);
    text_add(out, " axis=1 epsilon=0.001");
}

const struct oracle oracle_fold = {
    .run = run, .terms = terms, .ulps = 8, .inexact = true, .fill = fill, .random = random_problem};
