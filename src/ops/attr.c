#include "ops/problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COUNT 16 /* elements of an array attribute */

static void *field(const struct attr *a, void *attr)
{
    return (char *)attr + a->offset;
}

static const void *const_field(const struct attr *a, const void *attr)
{
    return (const char *)attr + a->offset;
}

static int count_of(const struct attr *a)
{
    return MAX(a->count, 1);
}

/* No range given: every value will do. */
static bool in_range(const struct attr *a, double v)
{
    return (a->min == 0 && a->max == 0) || (v >= a->min && v <= a->max);
}

static int default_ints(const struct op *op, const struct attr *a, int *v)
{
    if (count_of(a) == 2 && v[1] == 0)
        v[1] = v[0];
    for (int i = 0; i < count_of(a); i++) {
        if (v[i] == 0)
            v[i] = (int)a->def;
        if (!in_range(a, v[i]))
            return fail(OCELLI_ERR_INVALID, "%s: %s is %d, not from %g to %g", op->name, a->name,
                        v[i], a->min, a->max);
    }
    return 0;
}

static int default_float(const struct op *op, const struct attr *a, float *v)
{
    if (*v == 0)
        *v = (float)a->def;
    if (!isfinite(*v) || !in_range(a, *v))
        return fail(OCELLI_ERR_INVALID, "%s: %s is %g, not from %g to %g", op->name, a->name, *v,
                    a->min, a->max);
    return 0;
}

static int word_count(const struct attr *a)
{
    int n = 0;
    while (a->words[n])
        n++;
    return n;
}

static int default_enum(const struct op *op, const struct attr *a, int *v)
{
    int first = (int)a->min;
    if (*v == 0)
        *v = (int)a->def;
    if (*v < first || *v >= first + word_count(a))
        return fail(OCELLI_ERR_INVALID, "%s: %s is %d, which is none of its kinds", op->name,
                    a->name, *v);
    return 0;
}

/* One extent may be -1; a shape that is not given has rank 0. */
static int check_shape(const struct op *op, const struct attr *a, const struct ocelli_shape *s)
{
    int open = 0;
    if (s->rank < 0 || s->rank > OCELLI_MAX_RANK)
        return fail(OCELLI_ERR_INVALID, "%s: %s has rank %d, not 0 to %d", op->name, a->name,
                    s->rank, OCELLI_MAX_RANK);
    for (int i = 0; i < s->rank; i++) {
        open += s->dim[i] == -1;
        if (s->dim[i] < 1 && s->dim[i] != -1)
            return fail(OCELLI_ERR_INVALID, "%s: extent %d of %s is %lld", op->name, i, a->name,
                        (long long)s->dim[i]);
    }
    if (open > 1)
        return fail(OCELLI_ERR_INVALID, "%s: more than one extent of %s is -1", op->name, a->name);
    return 0;
}

int attr_defaults(const struct op *op, void *attr)
{
    int err = 0;
    if (op->defaults)
        op->defaults(attr);
    for (const struct attr *a = op->attrs; a && a->name && !err; a++) {
        void *v = field(a, attr);
        switch (a->type) {
        case ATTR_INT:
        case ATTR_INTS:
            err = default_ints(op, a, v);
            break;
        case ATTR_FLOAT:
        case ATTR_FLOATS:
            for (int i = 0; i < count_of(a) && !err; i++)
                err = default_float(op, a, (float *)v + i);
            break;
        case ATTR_ENUM:
            err = default_enum(op, a, v);
            break;
        case ATTR_SHAPE:
            err = check_shape(op, a, v);
            break;
        case ATTR_BOOL:
            break;
        }
    }
    return err;
}

/* How many there are up to the last that is not 0. */
static int used_count(const struct attr *a, const void *v)
{
    int n = count_of(a);
    while (n > 0 && (a->type == ATTR_FLOATS ? ((const float *)v)[n - 1] == 0
                                            : ((const int *)v)[n - 1] == 0))
        n--;
    return n;
}

/* What a float becomes that is left 0, next to the other attributes as they are. */
static float float_default(const struct op *op, const struct attr *a, const void *attr)
{
    _Alignas(16) char copy[PROBLEM_ATTR_BYTES];
    if (!op->defaults || op->attr_size > sizeof(copy))
        return (float)a->def;
    memcpy(copy, attr, op->attr_size);
    float *v = field(a, copy);
    *v = 0;
    op->defaults(copy);
    return *v != 0 ? *v : (float)a->def;
}

static bool is_default(const struct op *op, const struct attr *a, const void *attr)
{
    const void *v = const_field(a, attr);
    const int *ints = v;
    switch (a->type) {
    case ATTR_FLOAT:
        return *(const float *)v == float_default(op, a, attr);
    case ATTR_BOOL:
        return !*(const bool *)v;
    case ATTR_SHAPE:
        return ((const struct ocelli_shape *)v)->rank == 0;
    case ATTR_INTS:
    case ATTR_FLOATS:
        return used_count(a, v) == 0;
    default:
        for (int i = 0; i < count_of(a); i++)
            if (ints[i] != (int)a->def)
                return false;
        return true;
    }
}

void attr_print(const struct op *op, const void *attr, struct text *out)
{
    for (const struct attr *a = op->attrs; a && a->name; a++) {
        const void *v = const_field(a, attr);
        if (is_default(op, a, attr))
            continue;
        text_add(out, " %s=", a->name);
        if (a->type == ATTR_FLOAT) {
            text_add(out, "%.9g", *(const float *)v);
        } else if (a->type == ATTR_BOOL) {
            text_add(out, "1");
        } else if (a->type == ATTR_ENUM) {
            text_add(out, "%s", a->words[*(const int *)v - (int)a->min]);
        } else if (a->type == ATTR_SHAPE) {
            const struct ocelli_shape *s = v;
            for (int i = 0; i < s->rank; i++)
                text_add(out, i ? "x%lld" : "%lld", (long long)s->dim[i]);
        } else if (a->type == ATTR_FLOATS) {
            for (int i = 0; i < used_count(a, v); i++)
                text_add(out, i ? ",%.9g" : "%.9g", ((const float *)v)[i]);
        } else if (a->type == ATTR_INTS) {
            for (int i = 0; i < used_count(a, v); i++)
                text_add(out, i ? ",%d" : "%d", ((const int *)v)[i]);
        } else {
            for (int i = 0; i < count_of(a); i++)
                text_add(out, i ? ",%d" : "%d", ((const int *)v)[i]);
        }
    }
}

int parse_numbers(const char *s, double *v, int max)
{
    for (int n = 0; n < max;) {
        char *end;
        v[n++] = strtod(s, &end);
        if (end == s)
            return -1;
        if (*end == '\0')
            return n;
        if (*end != ',')
            return -1;
        s = end + 1;
    }
    return -1;
}

/* One number stands for all elements. */
static bool parse_ints(const struct attr *a, const char *s, int *v)
{
    double x[MAX_COUNT];
    int n = parse_numbers(s, x, MIN(count_of(a), MAX_COUNT));
    bool some = a->type == ATTR_INTS;
    if (some ? n < 1 : n != count_of(a) && n != 1)
        return false;
    for (int i = 0; i < (some ? n : count_of(a)); i++) {
        double e = x[n == 1 ? 0 : i];
        if (e != floor(e) || fabs(e) > 1e9)
            return false;
        v[i] = (int)e;
    }
    return true;
}

static bool parse_floats(const struct attr *a, const char *s, float *v)
{
    double x[MAX_COUNT];
    int n = parse_numbers(s, x, MIN(count_of(a), MAX_COUNT));
    for (int i = 0; i < n; i++)
        v[i] = (float)x[i];
    return n > 0;
}

static bool parse_enum(const struct attr *a, const char *s, int *v)
{
    for (int i = 0; a->words[i]; i++) {
        if (strcmp(a->words[i], s) == 0) {
            *v = (int)a->min + i;
            return true;
        }
    }
    return false;
}

/* As shape_parse(), with -1 for an extent that is left open. */
static bool parse_open_shape(const char *s, struct ocelli_shape *out)
{
    *out = (struct ocelli_shape){0};
    while (out->rank < OCELLI_MAX_RANK) {
        char *end;
        long long d = strtoll(s, &end, 10);
        if (end == s)
            return false;
        out->dim[out->rank++] = d;
        if (*end == '\0')
            return true;
        if (*end != 'x')
            return false;
        s = end + 1;
    }
    return false;
}

static bool parse_value(const struct attr *a, void *v, const char *s)
{
    double x;
    switch (a->type) {
    case ATTR_INT:
    case ATTR_INTS:
        return parse_ints(a, s, v);
    case ATTR_FLOATS:
        return parse_floats(a, s, v);
    case ATTR_FLOAT:
        if (parse_numbers(s, &x, 1) != 1)
            return false;
        *(float *)v = (float)x;
        return true;
    case ATTR_BOOL:
        *(bool *)v = s[0] == '1';
        return strcmp(s, "0") == 0 || strcmp(s, "1") == 0;
    case ATTR_ENUM:
        return parse_enum(a, s, v);
    case ATTR_SHAPE:
        return parse_open_shape(s, v);
    }
    return false;
}

int attr_parse(const struct op *op, void *attr, const char *key, const char *value)
{
    for (const struct attr *a = op->attrs; a && a->name; a++) {
        if (strcmp(a->name, key) != 0)
            continue;
        if (!parse_value(a, field(a, attr), value))
            return fail(OCELLI_ERR_INVALID, "%s: \"%s\" is no value for %s", op->name, value, key);
        return 0;
    }
    return fail(OCELLI_ERR_INVALID, "%s: there is no \"%s\"", op->name, key);
}
