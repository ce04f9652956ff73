#include <math.h>

#include "oracle/random.h"

/* relu is exact. The others may be off by 16 units of 2^-24: with one term the bound is 6 times
 * mag. */
static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_unary_params *a = p->attr;
    for (int64_t i = 0; i < shape_count(&p->in[0].shape); i++) {
        double x = in[0][i], y = 0;
        if (a->kind == OCELLI_RELU)
            y = x < 0 ? 0 : x;
        else if (a->kind == OCELLI_SIGMOID)
            y = 1 / (1 + exp(-x));
        else
            y = a->alpha * tanh(a->beta * x);
        out[0][i] = y;
        mag[0][i] = a->kind == OCELLI_RELU ? 0 : 16.0 / 6 * fabs(y);
    }
}

/* Also the far ends, where a careless formula overflows, and what is no number. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    static const double reach[] = {1, 1, 10, 100};
    static const double special[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0, 1e38, -1e38, 1e-30};
    int64_t n = shape_count(&p->in[i].shape);
    if (mode == FILL_INTEGER)
        return false;
    for (int64_t j = 0; j < n; j++)
        x[j] = reach[j % 4] * (2 * random_uniform(seed, 0, (uint64_t)j) - 1);
    for (size_t j = 0; n > 100 && j < COUNT(special); j++)
        x[j * 7] = special[j];
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    int c;
    random_shape(seed, 1, 5, budget, x, &c);
    text_add(out, "unary x=%s kind=%s", x, act_words[pick(seed, 1, 0, 2)]);
    if (pick(seed, 2, 0, 2) == 0)
        text_add(out, " alpha=1.7159 beta=0.666666687");
}

const struct oracle oracle_unary = {
    .run = run, .inexact = true, .fill = fill, .random = random_problem};
