#include "base/shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define MAX_ELEMENT 8 /* bytes; a shape that passes fits memory with any type */

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [OCELLI_F32] = {"f32", 4},
    [OCELLI_I32] = {"i32", 4},
    [OCELLI_U8] = {"u8", 1},
    [OCELLI_F64] = {"f64", 8},
    [OCELLI_F16] = {"f16", 2},
    [OCELLI_I64] = {"i64", 8},
    [OCELLI_I16] = {"i16", 2},
    [OCELLI_I8] = {"i8", 1},
    [OCELLI_U16] = {"u16", 2},
    [OCELLI_U32] = {"u32", 4},
    [OCELLI_U64] = {"u64", 8},
    [OCELLI_BOOL] = {"bool", 1},
};

size_t ocelli_dtype_size(enum ocelli_dtype dtype)
{
    return (unsigned)dtype < COUNT(dtypes) ? dtypes[dtype].size : 0;
}

const char *dtype_name(enum ocelli_dtype dtype)
{
    return (unsigned)dtype < COUNT(dtypes) ? dtypes[dtype].name : "no type";
}

int64_t shape_count(const struct ocelli_shape *s)
{
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++)
        n *= s->dim[i];
    return n;
}

int shape_check(const struct ocelli_shape *s)
{
    char buf[SHAPE_TEXT];
    if (s->rank < 0 || s->rank > OCELLI_MAX_RANK)
        return fail(OCELLI_ERR_INVALID, "shape: rank %d is not in 0..%d", s->rank, OCELLI_MAX_RANK);
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] < 1)
            return fail(OCELLI_ERR_INVALID, "shape %s: extent %d is below 1", shape_text(s, buf),
                        i);
        if (__builtin_mul_overflow(n, s->dim[i], &n) || n > INT64_MAX / MAX_ELEMENT ||
            (uint64_t)n > SIZE_MAX / MAX_ELEMENT)
            return fail(OCELLI_ERR_INVALID, "shape %s: too many elements", shape_text(s, buf));
    }
    return 0;
}

bool shape_elements(const struct ocelli_shape *s, size_t *count)
{
    size_t n = 1;
    bool empty = false;

    *count = 0;
    if (s->rank < 0 || s->rank > OCELLI_MAX_RANK)
        return false;
    for (int i = 0; i < s->rank; i++) {
        empty = empty || s->dim[i] == 0;
        if (s->dim[i] < 0 || (uint64_t)s->dim[i] > SIZE_MAX ||
            (s->dim[i] > 0 && !mul_size(n, (size_t)s->dim[i], &n)) || n > INT64_MAX / MAX_ELEMENT ||
            n > SIZE_MAX / MAX_ELEMENT)
            return false;
    }
    *count = empty ? 0 : n;
    return true;
}

bool shape_is_empty(const struct ocelli_shape *s)
{
    size_t count;

    return shape_elements(s, &count) && count == 0;
}

bool shape_equal(const struct ocelli_shape *a, const struct ocelli_shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

bool desc_equal(const struct desc *a, const struct desc *b)
{
    return a->dtype == b->dtype && shape_equal(&a->shape, &b->shape);
}

size_t desc_bytes(const struct desc *d)
{
    return (size_t)shape_count(&d->shape) * ocelli_dtype_size(d->dtype);
}

const char *shape_text(const struct ocelli_shape *s, char buf[SHAPE_TEXT])
{
    if (s->rank < 0 || s->rank > OCELLI_MAX_RANK)
        return strcpy(buf, "none");
    strcpy(buf, "scalar");
    size_t at = 0;
    for (int i = 0; i < s->rank && at < SHAPE_TEXT; i++) {
        int n = snprintf(buf + at, SHAPE_TEXT - at, "%s%" PRId64, i ? "x" : "", s->dim[i]);
        at += n > 0 ? (size_t)n : 0;
    }
    return buf;
}

bool shape_parse(const char *s, struct ocelli_shape *out)
{
    struct ocelli_shape shape = {0};
    if (!strcmp(s, "scalar")) {
        *out = shape;
        return true;
    }
    for (;; s++) {
        if (*s < '0' || *s > '9' || shape.rank == OCELLI_MAX_RANK)
            return false;
        int64_t d = 0;
        for (; *s >= '0' && *s <= '9'; s++)
            if (__builtin_mul_overflow(d, 10, &d) || __builtin_add_overflow(d, *s - '0', &d))
                return false;
        shape.dim[shape.rank++] = d;
        if (*s != 'x')
            break;
    }
    if (*s || shape_check(&shape) != 0)
        return false;
    *out = shape;
    return true;
}
