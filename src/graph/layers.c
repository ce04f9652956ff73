/* The layer table: what a graph's operations cost. */
#include "ops/graph.h"

int ocelli_graph_layers(const struct ocelli_graph *g)
{
    return g->g.n_nodes;
}

static bool reads(const struct node *n, int v)
{
    for (int j = 0; j < n->n_in; j++)
        if (n->in[j] == v)
            return true;
    return false;
}

/* Elements of the weights that no node before i uses. */
static int64_t first_used(const struct graph *g, int i)
{
    int64_t sum = 0;
    const struct node *n = &g->node[i];
    for (int j = 0; j < n->n_in; j++) {
        int v = n->in[j];
        bool known = v == OCELLI_NONE || g->value[v].kind != VALUE_WEIGHT;
        for (int k = 0; !known && k < j; k++)
            known = n->in[k] == v;
        for (int k = 0; !known && k < i; k++)
            known = reads(&g->node[k], v);
        if (!known)
            sum += shape_count(&g->value[v].desc.shape);
    }
    return sum;
}

static const char *second_weight(const struct graph *g, const struct node *n)
{
    int v = n->n_in > 1 ? n->in[1] : OCELLI_NONE;
    return v != OCELLI_NONE && g->value[v].kind == VALUE_WEIGHT ? g->value[v].name : NULL;
}

int ocelli_graph_layer(const struct ocelli_graph *graph, int i, struct ocelli_layer *out)
{
    const struct graph *g = &graph->g;
    if (i < 0 || i >= g->n_nodes)
        return fail(OCELLI_ERR_INVALID, "layer %d of %d", i, g->n_nodes);
    const struct node *n = &g->node[i];
    struct problem p;
    node_problem(g, n, &p);
    struct cost c = {0};
    if (!(n->op->flags & OP_ALIAS))
        c = problem_cost(&p);
    *out = (struct ocelli_layer){
        .name = n->name ? n->name : n->op->name,
        .op = n->op->name,
        .out = n->n_out ? p.out[0].shape : (struct ocelli_shape){.rank = -1},
        .parameters = first_used(g, i),
        .macs = (int64_t)c.macs,
        .bytes = (int64_t)c.bytes,
        .in = n->n_in ? n->in[0] : OCELLI_NONE,
        .value = n->n_out ? n->out[0] : OCELLI_NONE,
        .weight = second_weight(g, n),
    };
    return 0;
}

int64_t ocelli_graph_parameters(const struct ocelli_graph *g)
{
    int64_t sum = 0;
    for (int v = 0; v < g->g.n_values; v++)
        if (g->g.value[v].kind == VALUE_WEIGHT)
            sum += shape_count(&g->g.value[v].desc.shape);
    return sum;
}
