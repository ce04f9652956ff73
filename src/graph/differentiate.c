/* Reverse-mode differentiation: one sweep from the loss to its causes (Griewank and Walther 2008,
 * section 3.2). Every node on the way adds its gradient's nodes; what reaches a value on several
 * ways is summed. */
#include <stdlib.h>

#include "graph/walk.h"
#include "ops/attrs.h"

/* depends[v]: value v is computed from one of wrt. */
static void mark_dependent(const struct graph *g, const int *wrt, int n, bool *depends)
{
    for (int i = 0; i < n; i++)
        depends[wrt[i]] = true;
    for (int i = 0; i < g->n_nodes; i++) {
        const struct node *m = &g->node[i];
        bool any = false;
        for (int j = 0; j < m->n_in; j++)
            any = any || (m->in[j] != OCELLI_NONE && depends[m->in[j]]);
        for (int k = 0; any && k < m->n_out; k++)
            depends[m->out[k]] = true;
    }
}

/* d mean(loss) / d loss: 1 / count everywhere. */
static int seed(struct graph *g, int loss)
{
    struct desc d = g->value[loss].desc;
    if (d.dtype != OCELLI_F32)
        return graph_fail(g, fail(OCELLI_ERR_SHAPE, "gradients: the loss is not float"));
    int64_t n = shape_count(&d.shape);
    float *one = malloc(desc_bytes(&d));
    if (!one)
        return graph_fail(g, fail_memory());
    for (int64_t i = 0; i < n; i++)
        one[i] = 1.0f / (float)n;
    int v = graph_const(g, NULL, &d, one);
    free(one);
    return v;
}

/* Zeiler and Fergus 2013, section 2.1: on the way back a ReLU rectifies what comes, whatever went
 * forward through it, and a normalisation between channels is left out. Everything else is the
 * gradient: filters are transposed, and maxima return to where they were. */
static bool deconvnet_rule(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    if (n->op == &op_lrn)
        dx[0] = dy[0];
    else if (n->op == &op_unary &&
             ((const struct ocelli_unary_params *)n->attr)->kind == OCELLI_RELU)
        dx[0] = graph_add(g, &op_unary, n->attr, dy);
    else
        return false;
    return true;
}

/* The gradient of node i's inputs, added to grad[]. */
static int sweep_node(struct graph *g, int i, bool deconvnet, const bool *depends, int *grad)
{
    const struct node n = g->node[i]; /* a copy: the array grows below */
    int dy[OP_MAX_OUT], dx[OP_MAX_IN];
    bool reached = false, wanted = false;

    for (int k = 0; k < n.n_out; k++) {
        dy[k] = grad[n.out[k]];
        reached = reached || dy[k] != OCELLI_NONE;
    }
    for (int j = 0; j < n.n_in; j++) {
        dx[j] = OCELLI_NONE;
        wanted = wanted || (n.in[j] != OCELLI_NONE && depends[n.in[j]]);
    }
    if (!reached || !wanted)
        return 0;
    if (!n.op->grad)
        return fail(OCELLI_ERR_UNSUPPORTED, "%s%s%s has no gradient", n.name ? n.name : "",
                    n.name ? ": " : "", n.op->name);
    g->layer = n.name;
    int err = deconvnet && deconvnet_rule(g, &n, dy, dx) ? 0 : n.op->grad(g, &n, dy, dx);
    if (!err)
        err = g->status;
    for (int j = 0; !err && j < n.n_in; j++) {
        if (n.in[j] == OCELLI_NONE || !depends[n.in[j]] || dx[j] == OCELLI_NONE)
            continue;
        int *sum = &grad[n.in[j]];
        if (*sum != OCELLI_NONE)
            dx[j] = graph_add(g, &op_add, NULL, (int[OP_MAX_IN]){*sum, dx[j]});
        *sum = dx[j];
        err = g->status;
    }
    g->layer = NULL;
    return err;
}

/* start: what arrives at the loss; OCELLI_NONE: the gradient of its mean. */
static int differentiate(struct graph *g, int loss, int start, bool deconvnet, const int *wrt,
                         int n, int *grads)
{
    int err = 0, before = g->n_values, nodes = g->n_nodes;
    bool *depends = calloc((size_t)before, sizeof(*depends));
    int *grad = calloc((size_t)before, sizeof(*grad));

    if (!depends || !grad)
        TRY(fail_memory());
    for (int v = 0; v < before; v++)
        grad[v] = OCELLI_NONE;
    mark_dependent(g, wrt, n, depends);
    if (depends[loss]) {
        grad[loss] = start != OCELLI_NONE ? start : seed(g, loss);
        TRY(g->status);
        for (int i = nodes - 1; i >= 0; i--)
            TRY(sweep_node(g, i, deconvnet, depends, grad));
    }
    for (int i = 0; i < n; i++)
        grads[i] = grad[wrt[i]];
    /* Gradients of inputs that nobody asked for, made along with others. */
    TRY(graph_prune_from(g, nodes, grads, n));
    for (int i = nodes; i < g->n_nodes; i++)
        g->node[i].backward = true;
out:
    free(depends);
    free(grad);
    return err;
}

int ocelli_gradients(struct ocelli_graph *graph, ocelli_value loss, const ocelli_value *wrt, int n,
                     ocelli_value *grads)
{
    struct graph *g = &graph->g;
    if (g->status)
        return g->status;
    for (int i = -1; i < n; i++) {
        int v = i < 0 ? loss : wrt[i];
        if (v < 0 || v >= g->n_values)
            return fail(OCELLI_ERR_INVALID, "gradients: %s is no value of this graph",
                        i < 0 ? "the loss" : "what to differentiate by");
    }
    int err = differentiate(g, loss, OCELLI_NONE, false, wrt, n, grads);
    if (err)
        graph_fail(g, err);
    return err;
}

ocelli_value ocelli_deconvnet(struct ocelli_graph *graph, ocelli_value v, ocelli_value start,
                              ocelli_value x)
{
    struct graph *g = &graph->g;
    int back = OCELLI_NONE, err;
    if (g->status)
        return OCELLI_NONE;
    for (int i = 0; i < 3; i++) {
        const int value = i == 0 ? v : i == 1 ? start : x;
        if (value < 0 || value >= g->n_values)
            return graph_fail(g, fail(OCELLI_ERR_INVALID, "deconvnet: no value of this graph"));
    }
    const struct desc *a = &g->value[v].desc, *b = &g->value[start].desc;
    if (!desc_equal(a, b))
        return graph_fail(
            g, fail(OCELLI_ERR_SHAPE, "deconvnet: the start is not of the value's shape"));
    if ((err = differentiate(g, v, start, true, &x, 1, &back)) != 0)
        return graph_fail(g, err);
    if (back == OCELLI_NONE)
        return graph_fail(g, fail(OCELLI_ERR_INVALID, "deconvnet: the value does not depend on x"));
    return back;
}
