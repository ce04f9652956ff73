/* Gradient descent on a dense layer's weights at a small batch: the gradient, a product that only
 * the step reads, is computed in the step. Its bytes are neither written nor read, and need no
 * memory. */
#include <stdlib.h>

#include "graph/passes.h"
#include "graph/walk.h"
#include "ops/attrs.h"
#include "ops/gemm.h"

/* Is node p a product a^T b that is limited by memory, without anything at its store? */
static bool is_gradient(const struct graph *g, const struct node *p)
{
    struct problem q;
    if (p->op != &op_gemm || p->n_in != 2 || p->epi.act.kind)
        return false;
    node_problem(g, p, &q);
    const struct gemm d = gemm_of(&q);
    return d.trans_a && !d.trans_b && d.k <= GEMM_FEW && d.m * d.n >= GEMM_LARGE;
}

/* Does a node between a and b (both excluded) write into what p reads? */
static bool inputs_change(const struct graph *g, const struct node *p, int a, int b)
{
    for (int i = a + 1; i < b; i++)
        for (int j = 0; j < p->n_in; j++)
            if (node_updates(g, &g->node[i], p->in[j]))
                return true;
    return false;
}

int graph_fuse_steps(struct graph *g, const struct caps *caps)
{
    int *readers, n = 0;
    if (!caps->cpu_style)
        return 0;
    if (!(readers = calloc((size_t)g->n_values + 1, sizeof(*readers))))
        return fail_memory();
    count_readers(g, readers);
    for (int i = 0; i < g->n_nodes; i++) {
        struct node *s = &g->node[i];
        if (s->op != &op_sgd)
            continue;
        const int *in = s->in, grad = in[1], at = g->value[grad].node;
        if (at < 0 || readers[grad] != 1 || g->value[grad].output ||
            !is_gradient(g, &g->node[at]) || inputs_change(g, &g->node[at], at, i))
            continue;
        const int fused[OP_MAX_IN] = {in[0], g->node[at].in[0], g->node[at].in[1], in[2], in[3]};
        s->op = &op_gemm_sgd;
        for (int j = 0; j < 5; j++)
            s->in[j] = fused[j];
        s->n_in = 5;
        readers[grad] = 0;
        n++;
    }
    free(readers);
    return n ? graph_prune(g) : 0;
}
