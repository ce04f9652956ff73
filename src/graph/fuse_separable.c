/* A depthwise convolution and the 1x1 convolution that alone reads its result become one operation,
 * where that is likely to be faster: the result is neither written nor read, and one launch less.
 */
#include <stdlib.h>

#include "graph/passes.h"
#include "graph/walk.h"
#include "ops/attrs.h"
#include "ops/conv2d_blocked.h"

static enum conv2d_form form_of(const struct node *n)
{
    return (enum conv2d_form)((const struct conv2d_blocked_attr *)n->attr)->form;
}

/* Is d a depthwise convolution with nothing at its store but a function? */
static bool is_deep(const struct node *d)
{
    return d->op == &op_conv2d_blocked && form_of(d) == FORM_DEPTHWISE && d->epi.bias < 0 &&
           d->epi.residual < 0 && d->epi.grad_y < 0;
}

/* Does n, a convolution, only mix the channels of each pixel? */
static bool is_pointwise(const struct graph *g, const struct node *n)
{
    struct problem p;
    struct conv2d_blocked k;
    node_problem(g, n, &p);
    if (form_of(n) != FORM_DIRECT || conv2d_blocked_geometry(&k, &p) != 0)
        return false;
    for (int i = 0; i < 2; i++)
        if (k.c.kernel[i] != 1 || k.c.stride[i] != 1 || k.c.out[i] != k.c.in[i] || k.c.pad[i])
            return false;
    return k.c.groups == 1 && k.xv == k.v;
}

/* Node n as one with d, whose result it reads; attr is for its attributes. */
static struct node joined(const struct node *d, const struct node *n,
                          struct separable_blocked_attr *attr)
{
    const struct conv2d_blocked_attr *da = d->attr, *na = n->attr;
    const int own = op_inputs(n->op), both = op_inputs(&op_separable_blocked);
    struct node m = *n;
    *attr = (struct separable_blocked_attr){.conv = da->conv,
                                            .function = d->epi.act.kind,
                                            .alpha = d->epi.act.alpha,
                                            .beta = d->epi.act.beta,
                                            .channels = {na->channels[0], na->channels[1]}};
    m.op = &op_separable_blocked;
    m.attr = attr;
    m.in[0] = d->in[0];
    m.in[3] = d->in[1];
    m.in[4] = d->in[2];
    for (int j = own; j < n->n_in; j++) /* the epilogue's */
        m.in[both + j - own] = n->in[j];
    m.n_in += both - own;
    if (n->epi.residual >= 0)
        m.epi.residual += both - own;
    if (n->epi.grad_y >= 0)
        m.epi.grad_y += both - own;
    return m;
}

int graph_fuse_separable(struct graph *g, const struct caps *caps)
{
    int *readers = calloc((size_t)g->n_values + 1, sizeof(*readers)), err = 0;
    bool any = false;
    if (!readers)
        return fail_memory();
    count_readers(g, readers);
    for (int i = 0; i < g->n_nodes; i++) {
        const struct node *n = &g->node[i];
        struct separable_blocked_attr attr;
        struct problem p;
        if (n->op != &op_conv2d_blocked || !is_pointwise(g, n))
            continue;
        const int x = n->in[0], at = g->value[x].node;
        if (at < 0 || readers[x] != 1 || g->value[x].output || !is_deep(&g->node[at]))
            continue;
        struct node m = joined(&g->node[at], n, &attr);
        node_problem(g, &m, &p);
        if (!separable_pays(&p, caps))
            continue;
        if (!(m.attr = arena_copy(&g->arena, &attr, sizeof(attr))))
            TRY(OCELLI_ERR_MEMORY);
        g->node[i] = m;
        any = true;
    }
    TRY(any ? graph_prune(g) : 0);
out:
    free(readers);
    return err;
}
