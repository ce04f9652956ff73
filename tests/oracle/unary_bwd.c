#include <math.h>

#include "oracle/random.h"

/* relu's gradient is exact; the others may be off by 8 units of 2^-24. */
static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_unary_params *a = p->attr;
    for (int64_t i = 0; i < shape_count(&p->in[0].shape); i++) {
        double dy = in[0][i], y = in[1][i], dx = 0;
        if (a->kind == OCELLI_RELU)
            dx = y > 0 ? dy : 0;
        else if (a->kind == OCELLI_SIGMOID)
            dx = dy * y * (1 - y);
        else
            dx = dy * a->beta * (a->alpha - y * y / a->alpha);
        out[0][i] = dx;
        mag[0][i] = a->kind == OCELLI_RELU ? 0 : 8.0 / 6 * fabs(dx);
    }
}

/* y is a result of the function. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    const struct ocelli_unary_params *a = p->attr;
    if (i == 0 || mode == FILL_INTEGER)
        return false;
    for (int64_t j = 0; j < shape_count(&p->in[i].shape); j++) {
        double u = random_uniform(seed, 1, (uint64_t)j);
        x[j] = a->kind == OCELLI_RELU      ? fmax(0, 2 * u - 1)
               : a->kind == OCELLI_SIGMOID ? u
                                           : (double)a->alpha * (2 * u - 1);
    }
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    int c;
    random_shape(seed, 1, 5, budget, x, &c);
    text_add(out, "unary_bwd dy=%s y=%s kind=%s", x, x, act_words[pick(seed, 1, 0, 2)]);
    if (pick(seed, 2, 0, 2) == 0)
        text_add(out, " alpha=1.7159 beta=0.666666687");
}

const struct oracle oracle_unary_bwd = {
    .run = run, .inexact = true, .fill = fill, .random = random_problem};
