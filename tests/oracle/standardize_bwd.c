#include "oracle/standardize.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    int64_t n = row_length(p), all = shape_count(&p->in[0].shape);
    for (int64_t at = 0; at < all; at += n) {
        const double *dy = in[0] + at, *x = in[1] + at;
        struct row row = row_of(p, x, n);
        double m = 0, ma = 0, mu = 0, mua = 0;
        for (int64_t j = 0; j < n; j++) {
            double u = (x[j] - row.mean) * row.r, ua = (fabs(x[j]) + row.size) * row.r;
            m += dy[j] / (double)n;
            ma += fabs(dy[j]) / (double)n;
            mu += dy[j] * u / (double)n;
            mua += fabs(dy[j]) * ua / (double)n;
        }
        for (int64_t j = 0; j < n; j++) {
            double u = (x[j] - row.mean) * row.r, ua = (fabs(x[j]) + row.size) * row.r;
            out[0][at + j] = row.r * (dy[j] - m - u * mu);
            mag[0][at + j] = row.r * (fabs(dy[j]) + ma + ua * mua);
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
    text_add(out, "standardize_bwd dy=%s x=%s axis=%d", x, x, axis);
}

const struct oracle oracle_standardize_bwd = {
    .run = run, .terms = terms, .ulps = 16, .inexact = true, .random = random_problem};
