/* The functions of one element and their derivatives in double precision. */
#ifndef TESTS_ORACLE_ACT_H
#define TESTS_ORACLE_ACT_H

#include <float.h>
#include <math.h>

#include "ops/act.h"

static inline double act_value(const struct act *f, double x)
{
    double a = f->alpha, b = f->beta;
    if (f->kind == OCELLI_CLIP && fabs(a) >= FLT_MAX)
        a = copysign(INFINITY, a);
    if (f->kind == OCELLI_CLIP && fabs(b) >= FLT_MAX)
        b = copysign(INFINITY, b);
    if (isnan(x))
        return x;
    switch (f->kind) {
    case OCELLI_RELU:
        return x < 0 ? 0 : x;
    case OCELLI_SIGMOID:
        return 1 / (1 + exp(-x));
    case OCELLI_TANH:
        return a * tanh(b * x);
    case OCELLI_CLIP:
        return fmin(fmax(x, a), b);
    case OCELLI_LEAKY_RELU:
        return x < 0 ? a * x : x;
    case OCELLI_ELU:
        return x < 0 ? a * expm1(x) : x;
    case OCELLI_SELU:
        return b * (x < 0 ? a * expm1(x) : x);
    case OCELLI_CELU:
        return fmax(x, 0) + fmin(0, a * expm1(x / a));
    case OCELLI_HARD_SIGMOID:
        return fmax(0, fmin(1, a * x + b));
    case OCELLI_HARD_SWISH:
        return x * fmax(0, fmin(1, x / 6 + 0.5));
    case OCELLI_SOFTPLUS:
        return x > 40 ? x : log1p(exp(x));
    case OCELLI_SOFTSIGN:
        return x / (1 + fabs(x));
    case OCELLI_THRESHOLDED_RELU:
        return x > a ? x : 0;
    case OCELLI_GELU:
        return x * erfc(-x / sqrt(2)) / 2;
    case OCELLI_MISH:
        return x * tanh(x > 40 ? x : log1p(exp(x)));
    case OCELLI_SQRT:
        return sqrt(x);
    case OCELLI_EXP:
        return exp(x);
    case OCELLI_LOG:
        return log(x);
    case OCELLI_NEG:
        return -x;
    case OCELLI_ABS:
        return fabs(x);
    case OCELLI_ERF:
        return erf(x);
    case OCELLI_RECIPROCAL:
        return 1 / x;
    case OCELLI_FLOOR:
        return floor(x);
    case OCELLI_CEIL:
        return ceil(x);
    case OCELLI_SIGN:
        return (x > 0) - (x < 0);
    }
    return x;
}

/* The derivative, from r: the result of the function, or its argument (act_info's grad_from_y). */
static inline double act_slope(const struct act *f, double r)
{
    double a = f->alpha, b = f->beta, s, t;
    switch (f->kind) {
    case OCELLI_RELU:
        return r <= 0 ? 0 : 1;
    case OCELLI_SIGMOID:
        return r * (1 - r);
    case OCELLI_TANH:
        return b / a * (a * a - r * r);
    case OCELLI_CLIP:
        return r > a && r < b ? 1 : 0;
    case OCELLI_LEAKY_RELU:
        return r < 0 ? a : 1;
    case OCELLI_ELU:
        return r < 0 ? a * exp(r) : 1;
    case OCELLI_SELU:
        return b * (r < 0 ? a * exp(r) : 1);
    case OCELLI_CELU:
        return r < 0 ? exp(r / a) : 1;
    case OCELLI_HARD_SIGMOID:
        return r > 0 && r < 1 ? a : 0;
    case OCELLI_HARD_SWISH:
        return r <= -3 ? 0 : r >= 3 ? 1 : r / 3 + 0.5;
    case OCELLI_SOFTPLUS:
        return 1 / (1 + exp(-r));
    case OCELLI_SOFTSIGN:
        return 1 / ((1 + fabs(r)) * (1 + fabs(r)));
    case OCELLI_THRESHOLDED_RELU:
        return r > a ? 1 : 0;
    case OCELLI_GELU:
        return erfc(-r / sqrt(2)) / 2 + r * exp(-r * r / 2) / sqrt(2 * M_PI);
    case OCELLI_MISH:
        t = tanh(r > 40 ? r : log1p(exp(r)));
        s = 1 / (1 + exp(-r));
        return t + r * (1 - t * t) * s;
    case OCELLI_SQRT:
        return 0.5 / r;
    case OCELLI_EXP:
        return r;
    case OCELLI_LOG:
        return 1 / r;
    case OCELLI_NEG:
        return -1;
    case OCELLI_ABS:
        return (r > 0) - (r < 0);
    case OCELLI_ERF:
        return 2 / sqrt(M_PI) * exp(-r * r);
    case OCELLI_RECIPROCAL:
        return -r * r;
    case OCELLI_FLOOR:
    case OCELLI_CEIL:
    case OCELLI_SIGN:
        return 0;
    }
    return 1;
}

/* Allowed units in the last place; 0: exact. */
static inline double act_ulps(const struct act *f)
{
    if (f->kind == 0 || act_info(f->kind)->exact)
        return f->kind == OCELLI_LEAKY_RELU ? 1 : 0;
    switch (f->kind) {
    case OCELLI_ELU:
    case OCELLI_SELU:
    case OCELLI_CELU:
    case OCELLI_GELU:
    case OCELLI_MISH:
        return 64;
    default:
        return 16;
    }
}

/* By how much the derivative at r may be off: units of its value, and of the summands where it is a sum that
 * goes through zero. */
static inline double slope_bound(const struct act *f, double r)
{
    double u = 0x1p-24, s = fabs(act_slope(f, r));
    if (act_ulps(f) == 0)
        return 0;
    switch (f->kind) {
    case OCELLI_HARD_SWISH:
        return 4 * u * (fabs(r) < 3 ? fabs(r) / 3 + 0.5 : 1);
    case OCELLI_GELU:
        return 64 * u * (erfc(-r / sqrt(2)) / 2 + fabs(r) * exp(-r * r / 2) / sqrt(2 * M_PI));
    case OCELLI_MISH:
        return 64 * u * (s + 2 * fabs(r) * exp(-fabs(r)));
    case OCELLI_SELU:
    case OCELLI_ELU:
    case OCELLI_CELU:
        return 16 * u * s;
    default:
        return 8 * u * s;
    }
}

static inline int act_is_monotonous(const struct act *f)
{
    return f->kind != OCELLI_HARD_SWISH && f->kind != OCELLI_GELU && f->kind != OCELLI_MISH &&
           f->kind != OCELLI_ABS;
}

#endif
