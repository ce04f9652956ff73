/* Folding of arithmetic: element by element, and all of a list into one. */
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "graph/onnx_fold.h"

enum arith { ADD, SUB, MUL, DIV, MOD, POW, MINIMUM, MAXIMUM, EQUAL, LESS, GREATER, AND, OR };

static double arith_f(enum arith op, double a, double b)
{
    switch (op) {
    case ADD:
        return a + b;
    case SUB:
        return a - b;
    case MUL:
        return a * b;
    case DIV:
        return a / b;
    case MOD:
        return fmod(a, b);
    case POW:
        return pow(a, b);
    case MINIMUM:
        return fmin(a, b);
    case MAXIMUM:
        return fmax(a, b);
    case EQUAL:
        return a == b;
    case LESS:
        return a < b;
    case GREATER:
        return a > b;
    case AND:
        return a != 0 && b != 0;
    case OR:
        return a != 0 || b != 0;
    }
    return NAN;
}

/* Whole numbers wrap around as the type's own arithmetic does; false: division by zero. */
static bool arith_i(enum arith op, int64_t a, int64_t b, int64_t *y)
{
    switch (op) {
    case ADD:
        *y = (int64_t)((uint64_t)a + (uint64_t)b);
        return true;
    case SUB:
        *y = (int64_t)((uint64_t)a - (uint64_t)b);
        return true;
    case MUL:
        *y = (int64_t)((uint64_t)a * (uint64_t)b);
        return true;
    case DIV:
        *y = b == -1 ? (int64_t)(0 - (uint64_t)a) : b ? a / b : 0;
        return b != 0;
    case MOD: /* the sign of the divisor */
        *y = b == -1 || b == 0 ? 0 : a % b;
        if (*y != 0 && (*y < 0) != (b < 0))
            *y += b;
        return b != 0;
    case MINIMUM:
        *y = MIN(a, b);
        return true;
    case MAXIMUM:
        *y = MAX(a, b);
        return true;
    case EQUAL:
        *y = a == b;
        return true;
    case LESS:
        *y = a < b;
        return true;
    case GREATER:
        *y = a > b;
        return true;
    case AND:
        *y = a && b;
        return true;
    case OR:
        *y = a || b;
        return true;
    case POW:
        *y = whole_number(pow((double)a, (double)b));
        return true;
    }
    return false;
}

/* Both, repeated to one shape. */
static bool pair(struct onnx_node *n, const struct host **a, const struct host **b)
{
    struct ocelli_shape s;
    int64_t stride[OCELLI_MAX_RANK];

    if (!broadcast(&(*a)->d.shape, &(*b)->d.shape, &s)) {
        stop(n, fail(OCELLI_ERR_SHAPE, "the shapes of constants do not fit each other"));
        return false;
    }
    broadcast_strides(&(*a)->d.shape, &s, stride);
    *a = host_strided(n->m, *a, &s, stride, 0);
    broadcast_strides(&(*b)->d.shape, &s, stride);
    *b = host_strided(n->m, *b, &s, stride, 0);
    return *a && *b;
}

static const struct host *arith(struct onnx_node *n, enum arith op, const struct host *a,
                                const struct host *b)
{
    struct host *y;

    if (!pair(n, &a, &b))
        return NULL;
    y = host_new(n->m, op >= EQUAL ? OCELLI_BOOL : a->d.dtype, &a->d.shape);
    for (size_t i = 0; y && i < y->count; i++) {
        int64_t v;
        if (dtype_is_float(a->d.dtype)) {
            host_set_f(y, i, arith_f(op, host_f(a, i), host_f(b, i)));
        } else if (arith_i(op, host_i(a, i), host_i(b, i), &v)) {
            host_set_i(y, i, v);
        } else {
            stop(n, fail(OCELLI_ERR_FORMAT, "a constant is divided by 0"));
            return NULL;
        }
    }
    return y;
}

static void fold_arith(struct onnx_node *n, enum arith op)
{
    const struct host *y = in_known(n, 0);

    for (int i = 1; y && i < inputs(n); i++) {
        const struct host *b = in_known(n, i);
        y = b ? arith(n, op, y, b) : NULL;
    }
    out_host(n, 0, y);
}

#define FOLD_ARITH(name, op)       \
    void name(struct onnx_node *n) \
    {                              \
        fold_arith(n, op);         \
    }
FOLD_ARITH(fold_add, ADD)
FOLD_ARITH(fold_sub, SUB)
FOLD_ARITH(fold_mul, MUL)
FOLD_ARITH(fold_div, DIV)
FOLD_ARITH(fold_pow, POW)
FOLD_ARITH(fold_min, MINIMUM)
FOLD_ARITH(fold_max, MAXIMUM)
FOLD_ARITH(fold_equal, EQUAL)
FOLD_ARITH(fold_less, LESS)
FOLD_ARITH(fold_greater, GREATER)
FOLD_ARITH(fold_and, AND)
FOLD_ARITH(fold_or, OR)

void fold_mod(struct onnx_node *n)
{
    attr_ignore(n, "fmod"); /* floats are always by fmod() */
    fold_arith(n, MOD);
}

static void fold_function(struct onnx_node *n, double (*f)(double))
{
    const struct host *x = in_known(n, 0);
    struct host *y = x ? host_new(n->m, x->d.dtype, &x->d.shape) : NULL;

    for (size_t i = 0; y && i < y->count; i++)
        host_set_f(y, i, f(host_f(x, i)));
    out_host(n, 0, y);
}

static double minus(double x)
{
    return -x;
}

static double not_(double x)
{
    return x == 0;
}

#define FOLD_FUNCTION(name, f)     \
    void name(struct onnx_node *n) \
    {                              \
        fold_function(n, f);       \
    }
FOLD_FUNCTION(fold_floor, floor)
FOLD_FUNCTION(fold_ceil, ceil)
FOLD_FUNCTION(fold_round, nearbyint)
FOLD_FUNCTION(fold_sqrt, sqrt)
FOLD_FUNCTION(fold_abs, fabs)
FOLD_FUNCTION(fold_neg, minus)
FOLD_FUNCTION(fold_not, not_)

void fold_where(struct onnx_node *n)
{
    const struct host *c = in_known(n, 0), *a = in_known(n, 1), *b = in_known(n, 2);
    const struct host *c2 = c;
    struct host *y;

    if (!c || !a || !b || !pair(n, &a, &b) || !pair(n, &c2, &a) || !pair(n, &c, &b))
        return;
    y = host_new(n->m, a->d.dtype, &a->d.shape);
    for (size_t i = 0; y && i < y->count; i++) {
        if (dtype_is_float(y->d.dtype))
            host_set_f(y, i, host_i(c, i) ? host_f(a, i) : host_f(b, i));
        else
            host_set_i(y, i, host_i(c, i) ? host_i(a, i) : host_i(b, i));
    }
    out_host(n, 0, y);
}

void fold_cast(struct onnx_node *n)
{
    const struct host *x = in_known(n, 0);
    int to = cast_dtype(n);
    struct host *y = x && to >= 0 ? host_new(n->m, (enum ocelli_dtype)to, &x->d.shape) : NULL;

    for (size_t i = 0; y && i < y->count; i++) {
        if (dtype_is_float(x->d.dtype))
            host_set_f(y, i, host_f(x, i));
        else
            host_set_i(y, i, host_i(x, i));
    }
    out_host(n, 0, y);
}

void fold_range(struct onnx_node *n)
{
    const struct host *a = in_known(n, 0), *b = in_known(n, 1), *step = in_known(n, 2);
    struct host *y;
    double count;

    if (!a || !b || !step)
        return;
    if (a->count != 1 || b->count != 1 || step->count != 1 || host_f(step, 0) == 0) {
        stop(n, fail(OCELLI_ERR_FORMAT, "no start, limit and step"));
        return;
    }
    count = fmax(0, ceil((host_f(b, 0) - host_f(a, 0)) / host_f(step, 0)));
    if (!(count <= HOST_MAX_COUNT)) {
        stop(n, fail(OCELLI_ERR_UNSUPPORTED, "a range of %.0f numbers", count));
        return;
    }
    y = host_new(n->m, a->d.dtype, &OCELLI_SHAPE((int64_t)count));
    for (size_t i = 0; y && i < y->count; i++)
        host_set_f(y, i, host_f(a, 0) + (double)i * host_f(step, 0));
    out_host(n, 0, y);
}

/* All elements into one. */
static void fold_reduce(struct onnx_node *n, enum arith op, int axes_since)
{
    const struct host *x = in_known(n, 0);
    bool keep = attr_flag(n, "keepdims", true), noop = attr_flag(n, "noop_with_empty_axes", false);
    int64_t axes[OCELLI_MAX_RANK];
    int count = ints(n, 1, "axes", axes_since, axes, OCELLI_MAX_RANK);
    struct ocelli_shape s = {.rank = keep ? 1 : 0, .dim = {1}};
    struct host *y;

    if (!x || stopped(n))
        return;
    if (x->d.shape.rank != 1 || (noop && count <= 0) || x->count == 0) {
        stop(n, fail(OCELLI_ERR_UNSUPPORTED, "a constant that is not a list"));
        return;
    }
    axes_mask(n, axes, MAX(count, 0), 1);
    if (!(y = host_new(n->m, x->d.dtype, &s)))
        return;
    memcpy(y->data, x->data, ocelli_dtype_size(x->d.dtype));
    for (size_t i = 1; i < x->count; i++) {
        int64_t v;
        if (dtype_is_float(x->d.dtype))
            host_set_f(y, 0, arith_f(op, host_f(y, 0), host_f(x, i)));
        else if (arith_i(op, host_i(y, 0), host_i(x, i), &v))
            host_set_i(y, 0, v);
    }
    out_host(n, 0, y);
}

void fold_reduce_prod(struct onnx_node *n)
{
    fold_reduce(n, MUL, 18);
}

void fold_reduce_max(struct onnx_node *n)
{
    fold_reduce(n, MAXIMUM, 18);
}

void fold_reduce_min(struct onnx_node *n)
{
    fold_reduce(n, MINIMUM, 18);
}

void fold_reduce_sum(struct onnx_node *n)
{
    fold_reduce(n, ADD, 13);
}
