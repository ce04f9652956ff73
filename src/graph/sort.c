#include <stdlib.h>

#include "graph/passes.h"

/* The node that has to run before node n and is not placed yet; -1: none. */
static int missing(const struct graph *g, const struct node *n, const bool *placed)
{
    for (int j = 0; j < n->n_in; j++) {
        int p = n->in[j] == OCELLI_NONE ? -1 : g->value[n->in[j]].node;
        if (p >= 0 && !placed[p])
            return p;
    }
    return -1;
}

int graph_sort(struct graph *g)
{
    size_t count = (size_t)g->n_nodes + 1;
    bool *placed = calloc(count, sizeof(*placed));
    int *stack = malloc(count * sizeof(*stack)), n = 0, err = 0;
    struct node *sorted = malloc(count * sizeof(*sorted));
    if (!placed || !stack || !sorted)
        TRY(fail_memory());
    for (int i = 0; i < g->n_nodes; i++) {
        int depth = 0;
        if (!placed[i])
            stack[depth++] = i;
        while (depth > 0) {
            int top = stack[depth - 1], before = missing(g, &g->node[top], placed);
            if (before >= 0) {
                stack[depth++] = before;
                continue;
            }
            placed[top] = true;
            sorted[n++] = g->node[top];
            depth--;
        }
    }
    graph_set_nodes(g, sorted, n);
out:
    free(placed);
    free(stack);
    free(sorted);
    return err;
}

void graph_set_nodes(struct graph *g, const struct node *nodes, int n)
{
    for (int i = 0; i < n; i++) {
        g->node[i] = nodes[i];
        for (int k = 0; k < nodes[i].n_out; k++)
            g->value[nodes[i].out[k]].node = i;
    }
    g->n_nodes = n;
}
