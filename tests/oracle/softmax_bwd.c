#include <math.h>

#include "oracle/random.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    int64_t rows = p->in[0].shape.dim[0], c = p->in[0].shape.dim[1];
    for (int64_t n = 0; n < rows; n++) {
        const double *dy = in[0] + n * c, *y = in[1] + n * c;
        double dot = 0, size = 0;
        for (int64_t j = 0; j < c; j++) {
            dot += dy[j] * y[j];
            size += fabs(dy[j] * y[j]);
        }
        for (int64_t j = 0; j < c; j++) {
            out[0][n * c + j] = y[j] * (dy[j] - dot);
            mag[0][n * c + j] = fabs(y[j]) * (fabs(dy[j]) + size);
        }
    }
}

static double terms(const struct problem *p, int k)
{
    (void)k;
    return (double)p->in[0].shape.dim[1] + 1;
}

/* Whole numbers of three factors: small, so that the sums are exact. Else y is a row of
 * probabilities. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    int64_t c = p->in[i].shape.dim[1];
    for (int64_t j = 0; j < shape_count(&p->in[i].shape); j++) {
        double u = random_uniform(seed, (uint64_t)i, (uint64_t)j);
        if (mode == FILL_INTEGER)
            x[j] = floor(5 * u) - 2;
        else
            x[j] = i == 0 ? 2 * u - 1 : 2 * u / (double)c;
    }
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    int c;
    random_shape(seed, 2, 2, budget, x, &c);
    text_add(out, "softmax_bwd dy=%s y=%s", x, x);
}

const struct oracle oracle_softmax_bwd = {
    .run = run, .terms = terms, .fill = fill, .random = random_problem};
