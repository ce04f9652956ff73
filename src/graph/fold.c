/* Rewrites that make inference do less: a batch normalisation, scale or shift whose factors are
 * fixed becomes part of the weights before it, zero padding part of the convolution behind it. Each
 * node is changed where it stands; what prepares the weights is appended, sorted in, and later
 * hoisted. */
#include <stdlib.h>
#include <string.h>

#include "graph/passes.h"
#include "graph/walk.h"
#include "ops/attrs.h"

struct folder {
    struct graph *g;
    bool *fixed;  /* of the values that there were when the sweep began */
    int *readers; /* of those, how often each is read */
    int n_values;
    int folded; /* nodes, in this sweep */
};

static bool is_fixed(const struct folder *f, int v)
{
    return v >= 0 && v < f->n_values && f->fixed[v];
}

/* The node that makes v, where v has no other use than to be read once; NULL otherwise. */
static struct node *only_maker(const struct folder *f, int v)
{
    const struct value *x = &f->g->value[v];
    return v < f->n_values && x->node >= 0 && !x->output && f->readers[v] == 1
               ? &f->g->node[x->node]
               : NULL;
}

/* ---- Operations with weights ---- */

/* Which input of the node is the weight, and which of its axes the output channels are; false: it
 * has none whose channels could be scaled. */
static bool weight_of(const struct node *n, int *input, int *axis)
{
    *input = 1;
    *axis = 0;
    if (n->op == &op_conv2d)
        return true;
    if (n->op == &op_gemm) {
        *axis = !((const struct ocelli_gemm_params *)n->attr)->trans_b;
        return true;
    }
    *axis = 1; /* transposed convolution: in x out/groups */
    return n->op == &op_conv2d_bwd_data &&
           ((const struct conv2d_bwd_data_attr *)n->attr)->conv.groups == 1;
}

/* ---- Scales and shifts ---- */

/* What node n does to each channel of its input, as inputs of `fold`. */
struct affine {
    int scale, shift, mean, variance;
    float epsilon;
};

static bool all_fixed(const struct folder *f, const struct node *n)
{
    for (int j = 1; j < n->n_in; j++)
        if (n->in[j] != OCELLI_NONE && !is_fixed(f, n->in[j]))
            return false;
    return true;
}

static bool affine_of(const struct folder *f, const struct node *n, struct affine *a)
{
    *a = (struct affine){OCELLI_NONE, OCELLI_NONE, OCELLI_NONE, OCELLI_NONE, 0};
    if (!all_fixed(f, n))
        return false;
    if (n->op == &op_batchnorm) {
        const struct ocelli_batchnorm_params *p = n->attr;
        *a = (struct affine){n->in[1], n->in[2], n->in[3], n->in[4], p->epsilon};
        return true;
    }
    a->scale = n->in[1];
    return n->op == &op_scale;
}

/* Folds node i into the weights before it: it becomes a bias. */
static int fold_affine(struct folder *f, int i)
{
    struct graph *g = f->g;
    struct affine a;
    int input, axis, b = OCELLI_NONE;
    struct node *p;

    if (!affine_of(f, &g->node[i], &a) || !(p = only_maker(f, g->node[i].in[0])))
        return 0;
    if (p->op == &op_bias && is_fixed(f, p->in[1])) {
        b = p->in[1];
        if (!(p = only_maker(f, p->in[0])))
            return 0;
    }
    if (!weight_of(p, &input, &axis) || !is_fixed(f, p->in[input]) ||
        g->value[p->in[input]].desc.dtype != OCELLI_F32)
        return 0;
    int w = p->in[input], y = p->out[0], at = g->value[y].node;
    int w2 = graph_add(g, &op_fold, &(struct fold_attr){axis, a.epsilon},
                       (int[OP_MAX_IN]){w, b, a.scale, a.shift, a.mean, a.variance});
    if (w2 == OCELLI_NONE)
        return g->status;
    g->node[at].in[input] = w2; /* the array may have moved */
    struct node *n = &g->node[i];
    n->op = &op_bias;
    n->attr = NULL;
    n->n_in = 2;
    n->in[0] = y;
    n->in[1] = w2 + 1;
    f->folded++;
    return 0;
}

/* ---- A product or sum with one number a channel ---- */

/* Is k, fixed, of one number for each channel (dimension 1) of y? */
static bool per_channel(const struct ocelli_shape *y, const struct ocelli_shape *k)
{
    if (y->rank < 2 || k->rank > y->rank)
        return false;
    for (int d = 0; d < y->rank; d++) {
        int e = d - (y->rank - k->rank);
        int64_t dim = e < 0 ? 1 : k->dim[e];
        if (dim != (d == 1 ? y->dim[1] : 1))
            return false;
    }
    return true;
}

/* binary(x, k) -> scale(x, k) or bias(x, k). */
static int name_channels(struct folder *f, int i)
{
    struct graph *g = f->g;
    const struct node *n = &g->node[i];
    enum ocelli_binary_kind kind = ((const struct ocelli_binary_params *)n->attr)->kind;
    if ((kind != OCELLI_MUL && kind != OCELLI_ADD) || g->value[n->out[0]].desc.dtype != OCELLI_F32)
        return 0;
    int side = is_fixed(f, n->in[1]), x = n->in[!side], k = n->in[side];
    const struct ocelli_shape *y = &g->value[n->out[0]].desc.shape;
    if (!is_fixed(f, k) || is_fixed(f, x) || !per_channel(y, &g->value[k].desc.shape) ||
        shape_count(&g->value[x].desc.shape) != shape_count(y) ||
        g->value[x].desc.shape.rank != y->rank)
        return 0;
    struct reshape_attr flat = {{1, {y->dim[1]}}};
    int c = graph_add(g, &op_reshape, &flat, (int[OP_MAX_IN]){k});
    if (c == OCELLI_NONE)
        return g->status;
    struct node *m = &g->node[i];
    m->op = kind == OCELLI_MUL ? &op_scale : &op_bias;
    m->attr = NULL;
    m->in[0] = x;
    m->in[1] = c;
    return 0;
}

/* ---- Padding ---- */

/* conv2d(pad(x)) -> conv2d(x) with more padding. */
static void fold_pad(struct folder *f, struct node *n)
{
    struct ocelli_conv2d_params *c = n->attr;
    const struct node *p = only_maker(f, n->in[0]);
    if (!p || p->op != &op_pad)
        return;
    const struct ocelli_pad_params *a = p->attr;
    const int *b = a->begin, *e = a->end;
    if (a->mode != OCELLI_PAD_CONSTANT || a->value != 0 || b[0] || b[1] || e[0] || e[1] ||
        b[2] < 0 || b[3] < 0 || e[2] < 0 || e[3] < 0)
        return;
    const int more[4] = {b[2], b[3], e[2], e[3]};
    for (int d = 0; d < 4; d++)
        if (more[d] > 1 << 15) /* far beyond any filter, and far from overflow */
            return;
    for (int d = 0; d < 4; d++)
        c->pad[d] += more[d];
    n->in[0] = p->in[0];
}

/* ---- The pass ---- */

/* Facts about the values: again after each sweep, for there are more. */
static int look(struct folder *f)
{
    struct graph *g = f->g;
    size_t n = (size_t)g->n_values + 1;
    free(f->fixed);
    free(f->readers);
    f->fixed = malloc(n);
    f->readers = calloc(n, sizeof(*f->readers));
    if (!f->fixed || !f->readers)
        return fail_memory();
    f->n_values = g->n_values;
    f->folded = 0;
    graph_fixed(g, f->fixed);
    for (int i = 0; i < g->n_nodes; i++)
        for (int j = 0; j < g->node[i].n_in; j++)
            if (g->node[i].in[j] != OCELLI_NONE)
                f->readers[g->node[i].in[j]]++;
    return 0;
}

/* Rewrites the nodes of one kind; what they add is sorted in, and what nobody reads any more goes.
 */
static int sweep(struct folder *f, int (*rewrite)(struct folder *, int), const struct op *a,
                 const struct op *b)
{
    struct graph *g = f->g;
    int err, n = g->n_nodes;
    TRY(look(f));
    for (int i = 0; i < n; i++)
        if (g->node[i].op == a || g->node[i].op == b)
            TRY(rewrite(f, i));
    TRY(graph_sort(g));
    TRY(graph_prune(g));
out:
    return err;
}

static int rewrite_pad(struct folder *f, int i)
{
    fold_pad(f, &f->g->node[i]);
    return 0;
}

int graph_fold(struct graph *g)
{
    struct folder f = {.g = g};
    int err;
    TRY(sweep(&f, name_channels, &op_binary, NULL));
    TRY(sweep(&f, rewrite_pad, &op_conv2d, NULL));
    /* A normalisation may be followed by a scale: fold until nothing is left to fold. */
    do {
        TRY(sweep(&f, fold_affine, &op_batchnorm, &op_scale));
    } while (f.folded > 0);
out:
    free(f.fixed);
    free(f.readers);
    return err;
}
