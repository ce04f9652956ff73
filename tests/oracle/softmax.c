#include "oracle/softmax.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    struct classes c = classes_of(p);
    for (int64_t i = 0; i < c.rows * c.behind; i++) {
        int64_t at = i / c.behind * c.n * c.behind + i % c.behind;
        const double *x = in[0] + at;
        double top = x[0], sum = 0;
        for (int64_t j = 0; j < c.n; j++)
            top = fmax(top, x[j * c.behind]);
        for (int64_t j = 0; j < c.n; j++)
            sum += exp(x[j * c.behind] - top);
        for (int64_t j = 0; j < c.n; j++) {
            double d = x[j * c.behind] - top, y = c.log ? d - log(sum) : exp(d) / sum;
            out[0][at + j * c.behind] = y;
            mag[0][at + j * c.behind] = c.log ? fabs(d) + 1 + fabs(log(sum)) : y;
        }
    }
}

static double terms(const struct problem *p, int k)
{
    (void)k;
    return (double)classes_of(p).n;
}

/* Rows far from zero, where exp() alone would overflow; few units in the last place of x - max. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    struct classes c = classes_of(p);
    if (mode == FILL_INTEGER)
        return false;
    for (int64_t j = 0; j < shape_count(&p->in[i].shape); j++)
        x[j] = 6 * random_uniform(seed, 0, (uint64_t)j) - 3 +
               100.0 * (double)(j / (c.n * c.behind) % 3 - 1);
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    struct text attr = {0};
    random_classes(seed, budget, x, &attr);
    text_add(out, "softmax x=%s%s", x, attr.s);
    text_free(&attr);
}

const struct oracle oracle_softmax = {.run = run,
                                      .terms = terms,
                                      .ulps = 32,
                                      .inexact = true,
                                      .fill = fill,
                                      .random = random_problem};
