/* Layouts: convolutions on CPUs and their gradients work on blocked channels
 * (ops/conv2d_blocked.h), and so does what lies between them, as far as it can; reorders stand
 * where a tensor has to change its layout. */
#include "graph/layout.h"

#include <stdlib.h>

#include "ops/conv2d_blocked.h"

/* ---- Values ---- */

static int append(struct layout *l, const struct node *n)
{
    struct graph *g = l->g;
    int err = grow(&g->node, &g->cap_nodes, g->n_nodes + 1, sizeof(*g->node));
    if (err)
        return err;
    for (int k = 0; k < n->n_out; k++)
        g->value[n->out[k]].node = g->n_nodes;
    g->node[g->n_nodes++] = *n;
    return 0;
}

/* Blocks and channels of one pixel are one and the same memory. */
static bool is_same(const struct layout *l, int v)
{
    const int64_t *d = shape_of(l, v)->dim;
    return d[2] * d[3] == 1 && d[1] % l->v == 0;
}

static struct ocelli_shape blocked_shape(const struct layout *l, int v)
{
    const int64_t *d = shape_of(l, v)->dim;
    return (struct ocelli_shape){5, {d[0], (d[1] + l->v - 1) / l->v, d[2], d[3], l->v}};
}

int layout_need_plain(struct layout *l, int v)
{
    struct graph *g = l->g;
    int made;
    if (v == OCELLI_NONE || l->plain[v])
        return 0;
    if (is_same(l, v))
        made = graph_add(g, &op_reshape, &(struct reshape_attr){*shape_of(l, v)},
                         (const int[OP_MAX_IN]){l->blocked[v]});
    else
        made = graph_add(g, &op_reorder,
                         &(struct reorder_attr){.channels = (int)shape_of(l, v)->dim[1]},
                         (const int[OP_MAX_IN]){l->blocked[v]});
    return made == OCELLI_NONE ? g->status
                               : layout_finish_plain(l, &(struct node){.out = {v}, .n_out = 1});
}

int layout_need_blocked(struct layout *l, int v, int *out)
{
    struct graph *g = l->g;
    if (!is_blocked(l, v) && is_same(l, v))
        l->blocked[v] = graph_add(g, &op_reshape, &(struct reshape_attr){blocked_shape(l, v)},
                                  (const int[OP_MAX_IN]){v});
    else if (!is_blocked(l, v))
        l->blocked[v] = graph_add(g, &op_reorder, &(struct reorder_attr){.block = l->v},
                                  (const int[OP_MAX_IN]){v});
    *out = l->blocked[v];
    return *out == OCELLI_NONE ? g->status : 0;
}

bool layout_is_image(const struct layout *l, int v)
{
    return shape_of(l, v)->rank == 4 && l->g->value[v].desc.dtype == OCELLI_F32;
}

/* ---- Epilogues ---- */

static bool whole_blocks(const struct layout *l, int v)
{
    return shape_of(l, v)->dim[1] % l->v == 0;
}

bool layout_keeps_zeros(const struct layout *l, int v, const struct act *a)
{
    if (whole_blocks(l, v))
        return true;
    switch (a->kind) {
    case OCELLI_SIGMOID:
    case OCELLI_HARD_SIGMOID:
    case OCELLI_SOFTPLUS:
    case OCELLI_EXP:
    case OCELLI_LOG:
    case OCELLI_RECIPROCAL:
        return false;
    case OCELLI_CLIP:
        return a->alpha <= 0 && a->beta >= 0;
    case OCELLI_THRESHOLDED_RELU:
        return a->alpha >= 0;
    default:
        return true;
    }
}

bool layout_grad_keeps_zeros(const struct layout *l, int v, const struct act *a)
{
    return whole_blocks(l, v) || (a->kind != OCELLI_SQRT && a->kind != OCELLI_LOG);
}

bool layout_epilogue_fits(const struct layout *l, const struct node *n)
{
    return n->epi.bias < 0 && layout_keeps_zeros(l, n->out[0], &n->epi.act) &&
           (n->epi.grad_y < 0 || layout_grad_keeps_zeros(l, n->out[0], &n->epi.grad));
}

int layout_side(struct layout *l, const struct node *n, struct side *out)
{
    int err = 0;
    *out = (struct side){OCELLI_NONE, OCELLI_NONE};
    if (n->epi.residual >= 0)
        TRY(layout_need_blocked(l, n->in[n->epi.residual], &out->residual));
    if (n->epi.grad_y >= 0)
        TRY(layout_need_blocked(l, n->in[n->epi.grad_y], &out->grad_y));
out:
    return err;
}

int layout_finish(struct layout *l, const struct node *n, const struct side *side)
{
    if (l->g->status)
        return l->g->status;
    struct node *m = &l->g->node[l->g->n_nodes - 1];
    l->blocked[n->out[0]] = m->out[0];
    m->epi.act = n->epi.act;
    m->epi.grad = n->epi.grad;
    if (side->residual != OCELLI_NONE) {
        m->epi.residual = m->n_in;
        m->in[m->n_in++] = side->residual;
    }
    if (side->grad_y != OCELLI_NONE) {
        m->epi.grad_y = m->n_in;
        m->in[m->n_in++] = side->grad_y;
    }
    return 0;
}

int layout_finish_plain(struct layout *l, const struct node *n)
{
    struct graph *g = l->g;
    if (g->status)
        return g->status;
    struct node *m = &g->node[g->n_nodes - 1];
    for (int k = 0; k < n->n_out; k++) {
        g->value[m->out[k]].node = -1;
        m->out[k] = n->out[k];
        g->value[n->out[k]].node = g->n_nodes - 1;
        l->plain[n->out[k]] = true;
    }
    return 0;
}

/* ---- The pass ---- */

static int write_plain(struct layout *l, const struct node *n)
{
    int err = 0;
    for (int j = 0; j < n->n_in; j++)
        TRY(layout_need_plain(l, n->in[j]));
    TRY(append(l, n));
    for (int k = 0; k < n->n_out; k++)
        l->plain[n->out[k]] = true;
out:
    return err;
}

static int write_node(struct layout *l, const struct node *n)
{
    bool done = false;
    int err = 0;
    if (n->op == &op_conv2d)
        TRY(layout_conv(l, n, &done));
    else if (n->op == &op_conv2d_bwd_data)
        TRY(layout_conv_bwd_data(l, n, &done));
    else if (n->op == &op_conv2d_bwd_weights)
        TRY(layout_conv_bwd_weights(l, n, &done));
    else
        TRY(layout_follow(l, n, &done));
    if (!done)
        TRY(write_plain(l, n));
    for (int k = 0; k < n->n_out; k++)
        if (l->g->value[n->out[k]].output)
            TRY(layout_need_plain(l, n->out[k]));
out:
    return err;
}

int graph_layout(struct graph *g, const struct caps *caps, bool exact)
{
    struct layout l = {.g = g, .caps = caps, .exact = exact, .v = caps->vector_width};
    const int n = g->n_nodes, n_values = g->n_values;
    struct node *old = malloc(((size_t)n + 1) * sizeof(*old));
    int err = 0;
    l.blocked = malloc(((size_t)n_values + 1) * sizeof(int));
    l.plain = malloc((size_t)n_values + 1);
    l.packed = calloc((size_t)n_values + 1, sizeof(bool));
    if (!old || !l.blocked || !l.plain || !l.packed)
        TRY(fail_memory());
    if (!caps->cpu_style || !block_is_legal(l.v))
        goto out;
    for (int v = 0; v < n_values; v++) {
        l.blocked[v] = OCELLI_NONE;
        l.plain[v] = g->value[v].node < 0;
    }
    for (int i = 0; i < n; i++)
        old[i] = g->node[i];
    g->n_nodes = 0;
    for (int i = 0; i < n; i++) {
        g->layer = old[i].name;
        TRY(write_node(&l, &old[i]));
    }
out:
    g->layer = NULL;
    free(old);
    free(l.blocked);
    free(l.plain);
    free(l.packed);
    return err;
}
