#include "oracle/softmax.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    struct classes c = classes_of(p);
    for (int64_t i = 0; i < c.rows * c.behind; i++) {
        int64_t at = i / c.behind * c.n * c.behind + i % c.behind;
        double sum = 0, size = 0;
        for (int64_t j = at; j < at + c.n * c.behind; j += c.behind) {
            double v = in[0][j] * (c.log ? 1 : in[1][j]);
            sum += v;
            size += fabs(v);
        }
        for (int64_t j = at; j < at + c.n * c.behind; j += c.behind) {
            double y = in[1][j], dy = in[0][j];
            out[0][j] = c.log ? dy - exp(y) * sum : y * (dy - sum);
            mag[0][j] = c.log ? fabs(dy) + exp(y) * (2 + fabs(y)) * size : fabs(y) * (fabs(dy) + size);
        }
    }
}

static double terms(const struct problem *p, int k)
{
    (void)k;
    return (double)classes_of(p).n + 1;
}

/* Whole numbers of three factors: small, so that the sums are exact. Else y is a row of probabilities, or of
 * their logarithms. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    struct classes c = classes_of(p);
    for (int64_t j = 0; j < shape_count(&p->in[i].shape); j++) {
        double u = random_uniform(seed, (uint64_t)i, (uint64_t)j);
        if (mode == FILL_INTEGER)
            x[j] = floor(5 * u) - 2 - (c.log && i == 1 ? 2 : 0);
        else if (i == 0)
            x[j] = 2 * u - 1;
        else
            x[j] = c.log ? log((u + 0.01) / (double)c.n) : 2 * u / (double)c.n;
    }
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    struct text attr = {0};
    random_classes(seed, budget, x, &attr);
    text_add(out, "softmax_bwd dy=%s y=%s%s", x, x, attr.s);
    text_free(&attr);
}

const struct oracle oracle_softmax_bwd = {
    .run = run, .terms = terms, .ulps = 8, .inexact = true, .fill = fill, .random = random_problem};
