/* Where the elements of a reduction go. */
#ifndef TESTS_ORACLE_REDUCE_H
#define TESTS_ORACLE_REDUCE_H

#include <math.h>
#include <stdlib.h>

#include "oracle/random.h"

/* The element of the result that element i of x goes to. */
static inline int64_t reduced_to(const struct ocelli_reduce_params *a, const struct ocelli_shape *x,
                                 int64_t i)
{
    int64_t at = 0, step = 1;
    for (int d = x->rank - 1; d >= 0; d--) {
        if (a->axes && !(a->axes >> d & 1)) {
            at += i % x->dim[d] * step;
            step *= x->dim[d];
        }
        i /= x->dim[d];
    }
    return at;
}

/* The reduction of x to n elements; mag is the sum of what is added up. */
static inline void reduce_to(const struct ocelli_reduce_params *a, const struct ocelli_shape *s,
                             const double *x, int64_t n, double *y, double *mag)
{
    int64_t count = shape_count(s);
    double *top = malloc((size_t)n * sizeof(*top));
    int kind = a->kind;
    for (int64_t j = 0; j < n; j++) {
        y[j] = kind == OCELLI_REDUCE_PROD ? 1 : 0;
        mag[j] = 0;
        top[j] = -INFINITY;
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t j = reduced_to(a, s, i);
        if (kind == OCELLI_REDUCE_MIN)
            top[j] = fmax(top[j], -x[i]);
        else
            top[j] = fmax(top[j], x[i]);
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t j = reduced_to(a, s, i);
        double v = x[i];
        switch (kind) {
        case OCELLI_REDUCE_PROD:
            y[j] *= v;
            mag[j] = fabs(y[j]);
            continue;
        case OCELLI_REDUCE_L1:
            v = fabs(v);
            break;
        case OCELLI_REDUCE_L2:
        case OCELLI_REDUCE_SUM_SQUARE:
            v *= v;
            break;
        case OCELLI_REDUCE_LOG_SUM_EXP:
            v = exp(v - top[j]);
            break;
        }
        y[j] += v;
        mag[j] += fabs(v);
    }
    for (int64_t j = 0; j < n; j++) {
        double each = (double)count / (double)n;
        switch (kind) {
        case OCELLI_REDUCE_MEAN:
            y[j] /= each;
            mag[j] /= each;
            break;
        case OCELLI_REDUCE_MAX:
            y[j] = top[j];
            mag[j] = 0;
            break;
        case OCELLI_REDUCE_MIN:
            y[j] = -top[j];
            mag[j] = 0;
            break;
        case OCELLI_REDUCE_L2:
            mag[j] = y[j] = sqrt(y[j]);
            break;
        case OCELLI_REDUCE_LOG_SUM:
            y[j] = log(y[j]);
            mag[j] = 1 + fabs(y[j]);
            break;
        case OCELLI_REDUCE_LOG_SUM_EXP:
            y[j] = log(y[j]) + top[j];
            mag[j] = 4 + fabs(top[j]) + fabs(y[j]);
            break;
        }
    }
    free(top);
}

/* A random reduction: shape, kind and axes. */
static inline void random_reduction(uint64_t seed, double budget, char x[SHAPE_TEXT],
                                    struct ocelli_shape *s, int *axes, const char **kind)
{
    static const char *const kinds[] = {"sum", "mean", "max",        "min",     "prod",
                                        "l1",  "l2",   "sum_square", "log_sum", "log_sum_exp"};
    int c;
    random_shape(seed, 1, 6, budget, x, &c);
    shape_parse(x, s);
    *axes = pick(seed, 200, 0, (1 << s->rank) - 1);
    *kind = kinds[pick(seed, 201, 0, 9)];
}

#endif
