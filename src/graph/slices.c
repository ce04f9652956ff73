#include <stdlib.h>

#include "graph/passes.h"
#include "graph/walk.h"
#include "ops/attrs.h"
#include "ops/move.h"

/* Memory that this pass may divide: of a value that a run makes and nobody outside sees. inner[v]:
 * v shares memory with no input, output, weight or constant. */
static void find_inner(const struct graph *g, bool *inner)
{
    size_t offset;
    for (int v = 0; v < g->n_values; v++)
        inner[v] = g->value[v].kind == VALUE_TEMP && g->value[v].node >= g->n_once;
    for (int v = 0; v < g->n_values; v++)
        if (g->value[v].output)
            inner[memory_root(g, v, &offset)] = false;
    for (int v = 0; v < g->n_values; v++)
        inner[v] = inner[v] && inner[memory_root(g, v, &offset)];
}

/* Elements in front of the axis. */
static int64_t outer_of(const struct ocelli_shape *s, int axis)
{
    int64_t n = 1;
    for (int d = 0; d < axis; d++)
        n *= s->dim[d];
    return n;
}

static int readers(const struct graph *g, int v)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++)
        for (int j = 0; j < g->node[i].n_in; j++)
            n += g->node[i].in[j] == v;
    return n;
}

/* Lets the node that makes v, which only a concat to y reads, leave room in it for the others. */
static bool spread_images(struct graph *g, int v, int y, int64_t outer)
{
    const struct value *x = &g->value[v];
    const int64_t images = x->desc.shape.dim[0];
    const int64_t gap =
        (shape_count(&g->value[y].desc.shape) - shape_count(&x->desc.shape)) / outer;
    struct node *maker = &g->node[x->node];
    if (!(maker->op->flags & OP_GAP) || images != outer || maker->out[0] != v || maker->gap ||
        readers(g, v) != 1 || gap > INT32_MAX)
        return false;
    maker->gap = (int)gap;
    return true;
}

/* Lets the inputs of a concat be made where it wants them. */
static void place_inputs(struct graph *g, struct node *n, const bool *inner, size_t align)
{
    int y = n->out[0], axis = ((const struct concat_attr *)n->attr)->axis;
    const int64_t outer = outer_of(&g->value[y].desc.shape, axis);
    size_t at = 0, offset;
    if (!inner[y] || outer == 0)
        return;
    for (int j = 0; j < n->n_in && n->in[j] != OCELLI_NONE; j++) {
        size_t bytes = desc_bytes(&g->value[n->in[j]].desc);
        int v = memory_root(g, n->in[j], &offset);
        if (at % align == 0 && inner[v] && v != memory_root(g, y, &offset) &&
            desc_bytes(&g->value[v].desc) == bytes &&
            (outer == 1 || (v == n->in[j] && spread_images(g, v, y, outer)))) {
            g->value[v].part_of = y;
            g->value[v].part_offset = at;
            n->placed |= 1u << j;
        }
        at += bytes / (size_t)outer;
    }
}

/* Lets the node's result be read where it lies in its input, if it is one piece of it. */
static bool read_in_place(struct graph *g, const struct node *n, const bool *inner, size_t align)
{
    const struct strided_attr *a = n->attr;
    if (n->op != &op_strided || !inner[n->in[0]] || !inner[n->out[0]] ||
        !strided_in_order(&a->shape, a->stride))
        return false;
    struct value *y = &g->value[n->out[0]];
    size_t offset = (size_t)a->offset * ocelli_dtype_size(y->desc.dtype);
    if (offset % align != 0 || y->part_of != OCELLI_NONE)
        return false;
    y->part_of = n->in[0];
    y->part_offset = offset;
    y->node = -1;
    return true;
}

int graph_slices(struct graph *g, size_t align)
{
    int n = 0;
    bool *inner = malloc((size_t)g->n_values + 1);
    if (!inner)
        return fail_memory();
    align = MAX(align, (size_t)1);
    find_inner(g, inner);
    /* The last first: a concat of concats then is one piece of memory. */
    for (int i = g->n_nodes - 1; i >= g->n_once; i--)
        if (g->node[i].op == &op_concat)
            place_inputs(g, &g->node[i], inner, align);
    for (int i = 0; i < g->n_nodes; i++) {
        const struct node x = g->node[i];
        if (i >= g->n_once && read_in_place(g, &x, inner, align))
            continue;
        for (int k = 0; k < x.n_out; k++)
            g->value[x.out[k]].node = n;
        g->node[n++] = x;
    }
    g->n_nodes = n;
    free(inner);
    return 0;
}
