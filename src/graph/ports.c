/* What goes into a graph and comes out. */
#include "ops/graph.h"

static bool is_input(const struct value *v)
{
    return v->kind == VALUE_INPUT;
}

static int describe(const struct value *v, const char *name, struct ocelli_port *out)
{
    *out = (struct ocelli_port){name, v->desc.dtype, v->desc.shape};
    return 0;
}

int ocelli_graph_inputs(const struct ocelli_graph *g)
{
    int n = 0;

    for (int v = 0; v < g->g.n_values; v++)
        n += is_input(&g->g.value[v]);
    return n;
}

int ocelli_graph_input(const struct ocelli_graph *g, int i, struct ocelli_port *out)
{
    for (int v = 0, k = 0; v < g->g.n_values; v++)
        if (is_input(&g->g.value[v]) && k++ == i)
            return describe(&g->g.value[v], g->g.value[v].name, out);
    return fail(OCELLI_ERR_INVALID, "input %d of %d", i, ocelli_graph_inputs(g));
}

int ocelli_graph_outputs(const struct ocelli_graph *g)
{
    return g->g.n_outputs;
}

int ocelli_graph_output(const struct ocelli_graph *g, int i, struct ocelli_port *out)
{
    for (int v = 0; v < g->g.n_values; v++)
        if (g->g.value[v].output && g->g.value[v].output_no == i)
            return describe(&g->g.value[v], g->g.value[v].output, out);
    return fail(OCELLI_ERR_INVALID, "output %d of %d", i, g->g.n_outputs);
}
