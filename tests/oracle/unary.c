#include "oracle/act.h"
#include "oracle/random.h"

/* Half as many units more for each step of double that reaches into float: with one term the bound is 6 times
 * mag. */
static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_unary_params *a = p->attr;
    const struct act f = {a->kind, a->alpha, a->beta};
    for (int64_t i = 0; i < shape_count(&p->in[0].shape); i++) {
        double x = in[0][i];
        out[0][i] = act_value(&f, x);
        mag[0][i] = act_ulps(&f) / 6 * fabs(out[0][i]);
        /* A sum that goes through zero. */
        if (a->kind == OCELLI_HARD_SIGMOID && fabs(out[0][i]) < 1 && out[0][i] > 0)
            mag[0][i] += fabs(a->alpha * x) + fabs(a->beta);
        if (a->kind == OCELLI_HARD_SWISH && fabs(x) < 3)
            mag[0][i] += fabs(x);
    }
}

/* Also the far ends, where a careless formula overflows, and what is no number. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    static const double reach[] = {1, 1, 10, 100};
    static const double special[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0, 1e38, -1e38, 1e-30};
    const struct ocelli_unary_params *a = p->attr;
    bool single = p->in[i].dtype == OCELLI_F32;
    int64_t n = shape_count(&p->in[i].shape);
    if (mode == FILL_INTEGER || (p->in[i].dtype != OCELLI_F64 && p->in[i].dtype != OCELLI_F16 && !single))
        return false;
    for (int64_t j = 0; j < n; j++) {
        x[j] = reach[j % 4] * (2 * random_uniform(seed, 0, (uint64_t)j) - 1);
        if (a->kind == OCELLI_SQRT || a->kind == OCELLI_LOG)
            x[j] = fabs(x[j]);
        if (!single && a->kind == OCELLI_EXP)
            x[j] /= 10;
    }
    for (size_t j = 0; single && n > 100 && j < COUNT(special); j++)
        x[j * 7] = special[j];
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    int c, kinds = 0;
    while (act_words[kinds])
        kinds++;
    random_shape(seed, 1, 5, budget, x, &c);
    int kind = pick(seed, 1, 1, kinds);
    text_add(out, "unary x=%s kind=%s", x, act_words[kind - 1]);
    if (kind == OCELLI_CLIP)
        text_add(out, " alpha=-0.5 beta=0.75");
    else if (act_info(kind)->params || pick(seed, 2, 0, 2) == 0)
        text_add(out, " alpha=1.7159 beta=0.666666687");
}

const struct oracle oracle_unary = {
    .run = run, .inexact = true, .fill = fill, .random = random_problem};
