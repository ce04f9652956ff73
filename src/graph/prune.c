#include <stdlib.h>
#include <string.h>

#include "graph/passes.h"

/* Is node n wanted for itself or for a value in `needed`? */
static bool wanted(const struct graph *g, const struct node *n, const bool *needed)
{
    if (n->op->updates)
        return true;
    for (int k = 0; k < n->n_out; k++)
        if (needed[n->out[k]] || g->value[n->out[k]].output)
            return true;
    return false;
}

int graph_prune_from(struct graph *g, int first, const int *keep, int n_keep)
{
    bool *needed = calloc((size_t)g->n_values + 1, sizeof(*needed));
    bool *live = calloc((size_t)g->n_nodes + 1, sizeof(*live));
    if (!needed || !live) {
        free(needed);
        free(live);
        return fail_memory();
    }
    for (int i = 0; i < n_keep; i++)
        if (keep[i] != OCELLI_NONE)
            needed[keep[i]] = true;
    for (int i = g->n_nodes - 1; i >= first; i--) {
        const struct node *n = &g->node[i];
        live[i] = wanted(g, n, needed);
        for (int j = 0; live[i] && j < n->n_in; j++)
            if (n->in[j] != OCELLI_NONE)
                needed[n->in[j]] = true;
    }
    int kept = first;
    for (int i = first; i < g->n_nodes; i++) {
        const struct node n = g->node[i];
        for (int k = 0; k < n.n_out; k++)
            g->value[n.out[k]].node = live[i] ? kept : -1;
        if (live[i])
            g->node[kept++] = n;
    }
    g->n_nodes = kept;
    free(needed);
    free(live);
    return 0;
}

int graph_prune(struct graph *g)
{
    return graph_prune_from(g, 0, NULL, 0);
}
