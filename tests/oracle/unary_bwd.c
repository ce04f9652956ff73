#include "oracle/act.h"
#include "oracle/random.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_unary_params *a = p->attr;
    const struct act f = {a->kind, a->alpha, a->beta};
    for (int64_t i = 0; i < shape_count(&p->in[0].shape); i++) {
        out[0][i] = in[0][i] * act_slope(&f, in[1][i]);
        /* With one term the bound is 6 times 2^-24 times mag. */
        mag[0][i] = fabs(in[0][i]) * slope_bound(&f, in[1][i]) * 0x1p24 / 6;
    }
}

/* What the derivative is computed from: a result of the function, or an argument. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    static const double reach[] = {1, 2, 4, 10};
    const struct ocelli_unary_params *a = p->attr;
    const struct act f = {a->kind, a->alpha, a->beta};
    if (i == 0 || (mode == FILL_INTEGER && a->kind <= OCELLI_TANH))
        return false;
    for (int64_t j = 0; j < shape_count(&p->in[i].shape); j++) {
        double u = random_uniform(seed, 1, (uint64_t)j), v = reach[j % 4] * (2 * u - 1);
        if (a->kind == OCELLI_SQRT || a->kind == OCELLI_LOG)
            v = fabs(v) + 0.01;
        x[j] = act_info(a->kind)->grad_from_y ? act_value(&f, v) : v;
    }
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    int c;
    random_shape(seed, 1, 5, budget, x, &c);
    int kind = pick(seed, 1, 1, OCELLI_RECIPROCAL);
    text_add(out, "unary_bwd dy=%s y=%s kind=%s", x, x, act_words[kind - 1]);
    if (kind == OCELLI_CLIP)
        text_add(out, " alpha=-0.5 beta=0.75");
    else if (act_info(kind)->params || pick(seed, 2, 0, 2) == 0)
        text_add(out, " alpha=1.7159 beta=0.666666687");
}

const struct oracle oracle_unary_bwd = {
    .run = run, .inexact = true, .fill = fill, .random = random_problem};
