/* Small tensors on the host: shapes and what is computed from them. */
#include <string.h>

#include "base/number.h"
#include "graph/onnx_import.h"

struct host *host_new(struct import *m, enum ocelli_dtype dtype, const struct ocelli_shape *s)
{
    char text[SHAPE_TEXT];
    size_t count, bytes = 0;
    struct host *h = NULL;

    if (m->g->g.status)
        return NULL;
    if (!shape_elements(s, &count) || count > HOST_MAX_COUNT ||
        (bytes = count * ocelli_dtype_size(dtype)) > HOST_MAX_BYTES - m->host_bytes)
        graph_fail(&m->g->g,
                   fail(OCELLI_ERR_UNSUPPORTED, "constant arithmetic on too many elements (%s)",
                        shape_text(s, text)));
    else if (!(h = arena_alloc(&m->arena, sizeof(*h))) ||
             !(h->data = arena_alloc(&m->arena, bytes + 8)))
        graph_fail(&m->g->g, OCELLI_ERR_MEMORY);
    if (m->g->g.status)
        return NULL;
    m->host_bytes += bytes;
    h->d = (struct desc){dtype, *s};
    h->count = count;
    return h;
}

/* ---- Elements ---- */

double host_f(const struct host *h, size_t i)
{
    switch (h->d.dtype) {
    case OCELLI_F32:
        return ((const float *)h->data)[i];
    case OCELLI_F64:
        return ((const double *)h->data)[i];
    case OCELLI_F16:
        return half_to_double(((const uint16_t *)h->data)[i]);
    case OCELLI_U64:
        return (double)((const uint64_t *)h->data)[i];
    default:
        return (double)host_i(h, i);
    }
}

int64_t host_i(const struct host *h, size_t i)
{
    switch (h->d.dtype) {
    case OCELLI_I32:
        return ((const int32_t *)h->data)[i];
    case OCELLI_U8:
    case OCELLI_BOOL:
        return ((const uint8_t *)h->data)[i];
    case OCELLI_I64:
    case OCELLI_U64:
        return ((const int64_t *)h->data)[i];
    case OCELLI_I16:
        return ((const int16_t *)h->data)[i];
    case OCELLI_I8:
        return ((const int8_t *)h->data)[i];
    case OCELLI_U16:
        return ((const uint16_t *)h->data)[i];
    case OCELLI_U32:
        return ((const uint32_t *)h->data)[i];
    default:
        return whole_number(host_f(h, i));
    }
}

void host_set_f(struct host *h, size_t i, double v)
{
    switch (h->d.dtype) {
    case OCELLI_F32:
        ((float *)h->data)[i] = (float)v;
        break;
    case OCELLI_F64:
        ((double *)h->data)[i] = v;
        break;
    case OCELLI_F16:
        ((uint16_t *)h->data)[i] = double_to_half(v);
        break;
    case OCELLI_BOOL:
        ((uint8_t *)h->data)[i] = v != 0;
        break;
    default:
        host_set_i(h, i, whole_number(v));
    }
}

void host_set_i(struct host *h, size_t i, int64_t v)
{
    if (dtype_is_float(h->d.dtype))
        host_set_f(h, i, (double)v);
    else if (h->d.dtype == OCELLI_BOOL)
        ((uint8_t *)h->data)[i] = v != 0;
    else /* the low bytes, which come first */
        memcpy((char *)h->data + i * ocelli_dtype_size(h->d.dtype), &v,
               ocelli_dtype_size(h->d.dtype));
}

/* ---- Shapes ---- */

void strides_of(const struct ocelli_shape *s, int64_t *stride)
{
    int64_t n = 1;

    for (int i = s->rank - 1; i >= 0; i--) {
        stride[i] = n;
        n *= s->dim[i];
    }
}

struct host *host_strided(struct import *m, const struct host *x, const struct ocelli_shape *s,
                          const int64_t *stride, int64_t offset)
{
    struct host *y = host_new(m, x->d.dtype, s);
    size_t size = ocelli_dtype_size(x->d.dtype);
    int64_t at[OCELLI_MAX_RANK] = {0}, from = offset;

    for (size_t i = 0; y && i < y->count; i++) {
        memcpy((char *)y->data + i * size, (const char *)x->data + (size_t)from * size, size);
        for (int d = s->rank - 1; d >= 0; d--) {
            from += stride[d];
            if (++at[d] < s->dim[d])
                break;
            from -= stride[d] * s->dim[d];
            at[d] = 0;
        }
    }
    return y;
}

bool broadcast(const struct ocelli_shape *a, const struct ocelli_shape *b, struct ocelli_shape *y)
{
    *y = (struct ocelli_shape){.rank = MAX(a->rank, b->rank)};
    for (int i = 1; i <= y->rank; i++) {
        int64_t p = i <= a->rank ? a->dim[a->rank - i] : 1;
        int64_t q = i <= b->rank ? b->dim[b->rank - i] : 1;
        if (p != q && p != 1 && q != 1)
            return false;
        y->dim[y->rank - i] = p == 1 ? q : p;
    }
    return true;
}

void broadcast_strides(const struct ocelli_shape *s, const struct ocelli_shape *y, int64_t *stride)
{
    int64_t own[OCELLI_MAX_RANK];
    int lead = y->rank - s->rank;

    strides_of(s, own);
    for (int i = 0; i < y->rank; i++)
        stride[i] = i < lead || s->dim[i - lead] == 1 ? 0 : own[i - lead];
}
