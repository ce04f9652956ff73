/* Arrays of any type: as words, as numbers, to and from tensors. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

const char *dtype_text(enum ocelli_dtype dtype)
{
    static const char *const names[] = {"f32", "i32", "u8",  "f64", "f16", "i64",
                                        "i16", "i8",  "u16", "u32", "u64", "bool"};

    return (size_t)dtype < COUNT(names) ? names[dtype] : "no type";
}

/* IEEE 754 binary16. */
static double half_value(uint16_t h)
{
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    double v;

    if (exponent == 31)
        v = mantissa ? NAN : INFINITY;
    else if (exponent == 0)
        v = ldexp(mantissa, -24);
    else
        v = ldexp(mantissa + 1024, exponent - 25);
    return h & 0x8000 ? -v : v;
}

double array_element(const struct ocelli_array *a, int64_t i)
{
    switch (a->dtype) {
    case OCELLI_F32:
        return ((const float *)a->data)[i];
    case OCELLI_F64:
        return ((const double *)a->data)[i];
    case OCELLI_F16:
        return half_value(((const uint16_t *)a->data)[i]);
    case OCELLI_I64:
        return (double)((const int64_t *)a->data)[i];
    case OCELLI_U64:
        return (double)((const uint64_t *)a->data)[i];
    case OCELLI_I32:
        return ((const int32_t *)a->data)[i];
    case OCELLI_U32:
        return ((const uint32_t *)a->data)[i];
    case OCELLI_I16:
        return ((const int16_t *)a->data)[i];
    case OCELLI_U16:
        return ((const uint16_t *)a->data)[i];
    case OCELLI_I8:
        return ((const int8_t *)a->data)[i];
    case OCELLI_U8:
    case OCELLI_BOOL:
        return ((const uint8_t *)a->data)[i];
    }
    return NAN;
}

int64_t array_elements(const struct ocelli_array *a)
{
    int64_t n = 1;

    for (int d = 0; d < a->shape.rank; d++)
        n *= a->shape.dim[d];
    return n;
}

bool same_shape(const struct ocelli_shape *a, const struct ocelli_shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int d = 0; d < a->rank; d++)
        if (a->dim[d] != b->dim[d])
            return false;
    return true;
}

int tensor_array(struct ocelli_tensor *t, const char *name, struct ocelli_array *out)
{
    size_t bytes = ocelli_tensor_bytes(t);
    int err = OCELLI_ERR_MEMORY;

    *out = (struct ocelli_array){ocelli_tensor_dtype(t), *ocelli_tensor_shape(t), malloc(bytes + 1),
                                 strdup(name)};
    if (out->data && out->name)
        err = ocelli_tensor_read(t, out->data, bytes);
    if (err)
        ocelli_array_free(out);
    return err;
}

void array_summary(const struct ocelli_array *a, double *min, double *max, double *mean)
{
    int64_t n = array_elements(a);
    double sum = 0;

    *min = *max = n > 0 ? array_element(a, 0) : NAN;
    for (int64_t i = 0; i < n; i++) {
        double x = array_element(a, i);

        if (x < *min || isnan(x))
            *min = x;
        if (x > *max || isnan(x))
            *max = x;
        sum += x;
    }
    *mean = n > 0 ? sum / (double)n : NAN;
}
