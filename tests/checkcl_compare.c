/* The epilogue in double precision, bounds, and the comparison. */
#include "checkcl_trial.h"

#include <math.h>

#include "ops/shared.h"
#include "oracle/act.h"

#define UNIT 0x1p-24 /* half the spacing of floats at 1 */

/* By how much a result of the operation alone may be off. */
static double op_bound(const struct trial *t, enum ocelli_dtype type, double terms, double mag,
                       double value, bool exact)
{
    if (exact || !dtype_is_float(type))
        return 0;
    return 2 * (2 + sqrt(terms)) * UNIT * mag + t->oracle->ulps * UNIT * fabs(value);
}

/* What storing adds to a bound, of which exact results have none: halves have 11 bits, or are multiples of 2^-24. */
static double store_bound(enum ocelli_dtype type, double value, double bound)
{
    return type != OCELLI_F16 || bound == 0 ? 0 : 0x1p-11 * (fabs(value) + bound) + 0x1p-25;
}

/* The ends of the interval are the worst where the function is monotonous; the others have slopes
 * of at most 1.2. */
static double through_act(const struct act *a, double v, double bound)
{
    double y = act_value(a, v);
    double up = fabs(act_value(a, v + bound) - y), down = fabs(act_value(a, v - bound) - y);
    double spread = act_is_monotonous(a) ? MAX(up, down) : 1.2 * bound;
    return spread + act_ulps(a) * UNIT * fabs(y);
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
        double b = through_act(&e->act, v, op_bound(t, r->desc.dtype, terms, m, r->want[i], exact));
        v = act_value(&e->act, v);
        if (e->grad_y >= 0) {
            double slope = act_slope(&e->grad, t->in[e->grad_y][i]);
            v *= slope;
            b = b * fabs(slope) +
                fabs(slope ? v / slope : 0) * slope_bound(&e->grad, t->in[e->grad_y][i]);
        }
        r->want[i] = v;
        r->mag[i] = m;
        r->bound[i] = b + store_bound(r->desc.dtype, v, b);
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
            for (int64_t i = 0; i < n; i++) {
                const double b =
                    op_bound(t, r->desc.dtype, r->terms, r->mag[i], r->want[i], exact);
                r->bound[i] = b + store_bound(r->desc.dtype, r->want[i], b);
            }
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

static bool within(enum ocelli_dtype type, double got, double want, double bound)
{
    if (dtype_is_float(type) && isinf(as_type(type, want)))
        want = as_type(type, want);
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    if (isinf(want) || isinf(got))
        return want == got;
    /* What is below the smallest normal may be flushed to zero. */
    return fabs(got - want) <= bound + (bound == 0 ? 0 : type == OCELLI_F16 ? 0x1p-14 : 0x1p-126);
}

static const char *result_name(const struct trial *t, const struct result *r)
{
    return r->updated ? t->p->op->in[r->index] : t->p->op->out[r->index];
}

/* A result that is one value everywhere, or all but nothing, would prove nothing. */
static bool says_something(const struct trial *t, const struct result *r, const double *got,
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

bool compare(const struct trial *t, int k, const double *got, int noise, struct text *why)
{
    const struct result *r = &t->result[k];
    int64_t n = shape_count(&r->desc.shape), bad = 0, first = -1;
    double widest = 0;
    for (int64_t i = 0; noise > 0 && i < n; i++)
        widest = MAX(widest, noise * r->bound[i]);
    for (int64_t i = 0; i < n; i++) {
        /* An exact result must also be of the type. */
        double want = r->bound[i] == 0 ? as_type(r->desc.dtype, r->want[i]) : r->want[i];
        if (within(r->desc.dtype, got[i], want, MAX(widest, r->bound[i])))
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
                 r->want[first], MAX(widest, r->bound[first]));
        return false;
    }
    return says_something(t, r, got, n, why);
}
