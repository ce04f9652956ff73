/* The public builder: moving elements. What moves nothing becomes a reshape, or nothing at all. */
#include <float.h>
#include <math.h>

#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/move.h"

/* x's shape; false, with the status set, where x is no value. */
static bool shape_of(struct graph *g, const char *what, ocelli_value x, struct ocelli_shape *out)
{
    if (g->status)
        return false;
    if (x < 0 || x >= g->n_values) {
        graph_fail(g, fail(OCELLI_ERR_INVALID, "%s: input x is no value of this graph", what));
        return false;
    }
    *out = g->value[x].desc.shape;
    return true;
}

/* Elements from one to the next in each dimension. */
static void strides_of(const struct ocelli_shape *s, int64_t *stride)
{
    int64_t step = 1;
    for (int d = s->rank - 1; d >= 0; d--) {
        stride[d] = step;
        step *= s->dim[d];
    }
}

ocelli_value ocelli_strided(struct ocelli_graph *g, ocelli_value x,
                            const struct ocelli_strided_params *p)
{
    struct strided_attr a = {{0}, {0}, 0};
    struct ocelli_shape from;
    if (!shape_of(&g->g, "strided", x, &from))
        return OCELLI_NONE;
    if (!p || p->shape.rank < 0 || p->shape.rank > OCELLI_MAX_RANK || p->stride.rank != p->shape.rank)
        return graph_fail(&g->g, fail(OCELLI_ERR_INVALID, "strided: a shape and as many strides"));
    if (p->offset < 0 || p->offset > INT32_MAX)
        return graph_fail(&g->g, fail(OCELLI_ERR_UNSUPPORTED, "strided: offset %lld",
                                      (long long)p->offset));
    a.shape = p->shape;
    a.offset = (int)p->offset;
    for (int d = 0; d < p->shape.rank; d++) {
        int64_t s = p->shape.dim[d] == 1 ? 0 : p->stride.dim[d];
        if (p->shape.dim[d] < 1)
            return graph_fail(&g->g, fail(OCELLI_ERR_INVALID, "strided: extent %d is %lld: no elements", d,
                                          (long long)p->shape.dim[d]));
        if (s < -INT32_MAX || s > INT32_MAX)
            return graph_fail(&g->g, fail(OCELLI_ERR_UNSUPPORTED, "strided: stride %lld", (long long)s));
        a.stride[d] = (int)s;
    }
    int err = shape_check(&a.shape);
    if (err)
        return graph_fail(&g->g, fail_in(err, "strided"));
    if (!strided_moves_nothing(&from, &a.shape, a.stride, a.offset))
        return graph_add(&g->g, &op_strided, &a, (const int[]){x});
    return shape_equal(&from, &a.shape) ? x : ocelli_reshape(g, x, &a.shape);
}

ocelli_value ocelli_transpose(struct ocelli_graph *g, ocelli_value x, const int *perm)
{
    struct ocelli_strided_params p = {.offset = 0};
    struct ocelli_shape s;
    int64_t stride[OCELLI_MAX_RANK];
    unsigned seen = 0;
    if (!shape_of(&g->g, "transpose", x, &s))
        return OCELLI_NONE;
    strides_of(&s, stride);
    p.shape.rank = p.stride.rank = s.rank;
    for (int d = 0; d < s.rank; d++) {
        int k = perm ? perm[d] : s.rank - 1 - d;
        if (k < 0 || k >= s.rank || (seen >> k & 1))
            return graph_fail(&g->g, fail(OCELLI_ERR_INVALID,
                                          "transpose: dimension %d becomes %d: no permutation of %d", k, d,
                                          s.rank));
        seen |= 1u << k;
        p.shape.dim[d] = s.dim[k];
        p.stride.dim[d] = stride[k];
    }
    return ocelli_strided(g, x, &p);
}

ocelli_value ocelli_slice(struct ocelli_graph *g, ocelli_value x, const int64_t *start,
                          const int64_t *step, const int64_t *count)
{
    struct ocelli_strided_params p = {.offset = 0};
    struct ocelli_shape s;
    int64_t stride[OCELLI_MAX_RANK];
    char text[SHAPE_TEXT];
    if (!shape_of(&g->g, "slice", x, &s))
        return OCELLI_NONE;
    if (s.rank > 0 && (!start || !count))
        return graph_fail(&g->g, fail(OCELLI_ERR_INVALID, "slice: no start or count"));
    strides_of(&s, stride);
    p.shape.rank = p.stride.rank = s.rank;
    for (int d = 0; d < s.rank; d++) {
        int64_t by = step ? step[d] : 1, last = 0;
        if (count[d] < 1)
            return graph_fail(&g->g, fail(OCELLI_ERR_SHAPE, "slice: dimension %d: %lld elements", d,
                                          (long long)count[d]));
        bool beyond = __builtin_mul_overflow(count[d] - 1, by, &last) ||
                      __builtin_add_overflow(last, start[d], &last);
        if (beyond || start[d] < 0 || start[d] >= s.dim[d] || last < 0 || last >= s.dim[d])
            return graph_fail(&g->g, fail(OCELLI_ERR_SHAPE,
                                          "slice: %lld elements from %lld on by %lld: not in dimension "
                                          "%d of %s", (long long)count[d], (long long)start[d],
                                          (long long)by, d, shape_text(&s, text)));
        p.shape.dim[d] = count[d];
        p.stride.dim[d] = count[d] > 1 ? by * stride[d] : 0;
        p.offset += start[d] * stride[d];
    }
    return ocelli_strided(g, x, &p);
}

ocelli_value ocelli_expand(struct ocelli_graph *g, ocelli_value x, const struct ocelli_shape *shape)
{
    struct ocelli_strided_params p = {.offset = 0};
    struct ocelli_shape s;
    int64_t stride[OCELLI_MAX_RANK];
    char from[SHAPE_TEXT], to[SHAPE_TEXT];
    if (!shape_of(&g->g, "expand", x, &s))
        return OCELLI_NONE;
    if (!shape || shape->rank < s.rank || shape->rank > OCELLI_MAX_RANK)
        return graph_fail(&g->g, fail(OCELLI_ERR_SHAPE, "expand: x is %s, y is to be %s",
                                      shape_text(&s, from), shape ? shape_text(shape, to) : "nothing"));
    strides_of(&s, stride);
    p.shape = p.stride = *shape;
    for (int d = 0; d < shape->rank; d++) {
        int k = d - (shape->rank - s.rank);
        p.stride.dim[d] = k < 0 || s.dim[k] == 1 ? 0 : stride[k];
        if (k >= 0 && s.dim[k] != 1 && s.dim[k] != shape->dim[d])
            return graph_fail(&g->g, fail(OCELLI_ERR_SHAPE, "expand: x is %s, y is to be %s",
                                          shape_text(&s, from), shape_text(shape, to)));
    }
    return ocelli_strided(g, x, &p);
}

/* A tree of concatenations; as many values as can be stand at its top, to be copied once. */
static ocelli_value concat_parts(struct graph *g, const ocelli_value *x, int n,
                                 const struct concat_attr *a)
{
    int in[OP_MAX_IN], used = 0, most = 1;
    if (n == 1)
        return x[0];
    while (most <= (n - 1) / OP_MAX_IN)
        most *= OP_MAX_IN;
    while (n > 0) {
        int left = OP_MAX_IN - used, take = n <= left ? 1 : MIN(most, n - left + 1);
        in[used++] = concat_parts(g, x, take, a);
        x += take;
        n -= take;
    }
    while (used < OP_MAX_IN)
        in[used++] = OCELLI_NONE;
    return graph_add(g, &op_concat, a, in);
}

ocelli_value ocelli_concat(struct ocelli_graph *g, const ocelli_value *x, int n, int axis)
{
    struct ocelli_shape s;
    char text[SHAPE_TEXT];
    if (g->g.status)
        return OCELLI_NONE;
    if (!x || n < 1)
        return graph_fail(&g->g, fail(OCELLI_ERR_INVALID, "concat: no values"));
    for (int i = 0; i < n; i++)
        if (!shape_of(&g->g, "concat", x[i], &s))
            return OCELLI_NONE;
    if (axis < 0 || axis >= s.rank)
        return graph_fail(&g->g, fail(OCELLI_ERR_SHAPE, "concat: %s has no axis %d", shape_text(&s, text),
                                      axis));
    return concat_parts(&g->g, x, n, &(struct concat_attr){axis});
}

ocelli_value ocelli_pad(struct ocelli_graph *g, ocelli_value x, const struct ocelli_pad_params *p)
{
    struct ocelli_shape s;
    bool any = false;
    if (!shape_of(&g->g, "pad", x, &s))
        return OCELLI_NONE;
    if (!p)
        return graph_fail(&g->g, fail(OCELLI_ERR_INVALID, "pad: nothing says how"));
    struct ocelli_pad_params q = *p;
    if (isinf(q.value))
        q.value = copysignf(FLT_MAX, q.value);
    for (int d = 0; d < OCELLI_MAX_RANK; d++)
        any = any || p->begin[d] != 0 || p->end[d] != 0;
    return any ? graph_add(&g->g, &op_pad, &q, (const int[]){x}) : x;
}

ocelli_value ocelli_gather(struct ocelli_graph *g, ocelli_value x, ocelli_value index, int axis)
{
    return graph_add(&g->g, &op_gather, &(struct gather_attr){axis}, (const int[]){x, index});
}

ocelli_value ocelli_resize(struct ocelli_graph *g, ocelli_value x,
                           const struct ocelli_resize_params *p)
{
    if (!g->g.status && !p)
        return graph_fail(&g->g, fail(OCELLI_ERR_INVALID, "resize: nothing says how"));
    return graph_add(&g->g, &op_resize, p, (const int[]){x});
}
