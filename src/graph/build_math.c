/* The public builder: elementwise operations of two values, reductions and normalisations. */
#include <ocelli/graph.h>
#include <ocelli/ops.h>

#include "ops/attrs.h"
#include "ops/graph.h"

static bool is_value(const struct ocelli_graph *g, ocelli_value v)
{
    return v >= 0 && v < g->g.n_values;
}

/* Inputs that are not given are OCELLI_NONE. */
static ocelli_value add(struct ocelli_graph *g, const struct op *op, const void *attr,
                        ocelli_value a, ocelli_value b, ocelli_value c)
{
    return graph_add(&g->g, op, attr, (int[OP_MAX_IN]){a, b, c, OCELLI_NONE, OCELLI_NONE});
}

static ocelli_value add1(struct ocelli_graph *g, const struct op *op, const void *attr,
                         ocelli_value x)
{
    return add(g, op, attr, x, OCELLI_NONE, OCELLI_NONE);
}

/* An axis of x from 0 on, or -1 with the graph's status set. */
static int axis_of(struct ocelli_graph *g, const char *op, ocelli_value x, int axis)
{
    if (g->g.status)
        return -1;
    if (!is_value(g, x)) {
        graph_fail(&g->g, fail(OCELLI_ERR_INVALID, "%s: x is no value of this graph", op));
        return -1;
    }
    int rank = g->g.value[x].desc.shape.rank;
    if (axis >= -rank && axis < rank)
        return axis < 0 ? axis + rank : axis;
    graph_fail(&g->g, fail(OCELLI_ERR_INVALID, "%s: axis %d of %d dimensions", op, axis, rank));
    return -1;
}

/* ---- Elementwise ---- */

/* A sum of equal shapes is the operation that others can take into their epilogue. */
ocelli_value ocelli_binary(struct ocelli_graph *g, ocelli_value a, ocelli_value b,
                           enum ocelli_binary_kind kind)
{
    if (kind == OCELLI_ADD && is_value(g, a) && is_value(g, b)) {
        const struct desc *d = &g->g.value[a].desc;
        if (d->dtype == OCELLI_F32 && desc_equal(d, &g->g.value[b].desc))
            return add(g, &op_add, NULL, a, b, OCELLI_NONE);
    }
    return add(g, &op_binary, &(struct ocelli_binary_params){kind}, a, b, OCELLI_NONE);
}

ocelli_value ocelli_cast(struct ocelli_graph *g, ocelli_value x, enum ocelli_dtype to)
{
    if (is_value(g, x) && g->g.value[x].desc.dtype == to)
        return x;
    return add1(g, &op_cast, &(struct cast_attr){to}, x);
}

/* ---- Reductions ---- */

ocelli_value ocelli_reduce(struct ocelli_graph *g, ocelli_value x,
                           const struct ocelli_reduce_params *p)
{
    return add1(g, &op_reduce, p, x);
}

ocelli_value ocelli_argmax(struct ocelli_graph *g, ocelli_value x,
                           const struct ocelli_argmax_params *p)
{
    struct ocelli_argmax_params q = {0};
    if (p)
        q = *p;
    q.axis = axis_of(g, "argmax", x, q.axis);
    return q.axis < 0 ? OCELLI_NONE : add1(g, &op_argmax, &q, x);
}

ocelli_value ocelli_softmax_axis(struct ocelli_graph *g, ocelli_value x,
                                 const struct ocelli_softmax_params *p)
{
    int axis = axis_of(g, "softmax", x, p ? p->axis : 0);
    if (axis < 0)
        return OCELLI_NONE;
    struct softmax_attr a = {g->g.value[x].desc.shape.rank - 1 - axis, p && p->log};
    return add1(g, &op_softmax, &a, x);
}

ocelli_value ocelli_nll(struct ocelli_graph *g, ocelli_value x, ocelli_value target,
                        ocelli_value weight, const struct ocelli_nll_params *p)
{
    return add(g, &op_nll, p, x, target, weight);
}

/* ---- Normalisations ---- */

ocelli_value ocelli_batchnorm(struct ocelli_graph *g, ocelli_value x, ocelli_value scale,
                              ocelli_value shift, ocelli_value mean, ocelli_value variance,
                              const struct ocelli_batchnorm_params *p)
{
    return graph_add(&g->g, &op_batchnorm, p, (int[OP_MAX_IN]){x, scale, shift, mean, variance});
}

/* momentum old + (1 - momentum) fresh */
static ocelli_value running(struct ocelli_graph *g, ocelli_value old, ocelli_value fresh,
                            float momentum)
{
    const float rest = 1 - momentum;
    const struct ocelli_shape scalar = {0};
    ocelli_value keep = ocelli_const(g, NULL, OCELLI_F32, &scalar, &momentum);
    ocelli_value take = ocelli_const(g, NULL, OCELLI_F32, &scalar, &rest);
    return ocelli_binary(g, ocelli_binary(g, old, keep, OCELLI_MUL),
                         ocelli_binary(g, fresh, take, OCELLI_MUL), OCELLI_ADD);
}

ocelli_value ocelli_batchnorm_train(struct ocelli_graph *g, ocelli_value x, ocelli_value scale,
                                    ocelli_value shift, ocelli_value *mean, ocelli_value *variance,
                                    const struct ocelli_batchnorm_params *p)
{
    float momentum = p && p->momentum != 0 ? p->momentum : 0.9f;
    ocelli_value m = add1(g, &op_batchnorm_stats, NULL, x);
    if (m == OCELLI_NONE)
        return m;
    ocelli_value v = m + 1; /* a node's results follow each other */
    *mean = running(g, *mean, m, momentum);
    *variance = running(g, *variance, v, momentum);
    return ocelli_batchnorm(g, x, scale, shift, m, v, p);
}

ocelli_value ocelli_standardize(struct ocelli_graph *g, ocelli_value x,
                                const struct ocelli_standardize_params *p)
{
    struct ocelli_standardize_params q = {0};
    if (p)
        q = *p;
    q.axis = axis_of(g, "standardize", x, q.axis);
    return q.axis < 0 ? OCELLI_NONE : add1(g, &op_standardize, &q, x);
}

ocelli_value ocelli_dropout(struct ocelli_graph *g, ocelli_value x,
                            const struct ocelli_dropout_params *p)
{
    struct dropout_attr attr = {0};
    if (p)
        attr = (struct dropout_attr){.ratio = p->ratio, .seed = p->seed};
    return add(g, &op_dropout, &attr, x, graph_runs(&g->g), OCELLI_NONE);
}

ocelli_value ocelli_lrn(struct ocelli_graph *g, ocelli_value x, const struct ocelli_lrn_params *p)
{
    return add1(g, &op_lrn, p, x);
}
