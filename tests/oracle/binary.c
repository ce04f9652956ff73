#include <math.h>

#include "oracle/random.h"
#include "ops/shared.h"

/* The element of an operand of shape s that stands at element i of shape y. */
static int64_t element_of(const struct ocelli_shape *s, const struct ocelli_shape *y, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int d = 1; d <= y->rank; d++) {
        int64_t x = i % y->dim[y->rank - d];
        i /= y->dim[y->rank - d];
        if (d > s->rank)
            continue;
        if (s->dim[s->rank - d] > 1)
            at += x * step;
        step *= s->dim[s->rank - d];
    }
    return at;
}

static double value(int kind, double a, double b, bool whole)
{
    switch (kind) {
    case OCELLI_ADD:
        return a + b;
    case OCELLI_SUB:
        return a - b;
    case OCELLI_MUL:
        return a * b;
    case OCELLI_DIV:
        return whole ? trunc(a / b) : a / b;
    case OCELLI_MIN:
        return isnan(a) || isnan(b) ? NAN : fmin(a, b);
    case OCELLI_MAX:
        return isnan(a) || isnan(b) ? NAN : fmax(a, b);
    case OCELLI_POW:
        return whole ? trunc(pow(a, b)) : pow(a, b);
    }
    return a < 0 ? b * a : a;
}

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    int kind = ((const struct ocelli_binary_params *)p->attr)->kind;
    const struct ocelli_shape *y = &p->out[0].shape;
    bool whole = !dtype_is_float(p->in[0].dtype);
    for (int64_t i = 0; i < shape_count(y); i++) {
        double v = value(kind, in[0][element_of(&p->in[0].shape, y, i)],
                         in[1][element_of(&p->in[1].shape, y, i)], whole);
        /* Unsigned differences wrap. */
        out[0][i] = whole && v < 0 && p->in[0].dtype == OCELLI_U8 ? v + 256 : v;
        mag[0][i] = kind == OCELLI_POW ? 16.0 / 6 * fabs(v) : kind == OCELLI_DIV ? fabs(v) : 0;
        if (kind <= OCELLI_MUL || kind == OCELLI_PRELU)
            mag[0][i] = fabs(v);
    }
}

static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    int kind = ((const struct ocelli_binary_params *)p->attr)->kind;
    bool whole = !dtype_is_float(p->in[0].dtype);
    int64_t n = shape_count(&p->in[i].shape);
    if (kind == OCELLI_POW && !whole) {
        for (int64_t j = 0; j < n; j++)
            x[j] = random_uniform(seed, (uint64_t)i, (uint64_t)j) * 4 + (i ? -2 : 0.25);
        return true;
    }
    if ((kind == OCELLI_MIN || kind == OCELLI_MAX) && !whole && mode == FILL_REAL && n > 50) {
        for (int64_t j = 0; j < n; j++)
            x[j] = j == 3 + i || j == 9 ? NAN : random_uniform(seed, (uint64_t)i, (uint64_t)j);
        return true;
    }
    if (i == 0 || (kind != OCELLI_DIV && kind != OCELLI_POW))
        return false;
    for (int64_t j = 0; j < n; j++)
        x[j] = 1 + (double)(random_at(seed, (uint64_t)i, (uint64_t)j) % 3);
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    static const char *const kinds[] = {"add", "sub", "mul", "div", "min", "max", "pow", "prelu"};
    static const int extents[] = {1, 2, 3, 5, 8, 17, 64};
    int rank[2] = {pick(seed, 1, 0, 5), pick(seed, 2, 0, 5)}, dim[5];
    for (int d = 0; d < 5; d++) {
        dim[d] = extents[pick(seed, 3 + (uint64_t)d, 0, 6)];
        if (dim[d] > budget)
            dim[d] = 1;
        budget /= dim[d];
    }
    text_add(out, "binary");
    for (int i = 0; i < 2; i++) {
        text_add(out, " %c=%s", 'a' + i, rank[i] ? "" : "scalar");
        for (int d = rank[i] - 1; d >= 0; d--)
            text_add(out, "%d%s", pick(seed, 20 + (uint64_t)(8 * i + d), 0, 2) ? dim[d] : 1, d ? "x" : "");
    }
    text_add(out, " kind=%s", kinds[pick(seed, 50, 0, 7)]);
}

const struct oracle oracle_binary = {
    .run = run, .inexact = true, .fill = fill, .random = random_problem};
