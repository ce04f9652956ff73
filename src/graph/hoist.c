/* What depends on weights and constants only is computed once, not in every run: weights with a
 * batch normalisation folded in, packed or transformed weights. */
#include <stdlib.h>

#include "graph/passes.h"
#include "graph/walk.h"

void graph_fixed(const struct graph *g, bool *fixed)
{
    for (int v = 0; v < g->n_values; v++) {
        enum value_kind kind = g->value[v].kind;
        fixed[v] = kind == VALUE_CONST ||
                   (!g->changing && (kind == VALUE_WEIGHT || kind == VALUE_STATE));
    }
    for (int i = 0; i < g->n_nodes; i++)
        for (int j = 0; j < g->node[i].n_in; j++)
            if (g->node[i].op->updates >> j & 1 && g->node[i].in[j] != OCELLI_NONE)
                fixed[alias_root(g, g->node[i].in[j])] = false;
    for (int i = 0; i < g->n_nodes; i++) {
        const struct node *n = &g->node[i];
        bool all = n->n_in > 0 && !n->op->updates;
        for (int j = 0; all && j < n->n_in; j++)
            all = n->in[j] == OCELLI_NONE || fixed[n->in[j]];
        for (int k = 0; k < n->n_out; k++)
            fixed[n->out[k]] = all;
    }
}

/* Does node n run once? What can be read by name after each run is made in each run, and so is what
 * depends on it. */
static bool runs_once(const struct graph *g, const struct node *n, bool *fixed)
{
    bool once = n->n_out > 0;
    for (int j = 0; j < n->n_in; j++)
        once = once && (n->in[j] == OCELLI_NONE || fixed[n->in[j]]);
    for (int k = 0; k < n->n_out; k++)
        once = once && fixed[n->out[k]] && !g->value[n->out[k]].output;
    for (int k = 0; !once && k < n->n_out; k++)
        fixed[n->out[k]] = false;
    return once;
}

/* The values that the runs read of what was made once get memory that lasts. */
static void keep_read(struct graph *g)
{
    for (int i = g->n_once; i < g->n_nodes; i++) {
        for (int j = 0; j < g->node[i].n_in; j++) {
            if (g->node[i].in[j] == OCELLI_NONE)
                continue;
            struct value *v = &g->value[alias_root(g, g->node[i].in[j])];
            if (v->kind == VALUE_TEMP && v->node >= 0 && v->node < g->n_once)
                v->kind = VALUE_PREPARED;
        }
    }
}

int graph_hoist(struct graph *g)
{
    int err = 0, n = 0;
    bool *fixed = malloc((size_t)g->n_values + 1), *once = malloc((size_t)g->n_nodes + 1);
    struct node *sorted = malloc(((size_t)g->n_nodes + 1) * sizeof(*sorted));
    if (!fixed || !once || !sorted)
        TRY(fail_memory());
    graph_fixed(g, fixed);
    for (int i = 0; i < g->n_nodes; i++) {
        if ((once[i] = runs_once(g, &g->node[i], fixed)))
            sorted[n++] = g->node[i];
    }
    g->n_once = n;
    for (int i = 0; i < g->n_nodes; i++)
        if (!once[i])
            sorted[n++] = g->node[i];
    graph_set_nodes(g, sorted, n);
    keep_read(g);
out:
    free(fixed);
    free(once);
    free(sorted);
    return err;
}
