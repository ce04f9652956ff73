/* What can follow a convolution: operations that work on blocks as well, where one of their images
 * is there in blocks. */
#include "graph/layout.h"

/* How an operation follows. */
struct follower {
    const struct op *op, *blocked; /* blocked: what it becomes, NULL: it stays what it is */
    unsigned images;               /* bit j: input j is an image; 0: all that there are */
    bool sums;                     /* its results are numbers a channel, which stay plain */
    bool eager; /* follows as soon as anything is blocked: it makes much of little */
    /* NULL: always. */
    bool (*can)(const struct layout *, const struct node *);
    /* Attributes of the blocked form. NULL: the plain one's. */
    void (*attr)(const struct layout *, const struct node *, void *);
};

/* ---- Conditions ---- */

static bool can_unary(const struct layout *l, const struct node *n)
{
    const struct ocelli_unary_params *u = n->attr;
    return layout_keeps_zeros(l, n->out[0], &(struct act){u->kind, u->alpha, u->beta});
}

static bool can_unary_bwd(const struct layout *l, const struct node *n)
{
    const struct ocelli_unary_params *u = n->attr;
    return layout_grad_keeps_zeros(l, n->out[0], &(struct act){u->kind, u->alpha, u->beta});
}

static bool can_binary(const struct layout *l, const struct node *n)
{
    const enum ocelli_binary_kind kind = ((const struct ocelli_binary_params *)n->attr)->kind;
    return shape_equal(shape_of(l, n->in[0]), shape_of(l, n->in[1])) &&
           (kind == OCELLI_ADD || kind == OCELLI_SUB || kind == OCELLI_MUL || kind == OCELLI_MIN ||
            kind == OCELLI_MAX);
}

static bool can_concat(const struct layout *l, const struct node *n)
{
    if (((const struct concat_attr *)n->attr)->axis != 1)
        return false;
    for (int j = 0; j < n->n_in && n->in[j] != OCELLI_NONE; j++)
        if (shape_of(l, n->in[j])->dim[1] % l->v)
            return false;
    return true;
}

/* Whole blocks of channels. */
static bool can_slice(const struct layout *l, const struct node *n)
{
    const struct strided_attr *a = n->attr;
    const struct ocelli_shape *x = shape_of(l, n->in[0]), *y = &a->shape;
    const int64_t area = x->dim[2] * x->dim[3];
    int64_t step = 1;
    for (int d = 3; d >= 0; d--) {
        if ((d != 1 && y->dim[d] != x->dim[d]) || (x->dim[d] > 1 && a->stride[d] != step))
            return false;
        step *= x->dim[d];
    }
    return a->offset % (area * l->v) == 0 && a->offset < x->dim[1] * area && y->dim[1] % l->v == 0;
}

/* An input of one channel could be taken for one of one block. */
static bool can_channels(const struct layout *l, const struct node *n)
{
    return shape_of(l, n->in[0])->dim[1] > 1;
}

/* ---- Attributes ---- */

static void slice_attr(const struct layout *l, const struct node *n, void *out)
{
    const struct strided_attr *a = n->attr;
    const int64_t *x = shape_of(l, n->in[0])->dim;
    const int64_t dim[5] = {x[0], (x[1] + l->v - 1) / l->v, x[2], x[3], l->v};
    struct strided_attr *b = out;
    int64_t step = 1;
    *b = (struct strided_attr){.shape = {5, {x[0], a->shape.dim[1] / l->v, x[2], x[3], l->v}},
                               .offset = a->offset};
    for (int d = 4; d >= 0; d--) {
        b->stride[d] = (int)step;
        step *= dim[d];
    }
}

static void channels_attr(const struct layout *l, const struct node *n, void *out)
{
    ((struct channels_attr *)out)->channels = (int)shape_of(l, n->in[0])->dim[1];
}

static void dropout_attr(const struct layout *l, const struct node *n, void *out)
{
    struct dropout_attr *a = out;
    *a = *(const struct dropout_attr *)n->attr;
    a->channels = (int)shape_of(l, n->in[0])->dim[1];
}

static const struct follower followers[] = {
    {.op = &op_pool2d, .images = 1},
    {.op = &op_pool2d_bwd, .images = 3},
    {.op = &op_gap, .images = 1},
    {.op = &op_gap_bwd, .images = 1, .eager = true},
    {.op = &op_lrn, .blocked = &op_lrn_blocked, .images = 1},
    {.op = &op_lrn_bwd, .blocked = &op_lrn_blocked_bwd, .images = 3},
    {.op = &op_unary, .images = 1, .can = can_unary},
    {.op = &op_unary_bwd, .images = 3, .can = can_unary_bwd},
    {.op = &op_add, .images = 3},
    {.op = &op_binary, .images = 3, .can = can_binary},
    {.op = &op_concat, .can = can_concat},
    {.op = &op_strided, .images = 1, .can = can_slice, .attr = slice_attr},
    {.op = &op_dropout, .images = 1, .attr = dropout_attr},
    {.op = &op_batchnorm, .images = 1, .can = can_channels},
    {.op = &op_batchnorm_bwd, .images = 3, .can = can_channels},
    {.op = &op_batchnorm_sums, .images = 3, .sums = true, .can = can_channels},
    {.op = &op_batchnorm_stats,
     .images = 1,
     .sums = true,
     .can = can_channels,
     .attr = channels_attr},
    {.op = &op_bias_bwd, .images = 1, .sums = true, .can = can_channels, .attr = channels_attr},
    {0},
};

/* ---- Following ---- */

static bool reads_image(const struct follower *f, const struct node *n, int j)
{
    return j < op_inputs(n->op) && n->in[j] != OCELLI_NONE && (!f->images || f->images >> j & 1);
}

/* Does node n follow now? */
static bool follows(const struct layout *l, const struct follower *f, const struct node *n)
{
    bool any = f->eager && l->any;
    for (int j = 0; j < n->n_in; j++) {
        if (!reads_image(f, n, j))
            continue;
        if (!layout_is_image(l, n->in[j]))
            return false;
        any = any || is_blocked(l, n->in[j]);
    }
    if (!any || (!f->sums && (!layout_is_image(l, n->out[0]) || !layout_epilogue_fits(l, n))))
        return false;
    return !f->can || f->can(l, n);
}

int layout_follow(struct layout *l, const struct node *n, bool *done)
{
    union {
        struct strided_attr strided;
        struct dropout_attr dropout;
        struct channels_attr channels;
    } attr;
    const struct follower *f = followers;
    struct side side;
    int in[OP_MAX_IN], err = 0;
    while (f->op && f->op != n->op)
        f++;
    if (!f->op || !follows(l, f, n))
        return 0;
    *done = true;
    for (int j = 0; j < OP_MAX_IN; j++)
        in[j] = OCELLI_NONE;
    for (int j = 0; j < op_inputs(n->op); j++) {
        if (reads_image(f, n, j))
            TRY(layout_need_blocked(l, n->in[j], &in[j]));
        else if (n->in[j] != OCELLI_NONE) {
            TRY(layout_need_plain(l, n->in[j]));
            in[j] = n->in[j];
        }
    }
    TRY(layout_side(l, n, &side));
    if (f->attr)
        f->attr(l, n, &attr);
    graph_add(l->g, f->blocked ? f->blocked : n->op, f->attr ? (const void *)&attr : n->attr, in);
    TRY(f->sums ? layout_finish_plain(l, n) : layout_finish(l, n, &side));
out:
    return err;
}
