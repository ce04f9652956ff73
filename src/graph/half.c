/* Half storage: convolutions and matrix products take weights and images as F16, and so does what
 * lies behind them, as far as operations say that they can (op.half). Casts stand where a value is
 * wanted in the other type; those of weights are hoisted. */
#include <stdlib.h>

#include "graph/passes.h"
#include "graph/walk.h"
#include "ops/attrs.h"

struct halving {
    struct graph *g;
    /* Of the values that there were at first: */
    bool *fixed;
    bool *halved; /* it was F32 and is F16 now */
    int *twin;    /* the same content in the other of the two types, NONE: nobody asked for it */
};

/* Value v, or with `cast` its twin. */
static int either(struct halving *h, int v, bool cast, int *out)
{
    const enum ocelli_dtype other = h->halved[v] ? OCELLI_F32 : OCELLI_F16;
    if (cast && h->twin[v] == OCELLI_NONE)
        h->twin[v] = graph_add(h->g, &op_cast, &(struct cast_attr){(int)other}, (const int[]){v});
    *out = cast ? h->twin[v] : v;
    return h->g->status;
}

/* Is input j of the node one that is half where the node is? */
static bool is_storage(const struct node *n, int j)
{
    return n->op->half >> j & 1 || j == n->epi.residual || j == n->epi.grad_y;
}

/* Most of the memory is weights and images of these. */
static bool begins(const struct halving *h, const struct node *n)
{
    return (n->op == &op_conv2d || n->op == &op_gemm) && !h->fixed[n->out[0]] &&
           h->g->value[n->out[0]].desc.dtype == OCELLI_F32;
}

/* Does node n become half? Others than the above follow, where one of their inputs is there in
 * half. */
static bool becomes_half(const struct halving *h, const struct node *n)
{
    if (!n->op->half || h->fixed[n->out[0]] || h->g->value[n->out[0]].desc.dtype != OCELLI_F32)
        return false;
    for (int j = 0; j < n->n_in; j++)
        if (n->in[j] != OCELLI_NONE && is_storage(n, j) &&
            (h->halved[n->in[j]] || h->twin[n->in[j]] != OCELLI_NONE))
            return true;
    return begins(h, n);
}

/* The node's result becomes half. An output of the graph is cast from that. */
static int halve_result(struct halving *h, int i)
{
    struct graph *g = h->g;
    const int y = g->node[i].out[0];
    const struct desc half = {OCELLI_F16, g->value[y].desc.shape};
    if (!g->value[y].output) {
        g->value[y].desc = half;
        h->halved[y] = true;
        return 0;
    }
    const int v = h->twin[y] = graph_value(g, VALUE_TEMP, NULL, &half);
    if (v == OCELLI_NONE)
        return g->status;
    g->node[i].out[0] = v;
    g->value[v].node = i;
    const int made = graph_add(g, &op_cast, &(struct cast_attr){OCELLI_F32}, (const int[]){v});
    if (made == OCELLI_NONE)
        return g->status;
    g->value[y].node = g->value[made].node;
    g->value[made].node = -1;
    g->node[g->value[y].node].out[0] = y;
    return 0;
}

static int halve_node(struct halving *h, int i)
{
    struct graph *g = h->g;
    const bool half = becomes_half(h, &g->node[i]);
    int err = 0;
    g->layer = g->node[i].name;
    for (int j = 0; j < g->node[i].n_in; j++) {
        const int v = g->node[i].in[j];
        int to;
        if (v == OCELLI_NONE)
            continue;
        TRY(either(h, v, (half && is_storage(&g->node[i], j)) != h->halved[v], &to));
        g->node[i].in[j] = to; /* the array may have moved */
    }
    if (half)
        TRY(halve_result(h, i));
out:
    return err;
}

/* Weights that only convolutions and products read are F16 from the start. */
static void halve_weights(struct halving *h)
{
    struct graph *g = h->g;
    for (int v = 0; v < g->n_values; v++)
        h->halved[v] = g->value[v].kind == VALUE_WEIGHT && !g->value[v].output &&
                       g->value[v].desc.dtype == OCELLI_F32;
    for (int i = 0; i < g->n_nodes; i++)
        for (int j = 0; j < g->node[i].n_in; j++)
            if (g->node[i].in[j] != OCELLI_NONE &&
                !(begins(h, &g->node[i]) && is_storage(&g->node[i], j)))
                h->halved[g->node[i].in[j]] = false;
    for (int v = 0; v < g->n_values; v++) {
        if (h->halved[v])
            g->value[v].desc.dtype = OCELLI_F16;
        g->value[v].halved = h->halved[v];
    }
}

static int check_predicts(const struct graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (g->node[i].op->updates || g->node[i].backward)
            return fail(OCELLI_ERR_UNSUPPORTED,
                        "plan: storage f16 is for prediction, and this graph trains (%s)",
                        g->node[i].op->name);
    return 0;
}

int graph_half(struct graph *g, bool own)
{
    struct halving h = {.g = g};
    const int n = g->n_nodes, n_values = g->n_values;
    int err = 0;
    TRY(check_predicts(g));
    h.fixed = malloc((size_t)n_values + 1);
    h.halved = calloc((size_t)n_values + 1, sizeof(bool));
    h.twin = malloc(((size_t)n_values + 1) * sizeof(*h.twin));
    if (!h.fixed || !h.halved || !h.twin)
        TRY(fail_memory());
    for (int v = 0; v < n_values; v++)
        h.twin[v] = OCELLI_NONE;
    graph_fixed(g, h.fixed);
    if (own)
        halve_weights(&h);
    for (int i = 0; i < n; i++)
        TRY(halve_node(&h, i));
    TRY(graph_sort(g));
    TRY(graph_prune(g));
out:
    g->layer = NULL;
    free(h.fixed);
    free(h.halved);
    free(h.twin);
    return err;
}
