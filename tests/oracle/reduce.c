#include "oracle/reduce.h"
#include "ops/shared.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    int64_t n = shape_count(&p->out[0].shape);
    reduce_to(p->attr, &p->in[0].shape, in[0], n, out[0], mag[0]);
    for (int64_t j = 0; !dtype_is_float(p->in[0].dtype) && j < n; j++)
        out[0][j] = trunc(out[0][j]);
}

static double terms(const struct problem *p, int k)
{
    (void)k;
    return (double)shape_count(&p->in[0].shape) / (double)shape_count(&p->out[0].shape);
}

/* Logarithms of what is positive, products near 1. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    int kind = ((const struct ocelli_reduce_params *)p->attr)->kind;
    bool product = kind == OCELLI_REDUCE_PROD;
    bool extreme = (kind == OCELLI_REDUCE_MAX || kind == OCELLI_REDUCE_MIN) &&
                   p->in[i].dtype == OCELLI_F32 && mode == FILL_INTEGER;
    if (!product && !extreme && kind != OCELLI_REDUCE_LOG_SUM)
        return false;
    for (int64_t j = 0; j < shape_count(&p->in[i].shape); j++) {
        double u = random_uniform(seed, 0, (uint64_t)j);
        if (extreme)
            x[j] = floor(20000 * u) - 10000;
        else if (mode == FILL_INTEGER || !dtype_is_float(p->in[i].dtype))
            x[j] = !product ? 1 + floor(4 * u) : p->in[i].dtype == OCELLI_U8 ? 1 + (u < 0.2)
                 : u < 0.001 ? 2 : u < 0.5 ? -1 : 1;
        else
            x[j] = product ? (u < 0.5 ? -0.95 : 0.9) + u / 10 : u + 0.01;
    }
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    struct ocelli_shape s;
    const char *kind;
    int axes;
    random_reduction(seed, budget, x, &s, &axes, &kind);
    text_add(out, "reduce x=%s kind=%s axes=%d%s", x, kind, axes,
             pick(seed, 202, 0, 1) ? " keepdims=1" : "");
}

const struct oracle oracle_reduce = {
    .run = run, .terms = terms, .ulps = 8, .inexact = true, .fill = fill, .random = random_problem};
