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

/* The gradient of node i's inputs, added to grad[]. */
static int sweep_node(struct graph *g, int i, const bool *depends, int *grad)
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
    int err = n.op->grad(g, &n, dy, dx);
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

static int differentiate(struct graph *g, int loss, const int *wrt, int n, int *grads)
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
        grad[loss] = seed(g, loss);
        TRY(g->status);
        for (int i = nodes - 1; i >= 0; i--)
            TRY(sweep_node(g, i, depends, grad));
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
    int err = differentiate(g, loss, wrt, n, grads);
    if (err)
        graph_fail(g, err);
    return err;
}
