/* The epilogue in double precision, bounds, and the comparison. */
#include "checkcl_trial.h"

#include <math.h>

#define UNIT 0x1p-24 /* half the spacing of floats at 1 */

static double act_value(const struct act *a, double x)
{
    switch (a->kind) {
    case OCELLI_RELU:
        return x < 0 ? 0 : x;
    case OCELLI_SIGMOID:
        return 1 / (1 + exp(-x));
    case OCELLI_TANH:
        return a->alpha * tanh(a->beta * x);
    }
    return x;
}

/* The derivative, from the result y of the function. */
static double act_slope(const struct act *a, double y)
{
    switch (a->kind) {
    case OCELLI_RELU:
        return y <= 0 ? 0 : 1;
    case OCELLI_SIGMOID:
        return y * (1 - y);
    case OCELLI_TANH:
        return (double)a->beta / a->alpha * ((double)a->alpha * a->alpha - y * y);
    }
    return 1;
}

/* sigmoid and tanh may be off by 16 units in the last place, their derivatives by 8. */
static bool act_is_exact(const struct act *a)
{
    return a->kind == 0 || a->kind == OCELLI_RELU;
}

/* By how much a result of the operation alone may be off. */
static double op_bound(const struct trial *t, double terms, double mag, double value, bool exact)
{
    if (exact)
        return 0;
    return 2 * (2 + sqrt(terms)) * UNIT * mag + t->oracle->ulps * UNIT * fabs(value);
}

/* The functions are monotonous: the ends of the interval are the worst. */
static double through_act(const struct act *a, double v, double bound)
{
    double y = act_value(a, v);
    double up = fabs(act_value(a, v + bound) - y), down = fabs(act_value(a, v - bound) - y);
    return MAX(up, down) + (act_is_exact(a) ? 0 : 16 * UNIT * fabs(y));
}

static void apply_epilogue(const struct trial *t, struct result *r, bool exact)
{
    const struct epilogue *e = &t->p->epi;
    const struct ocelli_shape *s = &r->desc.shape;
    int64_t spatial = 1, channels = s->rank > 1 ? s->dim[1] : 1;
    for (int i = 2; i < s->rank; i++)
        spatial *= s->dim[i];
    double terms = r->terms + (e->bias >= 0) + (e->residual >= 0);
    for (int64_t i = 0; i < shape_count(s); i++) {
        double v = r->want[i], m = r->mag[i], add;
        if (e->bias >= 0) {
            add = t->in[e->bias][i / spatial % channels];
            v += add;
            m += fabs(add);
        }
        if (e->residual >= 0) {
            add = t->in[e->residual][i];
            v += add;
            m += fabs(add);
        }
        double b = through_act(&e->act, v, op_bound(t, terms, m, r->want[i], exact));
        v = act_value(&e->act, v);
        if (e->grad_y >= 0) {
            double slope = act_slope(&e->grad, t->in[e->grad_y][i]);
            v *= slope;
            b = b * fabs(slope) + (act_is_exact(&e->grad) ? 0 : 8 * UNIT * fabs(v));
        }
        r->want[i] = v;
        r->mag[i] = m;
        r->bound[i] = b;
    }
}

bool set_bounds(struct trial *t, struct text *why)
{
    bool exact = t->mode == FILL_INTEGER && !t->oracle->inexact;
    for (int k = 0; k < t->n_results; k++) {
        struct result *r = &t->result[k];
        int64_t n = shape_count(&r->desc.shape);
        if (k == 0 && !r->updated)
            apply_epilogue(t, r, exact);
        else
            for (int64_t i = 0; i < n; i++)
                r->bound[i] = op_bound(t, r->terms, r->mag[i], r->want[i], exact);
        for (int64_t i = 0; exact && i < n; i++) {
            if (r->mag[i] <= 16777216.0)
                continue;
            text_add(why, "the whole numbers are too large for exact sums: %g at %lld", r->mag[i],
                     (long long)i);
            return false;
        }
    }
    return true;
}

static bool within(double got, double want, double bound)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    if (isinf(want) || isinf(got))
        return want == got;
    /* What should be a multiple of 2^-24 of the smallest normal may be flushed to zero. */
    return fabs(got - want) <= bound + (bound > 0 ? 0x1p-126 : 0);
}

static const char *result_name(const struct trial *t, const struct result *r)
{
    return r->updated ? t->p->op->in[r->index] : t->p->op->out[r->index];
}

/* A result that is one value everywhere, or all but nothing, would prove nothing. */
static bool says_something(const struct trial *t, const struct result *r, const float *got,
                           int64_t n, struct text *why)
{
    int64_t zeros = 0, same = 0;
    for (int64_t i = 0; i < n; i++) {
        zeros += got[i] == 0;
        same += got[i] == got[0];
    }
    if (n <= 8 || (zeros <= 0.99 * (double)n && same < n))
        return true;
    text_add(why, "%s says nothing: %lld of %lld values are 0, %lld equal the first",
             result_name(t, r), (long long)zeros, (long long)n, (long long)same);
    return false;
}

bool compare(const struct trial *t, int k, const float *got, struct text *why)
{
    const struct result *r = &t->result[k];
    int64_t n = shape_count(&r->desc.shape), bad = 0, first = -1;
    for (int64_t i = 0; i < n; i++) {
        /* An exact result must also be a float. */
        double want = r->bound[i] == 0 ? (double)(float)r->want[i] : r->want[i];
        if (within(got[i], want, r->bound[i]))
            continue;
        first = bad++ ? first : i;
    }
    if (n == 0) {
        text_add(why, "%s: nothing was compared", result_name(t, r));
        return false;
    }
    if (bad) {
        text_add(why, "%s: %lld of %lld wrong, first [%lld]: got %.9g, want %.9g, bound %.3g",
                 result_name(t, r), (long long)bad, (long long)n, (long long)first, got[first],
                 r->want[first], r->bound[first]);
        return false;
    }
    return says_something(t, r, got, n, why);
}
