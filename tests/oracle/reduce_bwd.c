#include "oracle/reduce.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_reduce_params *a = p->attr;
    const struct ocelli_shape *s = &p->in[1].shape;
    double share = (double)shape_count(&p->in[0].shape) / (double)shape_count(s);
    for (int64_t i = 0; i < shape_count(s); i++) {
        int64_t j = reduced_to(a, s, i);
        double x = in[1][i], y = in[2][j], v = 1, more = 1;
        switch (a->kind) {
        case OCELLI_REDUCE_MEAN:
            v = share;
            break;
        case OCELLI_REDUCE_MAX:
        case OCELLI_REDUCE_MIN:
            v = x == y;
            break;
        case OCELLI_REDUCE_PROD:
            v = y / x;
            break;
        case OCELLI_REDUCE_L1:
            v = (x > 0) - (x < 0);
            break;
        case OCELLI_REDUCE_L2:
            v = x / y;
            break;
        case OCELLI_REDUCE_SUM_SQUARE:
            v = 2 * x;
            break;
        case OCELLI_REDUCE_LOG_SUM:
            v = exp(-y);
            more = 2 + fabs(y);
            break;
        case OCELLI_REDUCE_LOG_SUM_EXP:
            v = exp(x - y);
            more = 2 + fabs(x - y);
            break;
        default:
            break;
        }
        out[0][i] = in[0][j] * v;
        mag[0][i] = more * fabs(out[0][i]);
    }
}

/* y is what x is reduced to, in the floats that the device has. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    const struct ocelli_shape *s = &p->in[1].shape;
    int kind = ((const struct ocelli_reduce_params *)p->attr)->kind;
    int64_t n = shape_count(s), m = shape_count(&p->in[0].shape);
    if (i == 0)
        return false;
    double *all = i == 1 ? x : malloc((size_t)n * sizeof(*all)), *mag = malloc((size_t)n * sizeof(*mag));
    for (int64_t j = 0; j < n; j++) {
        double u = random_uniform(seed, 1, (uint64_t)j);
        all[j] = mode == FILL_INTEGER ? 1 + floor(4 * u) : (float)(u + 0.5);
        if (kind == OCELLI_REDUCE_L1 && j % 3 == 0)
            all[j] = -all[j];
    }
    if (i == 2) {
        reduce_to(p->attr, s, all, m, x, mag);
        free(all);
    }
    free(mag);
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT], y[SHAPE_TEXT];
    struct ocelli_shape s, r = {0};
    const char *kind;
    int axes;
    random_reduction(seed, budget, x, &s, &axes, &kind);
    for (int d = 0; d < s.rank; d++)
        if (axes && !(axes >> d & 1))
            r.dim[r.rank++] = s.dim[d];
    shape_text(&r, y);
    if (shape_count(&r) == 1) { /* one gradient for all would say nothing */
        text_add(out, "reduce_bwd dy=3 x=3x17 y=3 kind=l2 axes=2");
        return;
    }
    if (kind[0] != 'p') /* a product of many overflows */
        text_add(out, "reduce_bwd dy=%s x=%s y=%s kind=%s axes=%d", y, x, y, kind, axes);
    else
        text_add(out, "reduce_bwd dy=%s x=%s y=%s kind=l2 axes=%d", y, x, y, axes);
}

const struct oracle oracle_reduce_bwd = {
    .run = run, .ulps = 8, .inexact = true, .fill = fill, .random = random_problem};
