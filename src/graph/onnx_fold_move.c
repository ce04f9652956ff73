/* Folding of what moves elements. */
#include <string.h>

#include "graph/onnx_fold.h"

/* The content under another shape of as many elements. */
static void out_reshaped(struct onnx_node *n, const struct host *x, const struct ocelli_shape *s)
{
    int64_t stride[OCELLI_MAX_RANK];
    size_t count;

    if (stopped(n))
        return;
    if (!shape_elements(s, &count) || count != x->count) {
        stop(n, fail(OCELLI_ERR_SHAPE, "a constant of %zu elements does not have the new shape",
                     x->count));
        return;
    }
    strides_of(s, stride);
    out_host(n, 0, host_strided(n->m, x, s, stride, 0));
}

void fold_reshape(struct onnx_node *n)
{
    const struct host *x = in_known(n, 0);
    struct ocelli_shape s;

    if (x && reshape_shape(n, &x->d.shape, &s))
        out_reshaped(n, x, &s);
}

void fold_squeeze(struct onnx_node *n)
{
    const struct host *x = in_known(n, 0);
    struct ocelli_shape s;

    if (x && squeeze_shape(n, &x->d.shape, &s))
        out_reshaped(n, x, &s);
}

void fold_unsqueeze(struct onnx_node *n)
{
    const struct host *x = in_known(n, 0);
    struct ocelli_shape s;

    if (x && unsqueeze_shape(n, &x->d.shape, &s))
        out_reshaped(n, x, &s);
}

void fold_transpose(struct onnx_node *n)
{
    const struct host *x = in_known(n, 0);
    int perm[OCELLI_MAX_RANK];
    int64_t own[OCELLI_MAX_RANK], stride[OCELLI_MAX_RANK];
    struct ocelli_shape s;

    if (!x || !transpose_perm(n, x->d.shape.rank, perm))
        return;
    s = x->d.shape;
    strides_of(&x->d.shape, own);
    for (int i = 0; i < s.rank; i++) {
        s.dim[i] = x->d.shape.dim[perm[i]];
        stride[i] = own[perm[i]];
    }
    out_host(n, 0, host_strided(n->m, x, &s, stride, 0));
}

void fold_expand(struct onnx_node *n)
{
    const struct host *x = in_known(n, 0);
    struct ocelli_shape s;
    int64_t stride[OCELLI_MAX_RANK];

    if (!x || !expand_shape(n, &x->d.shape, &s))
        return;
    broadcast_strides(&x->d.shape, &s, stride);
    out_host(n, 0, host_strided(n->m, x, &s, stride, 0));
}

void fold_slice(struct onnx_node *n)
{
    const struct host *x = in_known(n, 0);
    struct slices r;
    struct ocelli_shape s;
    int64_t stride[OCELLI_MAX_RANK], offset = 0;

    if (!x || !slice_ranges(n, &x->d.shape, &r))
        return;
    s = x->d.shape;
    strides_of(&x->d.shape, stride);
    for (int i = 0; i < s.rank; i++) {
        offset += r.start[i] * stride[i];
        s.dim[i] = r.count[i];
        stride[i] *= r.step[i];
    }
    out_host(n, 0, host_strided(n->m, x, &s, stride, offset));
}

void fold_split(struct onnx_node *n)
{
    const struct host *x = in_known(n, 0);
    int64_t size[SPLIT_MAX], stride[OCELLI_MAX_RANK], at = 0;
    int axis;

    if (!x || !split_sizes(n, &x->d.shape, &axis, size))
        return;
    strides_of(&x->d.shape, stride);
    for (int i = 0; i < outputs(n); i++) {
        struct ocelli_shape s = x->d.shape;
        s.dim[axis] = size[i];
        out_host(n, i, host_strided(n->m, x, &s, stride, at * stride[axis]));
        at += size[i];
    }
}

void fold_concat(struct onnx_node *n)
{
    const struct host *first = in_known(n, 0);
    struct ocelli_shape s;
    int axis;
    struct host *y;
    size_t outer = 1, at = 0;

    if (!first)
        return;
    s = first->d.shape;
    axis = axis_of(n, attr_int(n, "axis", 1), s.rank);
    for (int i = 1; !stopped(n) && i < inputs(n); i++) {
        const struct host *x = in_known(n, i);
        bool fits = x && x->d.dtype == first->d.dtype && x->d.shape.rank == s.rank;
        for (int d = 0; fits && d < s.rank; d++)
            fits = d == axis || x->d.shape.dim[d] == s.dim[d];
        if (!fits || __builtin_add_overflow(s.dim[axis], x->d.shape.dim[axis], &s.dim[axis])) {
            stop(n, fail(OCELLI_ERR_SHAPE, "constant input %d does not fit the others", i));
            return;
        }
    }
    if (stopped(n) || !(y = host_new(n->m, first->d.dtype, &s)))
        return;
    for (int d = 0; d < axis; d++)
        outer *= (size_t)s.dim[d];
    for (size_t o = 0; y->count && o < outer; o++) /* of nothing there can be any number */
        for (int i = 0; i < inputs(n); i++) {
            const struct host *x = in_known(n, i);
            size_t bytes = x->count / outer * ocelli_dtype_size(x->d.dtype);
            memcpy((char *)y->data + at, (const char *)x->data + o * bytes, bytes);
            at += bytes;
        }
    out_host(n, 0, y);
}

void fold_gather(struct onnx_node *n)
{
    const struct host *x = in_known(n, 0), *index = in_known(n, 1);
    struct ocelli_shape s = {0};
    size_t outer = 1, inner = 1, size, at = 0;
    struct host *y;
    int axis;

    if (!x || !index)
        return;
    axis = axis_of(n, attr_int(n, "axis", 0), x->d.shape.rank);
    if (stopped(n))
        return;
    if (x->d.shape.rank - 1 + index->d.shape.rank > OCELLI_MAX_RANK) {
        stop(n, fail(OCELLI_ERR_UNSUPPORTED, "rank above %d", OCELLI_MAX_RANK));
        return;
    }
    for (int d = 0; d < x->d.shape.rank; d++) {
        if (d == axis) {
            for (int k = 0; k < index->d.shape.rank; k++)
                s.dim[s.rank++] = index->d.shape.dim[k];
            continue;
        }
        s.dim[s.rank++] = x->d.shape.dim[d];
        *(d < axis ? &outer : &inner) *= (size_t)x->d.shape.dim[d];
    }
    size = inner * ocelli_dtype_size(x->d.dtype);
    if (!(y = host_new(n->m, x->d.dtype, &s)))
        return;
    for (size_t o = 0; y->count && o < outer; o++)
        for (size_t i = 0; i < index->count; i++) {
            int64_t k = host_i(index, i), extent = x->d.shape.dim[axis];
            if (k < -extent || k >= extent) {
                stop(n, fail(OCELLI_ERR_FORMAT, "index %lld of %lld", (long long)k,
                             (long long)extent));
                return;
            }
            k += k < 0 ? extent : 0;
            memcpy((char *)y->data + at,
                   (const char *)x->data + (o * (size_t)extent + (size_t)k) * size, size);
            at += size;
        }
    out_host(n, 0, y);
}
