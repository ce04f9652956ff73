#ifndef TESTS_ORACLE_LRN_H
#define TESTS_ORACLE_LRN_H

#include "oracle/channels.h"

/* bias + alpha / size sum x^2 at element i, the sum over channels c - floor((size - 1) / 2) to
 * c + ceil((size - 1) / 2). */
static inline double lrn_divisor(const struct problem *p, const double *x, const struct ocelli_shape *s,
                                 int64_t i)
{
    const struct ocelli_lrn_params *a = p->attr;
    int64_t c = channel_at(s, i), area = area_of(s);
    double sum = 0;
    for (int64_t j = c - (a->size - 1) / 2; j <= c + a->size / 2; j++)
        if (j >= 0 && j < s->dim[1])
            sum += x[i + (j - c) * area] * x[i + (j - c) * area];
    return a->bias + a->alpha / a->size * sum;
}

#endif
