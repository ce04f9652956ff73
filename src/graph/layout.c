/* Layouts: convolutions on CPUs take and give blocked channels (ops/conv2d_blocked.h), and so does
 * what lies between them, as far as it can; reorders stand where a tensor has to change its layout.
 *
 * The nodes are written anew, in their order. Each value may exist plain, blocked or both: what a
 * node asks for and is not there yet is made from the other when it is asked for. */
#include <stdlib.h>

#include "graph/passes.h"
#include "ops/attrs.h"
#include "ops/conv2d_blocked.h"

struct layout {
    struct graph *g;
    const struct caps *caps;
    bool exact;
    int v;        /* channels in a block */
    int *blocked; /* of each old value its blocked form, OCELLI_NONE: not made */
    bool *plain;  /* it is there as it was */
};

/* ---- Values ---- */

static const struct ocelli_shape *shape_of(const struct layout *l, int v)
{
    return &l->g->value[v].desc.shape;
}

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

/* Value v as it was. */
static int need_plain(struct layout *l, int v)
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
    if (made == OCELLI_NONE)
        return g->status;
    /* The reader knows it by its old number. */
    g->value[made].node = -1;
    g->node[g->n_nodes - 1].out[0] = v;
    g->value[v].node = g->n_nodes - 1;
    l->plain[v] = true;
    return 0;
}

/* Value v in blocks, *out. */
static int need_blocked(struct layout *l, int v, int *out)
{
    struct graph *g = l->g;
    if (l->blocked[v] == OCELLI_NONE && is_same(l, v))
        l->blocked[v] = graph_add(g, &op_reshape, &(struct reshape_attr){blocked_shape(l, v)},
                                  (const int[OP_MAX_IN]){v});
    else if (l->blocked[v] == OCELLI_NONE)
        l->blocked[v] = graph_add(g, &op_reorder, &(struct reorder_attr){.block = l->v},
                                  (const int[OP_MAX_IN]){v});
    *out = l->blocked[v];
    return *out == OCELLI_NONE ? g->status : 0;
}

static bool is_image(const struct layout *l, int v)
{
    return shape_of(l, v)->rank == 4 && l->g->value[v].desc.dtype == OCELLI_F32;
}

/* Value v stays in blocks what it is there: whole ones, or zeros beside it that stay zeros. */
static bool keeps_zeros(const struct layout *l, int v, const struct act *a)
{
    if (shape_of(l, v)->dim[1] % l->v == 0)
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

/* ---- Convolutions ---- */

/* Adds the packed form of w. */
static int pack(struct layout *l, int w, int form, bool plain_x)
{
    struct conv2d_pack_attr a = {.form = form, .block = l->v, .x_block = plain_x ? 1 : l->v};
    return graph_add(l->g, &op_conv2d_pack, &a, (const int[OP_MAX_IN]){w});
}

/* Takes over what the epilogue of n has besides a bias; the node is the last. */
static int take_epilogue(struct layout *l, const struct node *n)
{
    int residual = OCELLI_NONE, err = 0;
    const int at = l->g->n_nodes - 1; /* of the node that takes it */
    struct node taker = l->g->node[at];
    if (n->epi.residual >= 0) {
        l->g->n_nodes--; /* what it reads comes before it */
        TRY(need_blocked(l, n->in[n->epi.residual], &residual));
        taker.epi.residual = taker.n_in;
        taker.in[taker.n_in++] = residual;
        TRY(append(l, &taker));
    }
    l->g->node[l->g->n_nodes - 1].epi.act = n->epi.act;
out:
    return err;
}

/* Writes convolution n in blocks if that is likely to be faster; *done says whether. */
static int block_conv(struct layout *l, const struct node *n, bool *done)
{
    struct graph *g = l->g;
    const int x = n->in[0], w = n->in[1], y = n->out[0];
    const struct ocelli_conv2d_params *conv = n->attr;
    struct conv2d_blocked_attr attr = {.conv = *conv};
    struct conv2d c;
    int in[OP_MAX_IN] = {x, OCELLI_NONE, OCELLI_NONE}, err = 0;
    if (n->epi.grad_y >= 0 || !keeps_zeros(l, y, &n->epi.act))
        return 0;
    TRY(conv2d_geometry(&c, "conv2d", shape_of(l, x), shape_of(l, w), conv));
    const struct conv2d_choice k =
        conv2d_choose(&c, l->caps, l->blocked[x] != OCELLI_NONE, l->exact);
    if (!k.blocked)
        return 0;
    *done = true;
    attr.form = (int)k.form;
    attr.channels[0] = c.in_c * c.groups;
    attr.channels[1] = c.out_c * c.groups;
    if (k.form == FORM_DEPTHWISE)
        attr.conv.groups = 1;
    if (!k.stem)
        TRY(need_blocked(l, x, &in[0]));
    if ((in[1] = pack(l, w, (int)k.form, k.stem)) == OCELLI_NONE)
        return g->status;
    if (n->epi.bias >= 0 && (in[2] = pack(l, n->in[n->epi.bias], FORM_BIAS, false)) == OCELLI_NONE)
        return g->status;
    l->blocked[y] = graph_add(g, &op_conv2d_blocked, &attr, in);
    if (l->blocked[y] == OCELLI_NONE)
        return g->status;
    TRY(take_epilogue(l, n));
out:
    return err;
}

/* ---- What can follow a convolution ---- */

static bool no_bias(const struct node *n)
{
    return n->epi.bias < 0 && n->epi.grad_y < 0;
}

/* Can node n, whose first input is an image in blocks, work on blocks? *parts: how many of its
 * inputs are images. */
static bool follows(const struct layout *l, const struct node *n, int *parts)
{
    const int y = n->out[0];
    *parts = 1;
    if (n->n_out != 1 || !is_image(l, y) || !no_bias(n) || !keeps_zeros(l, y, &n->epi.act))
        return false;
    if (n->op == &op_pool2d || n->op == &op_gap || n->op == &op_lrn)
        return true;
    if (n->op == &op_unary) {
        const struct ocelli_unary_params *u = n->attr;
        return keeps_zeros(l, y, &(struct act){u->kind, u->alpha, u->beta});
    }
    *parts = 2;
    if (n->op == &op_add)
        return true;
    if (n->op == &op_binary) {
        const enum ocelli_binary_kind kind = ((const struct ocelli_binary_params *)n->attr)->kind;
        return shape_equal(shape_of(l, n->in[0]), shape_of(l, n->in[1])) &&
               (kind == OCELLI_ADD || kind == OCELLI_SUB || kind == OCELLI_MUL ||
                kind == OCELLI_MIN || kind == OCELLI_MAX);
    }
    if (n->op != &op_concat || ((const struct concat_attr *)n->attr)->axis != 1)
        return false;
    *parts = 0;
    while (*parts < n->n_in && n->in[*parts] != OCELLI_NONE)
        if (shape_of(l, n->in[(*parts)++])->dim[1] % l->v)
            return false;
    return true;
}

/* Writes node n in blocks where one of its images is there in blocks. */
static int block_follower(struct layout *l, const struct node *n, bool *done)
{
    int in[OP_MAX_IN], parts, err = 0;
    bool any = false;
    if (!follows(l, n, &parts))
        return 0;
    for (int j = 0; j < parts; j++)
        any = any || l->blocked[n->in[j]] != OCELLI_NONE;
    if (!any)
        return 0;
    *done = true;
    for (int j = 0; j < OP_MAX_IN; j++)
        in[j] = OCELLI_NONE;
    for (int j = 0; j < parts; j++)
        TRY(need_blocked(l, n->in[j], &in[j]));
    const struct op *op = n->op == &op_lrn ? &op_lrn_blocked : n->op;
    l->blocked[n->out[0]] = graph_add(l->g, op, n->attr, in);
    if (l->blocked[n->out[0]] == OCELLI_NONE)
        return l->g->status;
    TRY(take_epilogue(l, n));
out:
    return err;
}

/* ---- The pass ---- */

static int write_node(struct layout *l, const struct node *n)
{
    bool done = false;
    int err = 0;
    if (n->op == &op_conv2d)
        TRY(block_conv(l, n, &done));
    else if (n->n_in > 0 && n->in[0] != OCELLI_NONE)
        TRY(block_follower(l, n, &done));
    if (!done) {
        for (int j = 0; j < n->n_in; j++)
            TRY(need_plain(l, n->in[j]));
        TRY(append(l, n));
        for (int k = 0; k < n->n_out; k++)
            l->plain[n->out[k]] = true;
    }
    for (int k = 0; k < n->n_out; k++)
        if (l->g->value[n->out[k]].output)
            TRY(need_plain(l, n->out[k]));
out:
    return err;
}

/* Training reads every layer's results again, in the layout of its gradients. */
static bool trains(const struct graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (g->node[i].op->updates)
            return true;
    return false;
}

int graph_layout(struct graph *g, const struct caps *caps, bool exact)
{
    struct layout l = {.g = g, .caps = caps, .exact = exact, .v = caps->vector_width};
    const int n = g->n_nodes, n_values = g->n_values;
    struct node *old = malloc(((size_t)n + 1) * sizeof(*old));
    int err = 0;
    l.blocked = malloc(((size_t)n_values + 1) * sizeof(int));
    l.plain = malloc((size_t)n_values + 1);
    if (!old || !l.blocked || !l.plain)
        TRY(fail_memory());
    if (!caps->cpu_style || !block_is_legal(l.v) || trains(g))
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
    return err;
}
