/* Questions that several passes ask of a graph. */
#ifndef GRAPH_WALK_H
#define GRAPH_WALK_H

#include "ops/graph.h"

/* graph_prune() for the nodes from `first` on only; what `keep` names is needed too. */
int graph_prune_from(struct graph *g, int first, const int *keep, int n_keep);

/* The value whose memory v is: itself, or through aliasing operations the one it renames. */
static inline int alias_root(const struct graph *g, int v)
{
    while (g->value[v].node >= 0 && (g->node[g->value[v].node].op->flags & OP_ALIAS))
        v = g->node[g->value[v].node].in[0];
    return v;
}

/* The value in whose memory v lies, and where there. */
static inline int memory_root(const struct graph *g, int v, size_t *offset)
{
    *offset = 0;
    for (;;) {
        v = alias_root(g, v);
        if (g->value[v].part_of == OCELLI_NONE)
            return v;
        *offset += g->value[v].part_offset;
        v = g->value[v].part_of;
    }
}

/* Bytes from the first to the last of v's memory, gaps between its images with it. */
static inline size_t value_span(const struct graph *g, int v)
{
    const struct value *x = &g->value[v];
    const int gap = x->node >= 0 ? g->node[x->node].gap : 0;
    size_t bytes = desc_bytes(&x->desc);
    if (gap)
        bytes += (size_t)(x->desc.shape.dim[0] - 1) * (size_t)gap * sizeof(float);
    return bytes;
}

/* Adds to readers[v] how often nodes read value v. */
static inline void count_readers(const struct graph *g, int *readers)
{
    for (int i = 0; i < g->n_nodes; i++)
        for (int j = 0; j < g->node[i].n_in; j++)
            if (g->node[i].in[j] != OCELLI_NONE)
                readers[g->node[i].in[j]]++;
}

/* Does node n write into the memory of value v (an optimiser step on a weight)? */
static inline bool node_updates(const struct graph *g, const struct node *n, int v)
{
    for (int j = 0; j < n->n_in; j++)
        if ((n->op->updates >> j & 1) && n->in[j] != OCELLI_NONE &&
            alias_root(g, n->in[j]) == alias_root(g, v))
            return true;
    return false;
}

#endif
