/* Mean and variance of rows. */
#ifndef TESTS_ORACLE_STANDARDIZE_H
#define TESTS_ORACLE_STANDARDIZE_H

#include <math.h>

#include "oracle/random.h"

static inline int64_t row_length(const struct problem *p)
{
    const struct ocelli_standardize_params *a = p->attr;
    int64_t n = 1;
    for (int d = a->axis; d < p->in[0].shape.rank; d++)
        n *= p->in[0].shape.dim[d];
    return n;
}

struct row {
    double mean, size, variance, r; /* size: the mean of |x|; r = 1 / sqrt(variance + epsilon) */
};
static inline struct row row_of(const struct problem *p, const double *x, int64_t n)
{
    const struct ocelli_standardize_params *a = p->attr;
    struct row row = {0};
    for (int64_t j = 0; j < n; j++) {
        row.mean += x[j] / (double)n;
        row.size += fabs(x[j]) / (double)n;
    }
    for (int64_t j = 0; j < n; j++)
        row.variance += (x[j] - row.mean) * (x[j] - row.mean) / (double)n;
    row.r = 1 / sqrt(row.variance + a->epsilon);
    return row;
}

static inline void random_rows(uint64_t seed, double budget, char x[SHAPE_TEXT], int *axis)
{
    int c;
    struct ocelli_shape s;
    random_shape(seed, 1, 5, budget, x, &c);
    shape_parse(x, &s);
    *axis = pick(seed, 400, 0, s.rank - 1);
    int64_t n = 1;
    for (int d = *axis; d < s.rank; d++)
        n *= s.dim[d];
    if (n < 5) {
        snprintf(x, SHAPE_TEXT, "3x17");
        *axis = 1;
    }
}

#endif
