/* Norms of gradients, and gradients cut to size (Pascanu, Mikolov, Bengio 2013, section 3.2). */
#include <stdlib.h>

#include "graph/optimize.h"
#include "ops/attrs.h"

/* So that a norm of 0 divides nothing; PyTorch's. */
#define TINY 1e-6f

static int number(struct graph *g, float v)
{
    return graph_const(g, NULL, &(struct desc){OCELLI_F32, {0}}, &v);
}

static int binary(struct graph *g, enum ocelli_binary_kind kind, int a, int b)
{
    return graph_add(g, &op_binary, &(struct ocelli_binary_params){kind}, (int[OP_MAX_IN]){a, b});
}

static int unary(struct graph *g, const struct ocelli_unary_params *p, int x)
{
    return graph_add(g, &op_unary, p, (int[OP_MAX_IN]){x});
}

/* The sum of squares, one element: first of each row, which keeps the partial sums small. */
static int squares(struct graph *g, int v)
{
    struct ocelli_reduce_params p = {.kind = OCELLI_REDUCE_SUM_SQUARE};
    int rank = g->status ? 0 : g->value[v].desc.shape.rank;
    if (rank > 1) {
        p.axes = ((1 << rank) - 1) & ~1;
        v = graph_add(g, &op_reduce, &p, (int[OP_MAX_IN]){v});
        p = (struct ocelli_reduce_params){.kind = OCELLI_REDUCE_SUM};
    }
    v = graph_add(g, &op_reduce, &p, (int[OP_MAX_IN]){v});
    return graph_add(g, &op_reshape, &(struct reshape_attr){OCELLI_SHAPE(1)}, (int[OP_MAX_IN]){v});
}

/* n vectors, one behind the other; the array is used up. */
static int stack(struct graph *g, int *v, int n)
{
    while (n > 1) {
        int made = 0;
        for (int i = 0; i < n; i += OP_MAX_IN) {
            int in[OP_MAX_IN], count = MIN(n - i, OP_MAX_IN);
            for (int k = 0; k < OP_MAX_IN; k++)
                in[k] = k < count ? v[i + k] : OCELLI_NONE;
            v[made++] = count == 1 ? in[0] : graph_add(g, &op_concat, &(struct concat_attr){0}, in);
        }
        n = made;
    }
    return v[0];
}

static int square_root(struct graph *g, int x)
{
    return unary(g, &(struct ocelli_unary_params){.kind = OCELLI_SQRT}, x);
}

/* Norms of those with two dimensions and more. */
static void log_norms(struct graph *g, const int *grad, int n, int *work)
{
    int count = 0;
    for (int i = 0; i < n && !g->status; i++)
        if (g->value[grad[i]].desc.shape.rank > 1)
            work[count++] = squares(g, grad[i]);
    if (count > 0 && !g->status)
        graph_mark(g, square_root(g, stack(g, work, count)), "gradient_norms");
}

static void clip_norm(struct graph *g, int *grad, int n, float limit, int *work)
{
    for (int i = 0; i < n; i++)
        work[i] = squares(g, grad[i]);
    int sum = graph_add(g, &op_reduce, &(struct ocelli_reduce_params){.kind = OCELLI_REDUCE_SUM},
                        (int[OP_MAX_IN]){stack(g, work, n)});
    int norm = binary(g, OCELLI_ADD, square_root(g, sum), number(g, TINY));
    int factor = binary(g, OCELLI_MIN, binary(g, OCELLI_DIV, number(g, limit), norm), number(g, 1));
    for (int i = 0; i < n; i++)
        grad[i] = binary(g, OCELLI_MUL, grad[i], factor);
}

int graph_clip(struct graph *g, int *grad, int n, const struct ocelli_optimizer_params *p)
{
    int *work = malloc(sizeof(*work) * ((size_t)n + 1));
    if (!work)
        return fail_memory();
    if (p->log_norms)
        log_norms(g, grad, n, work);
    for (int i = 0; p->clip_value > 0 && i < n; i++)
        grad[i] = unary(
            g, &(struct ocelli_unary_params){OCELLI_CLIP, -p->clip_value, p->clip_value}, grad[i]);
    if (p->clip_norm > 0)
        clip_norm(g, grad, n, p->clip_norm, work);
    free(work);
    return g->status;
}
