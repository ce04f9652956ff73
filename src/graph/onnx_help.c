/* Small compositions that several operators need. */
#include <float.h>

#include "graph/onnx_import.h"

float not_zero(float v)
{
    return v == 0 ? FLT_MIN : v;
}

enum ocelli_dtype dtype_of(struct onnx_node *n, ocelli_value v)
{
    const struct graph *g = &n->m->g->g;

    return v >= 0 && v < g->n_values ? g->value[v].desc.dtype : OCELLI_F32;
}

ocelli_value scalar_like(struct onnx_node *n, ocelli_value x, double value)
{
    enum ocelli_dtype t = dtype_of(n, x);

    return filled(n, t, &(struct ocelli_shape){0}, value);
}

ocelli_value filled(struct onnx_node *n, enum ocelli_dtype dtype, const struct ocelli_shape *s,
                    double value)
{
    struct host *h = host_new(n->m, dtype, &(struct ocelli_shape){0});
    ocelli_value v;

    if (!h)
        return OCELLI_NONE;
    host_set_f(h, 0, value);
    v = ocelli_const(n->m->g, NULL, dtype, &h->d.shape, h->data);
    return s->rank > 0 ? ocelli_expand(n->m->g, v, s) : v;
}

ocelli_value function_of(struct onnx_node *n, ocelli_value x, enum ocelli_unary_kind kind)
{
    return ocelli_unary(n->m->g, x, &(struct ocelli_unary_params){.kind = kind});
}

ocelli_value with_scalar(struct onnx_node *n, ocelli_value a, enum ocelli_binary_kind kind,
                         double value)
{
    return ocelli_binary(n->m->g, a, scalar_like(n, a, value), kind);
}

ocelli_value shaped(struct onnx_node *n, ocelli_value x, const struct ocelli_shape *s)
{
    struct ocelli_shape have = ocelli_value_shape(n->m->g, x);

    return shape_equal(&have, s) ? x : ocelli_reshape(n->m->g, x, s);
}

/* Does b, broadcast to x's shape, differ along dimension 1 only? */
static bool per_channel(const struct ocelli_shape *x, const struct ocelli_shape *b)
{
    int lead = x->rank - b->rank;

    if (x->rank < 2 || lead < 0 || lead > 1 || b->dim[1 - lead] != x->dim[1])
        return false;
    for (int i = 0; i < b->rank; i++)
        if (i + lead != 1 && b->dim[i] != 1)
            return false;
    return true;
}

ocelli_value combine(struct onnx_node *n, ocelli_value a, ocelli_value b,
                     enum ocelli_binary_kind kind)
{
    struct ocelli_graph *g = n->m->g;
    struct ocelli_shape as = ocelli_value_shape(g, a), bs = ocelli_value_shape(g, b);
    bool floats = dtype_of(n, a) == OCELLI_F32 && dtype_of(n, b) == OCELLI_F32;

    if (stopped(n))
        return OCELLI_NONE;
    if (floats && kind == OCELLI_ADD && shape_equal(&as, &bs) && a != b)
        return ocelli_add(g, a, b);
    if (floats && (kind == OCELLI_ADD || kind == OCELLI_MUL)) {
        if (per_channel(&bs, &as)) { /* the operands may be exchanged */
            ocelli_value t = a;
            a = b;
            b = t;
            struct ocelli_shape s = as;
            as = bs;
            bs = s;
        }
        if (per_channel(&as, &bs)) {
            b = shaped(n, b, &OCELLI_SHAPE(as.dim[1]));
            return kind == OCELLI_ADD ? ocelli_bias(g, a, b) : ocelli_scale(g, a, b);
        }
    }
    return ocelli_binary(g, a, b, kind);
}
