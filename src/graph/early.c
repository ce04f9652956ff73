/* Updates as early as they can be: a gradient's memory is free as soon as its weight has been
 * updated, and it is still in the cache. */
#include <stdlib.h>
#include <string.h>

#include "graph/passes.h"
#include "graph/walk.h"

/* The last node so far that touches, and that writes, the memory of each value; -1: none. */
struct touched {
    int *last, *write;
};

/* Behind which node does n have to stand? */
static int stands_behind(const struct graph *g, const struct node *n, const struct touched *t)
{
    int at = -1;
    for (int j = 0; j < n->n_in; j++) {
        if (n->in[j] == OCELLI_NONE)
            continue;
        int r = alias_root(g, n->in[j]);
        bool writes = n->op->updates >> j & 1;
        at = MAX(at, MAX(g->value[n->in[j]].node, t->write[r]));
        at = MAX(at, writes ? t->last[r] : -1);
    }
    return at;
}

static void touch(const struct graph *g, const struct node *n, int i, struct touched *t)
{
    for (int j = 0; j < n->n_in; j++) {
        if (n->in[j] == OCELLI_NONE)
            continue;
        int r = alias_root(g, n->in[j]);
        t->last[r] = i;
        if (n->op->updates >> j & 1)
            t->write[r] = i;
    }
    for (int k = 0; k < n->n_out; k++)
        t->last[n->out[k]] = i;
}

/* sorted: the nodes by `behind`, those that stay (-1) where they are; n_nodes entries of scratch in
 * `next` and `first`: lists of those that follow each node. */
static void place(const struct graph *g, const int *behind, int *first, int *next,
                  struct node *sorted)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++)
        first[i] = -1;
    for (int i = g->n_nodes - 1; i >= 0; i--)
        if (behind[i] >= 0) {
            next[i] = first[behind[i]];
            first[behind[i]] = i;
        }
    for (int i = 0; i < g->n_nodes; i++) {
        if (behind[i] < 0)
            sorted[n++] = g->node[i];
        for (int u = first[i]; u >= 0; u = next[u])
            sorted[n++] = g->node[u];
    }
}

int graph_early(struct graph *g)
{
    int err = 0;
    size_t nv = (size_t)g->n_values + 1, nn = (size_t)g->n_nodes + 1;
    struct touched t = {malloc(nv * sizeof(int)), malloc(nv * sizeof(int))};
    int *behind = malloc(nn * sizeof(int)), *lists = malloc(2 * nn * sizeof(int));
    struct node *sorted = malloc(nn * sizeof(*sorted));
    if (!t.last || !t.write || !behind || !lists || !sorted)
        TRY(fail_memory());
    for (int v = 0; v < g->n_values; v++)
        t.last[v] = t.write[v] = -1;
    for (int i = 0; i < g->n_nodes; i++) {
        const struct node *n = &g->node[i];
        bool moves = i >= g->n_once && n->op->updates && n->n_out == 0;
        behind[i] = moves ? stands_behind(g, n, &t) : -1;
        touch(g, n, i, &t);
    }
    place(g, behind, lists, lists + nn, sorted);
    graph_set_nodes(g, sorted, g->n_nodes);
out:
    free(t.last);
    free(t.write);
    free(behind);
    free(lists);
    free(sorted);
    return err;
}
