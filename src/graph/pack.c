/* Matrix products on CPUs whose right operand depends on weights and constants only, and which are
 * limited by the arithmetic: it is packed once, not in every run. */
#include <stdlib.h>

#include "graph/passes.h"
#include "ops/attrs.h"
#include "ops/conv2d_blocked.h"
#include "ops/gemm.h"

/* What packing an operand that small costs does not matter, and its copy fills no cache. */
#define SMALL (1 << 14)

static bool pays(const struct graph *g, const struct node *n, const struct caps *caps,
                 const bool *fixed, struct gemm *d)
{
    struct problem p;
    if (n->op != &op_gemm || !fixed[n->in[1]])
        return false;
    node_problem(g, n, &p);
    if (p.in[0].dtype != OCELLI_F32)
        return false;
    *d = gemm_of(&p);
    return !d->trans_a && d->m > GEMM_FEW && d->n * d->k >= SMALL && d->n <= GEMM_COLUMNS_MAX &&
           d->k <= GEMM_COLUMNS_MAX &&
           round_up((size_t)d->n, (size_t)caps->vector_width) * (size_t)d->k <= INT32_MAX;
}

/* conv2d_pack's form for plain images is that of the panels, a weight being a filter of one tap;
 * where the rows come in whole vectors so is its form for blocks, which it packs much faster. */
static int pack(struct graph *g, const struct caps *caps, int b, const struct gemm *d)
{
    const int v = caps->vector_width;
    const struct conv2d_pack_attr how = {.form = FORM_DIRECT,
                                         .block = v,
                                         .x_block = d->k % v ? 1 : v,
                                         .backward = !d->trans_b,
                                         .groups = 1};
    const int64_t blocks = (d->n + v - 1) / v;
    const struct reshape_attr filters = {{4,
                                          {g->value[b].desc.shape.dim[0],
                                           g->value[b].desc.shape.dim[1], 1, 1}}},
                              panels = {{3, {blocks, d->k, v}}};
    int made = graph_add(g, &op_reshape, &filters, (const int[OP_MAX_IN]){b});
    if (made != OCELLI_NONE)
        made = graph_add(g, &op_conv2d_pack, &how, (const int[OP_MAX_IN]){made});
    if (made != OCELLI_NONE)
        made = graph_add(g, &op_reshape, &panels, (const int[OP_MAX_IN]){made});
    return made;
}

static int write_packed(struct graph *g, int i, const struct caps *caps, const struct gemm *d,
                        int *made)
{
    struct gemm_packed_attr *a = arena_alloc(&g->arena, sizeof(*a));
    if (!a)
        return fail_memory();
    if (*made == OCELLI_NONE)
        *made = pack(g, caps, g->node[i].in[1], d);
    if (*made == OCELLI_NONE)
        return g->status;
    a->columns = (int)d->n;
    g->node[i].op = &op_gemm_packed;
    g->node[i].attr = a;
    g->node[i].in[1] = *made;
    return 0;
}

int graph_pack(struct graph *g, const struct caps *caps)
{
    const int n_nodes = g->n_nodes, n_values = g->n_values;
    bool *fixed = malloc((size_t)n_values + 1);
    int *made =
        malloc(2 * ((size_t)n_values + 1) * sizeof(*made)); /* of each value: by rows, by columns */
    struct gemm d;
    int err = 0;
    if (!fixed || !made)
        TRY(fail_memory());
    if (!caps->cpu_style || !block_is_legal(caps->vector_width))
        goto out;
    graph_fixed(g, fixed);
    for (int v = 0; v < 2 * n_values; v++)
        made[v] = OCELLI_NONE;
    for (int i = 0; i < n_nodes; i++) {
        g->layer = g->node[i].name;
        if (pays(g, &g->node[i], caps, fixed, &d))
            TRY(write_packed(g, i, caps, &d, &made[2 * g->node[i].in[1] + d.trans_b]));
    }
    TRY(graph_sort(g));
out:
    g->layer = NULL;
    free(fixed);
    free(made);
    return err;
}
