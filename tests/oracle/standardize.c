#include "oracle/standardize.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    int64_t n = row_length(p), all = shape_count(&p->in[0].shape);
    for (int64_t at = 0; at < all; at += n) {
        struct row row = row_of(p, in[0] + at, n);
        for (int64_t j = at; j < at + n; j++) {
            out[0][j] = (in[0][j] - row.mean) * row.r;
            mag[0][j] = (fabs(in[0][j]) + row.size) * row.r;
        }
    }
}

static double terms(const struct problem *p, int k)
{
    (void)k;
    return (double)row_length(p);
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    int axis;
    random_rows(seed, budget, x, &axis);
    text_add(out, "standardize x=%s axis=%d", x, axis);
}

const struct oracle oracle_standardize = {
    .run = run, .terms = terms, .ulps = 16, .inexact = true, .random = random_problem};
