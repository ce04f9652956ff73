#include <math.h>

#include "oracle/random.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    int64_t rows = p->in[0].shape.dim[0], c = p->in[0].shape.dim[1];
    for (int64_t n = 0; n < rows; n++) {
        const double *x = in[0] + n * c;
        double top = x[0], sum = 0;
        for (int64_t j = 0; j < c; j++)
            top = fmax(top, x[j]);
        for (int64_t j = 0; j < c; j++)
            sum += exp(x[j] - top);
        for (int64_t j = 0; j < c; j++)
            out[0][n * c + j] = mag[0][n * c + j] = exp(x[j] - top) / sum;
    }
}

static double terms(const struct problem *p, int k)
{
    (void)k;
    return (double)p->in[0].shape.dim[1];
}

/* Rows far from zero, where exp() alone would overflow; few units in the last place of x - max. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    int64_t c = p->in[i].shape.dim[1];
    if (mode == FILL_INTEGER)
        return false;
    for (int64_t j = 0; j < shape_count(&p->in[i].shape); j++)
        x[j] = 6 * random_uniform(seed, 0, (uint64_t)j) - 3 + 100.0 * (double)(j / c % 3 - 1);
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    int c;
    random_shape(seed, 2, 2, budget, x, &c);
    text_add(out, "softmax x=%s", x);
}

const struct oracle oracle_softmax = {.run = run,
                                      .terms = terms,
                                      .ulps = 32,
                                      .inexact = true,
                                      .fill = fill,
                                      .random = random_problem};
