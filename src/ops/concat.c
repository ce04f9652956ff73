/* Values one behind the other along an axis. */
#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/move.h"
#include "ops/shared.h"

static const struct attr attrs[] = {
    {.name = "axis", .type = ATTR_INT, .offset = offsetof(struct concat_attr, axis), .count = 1,
     .min = 0, .max = OCELLI_MAX_RANK - 1},
    ATTR_END,
};

/* How many inputs there are: the absent ones are the last. */
static int present(const struct problem *p)
{
    int n = op_inputs(p->op);
    while (n > 0 && p->in[n - 1].shape.rank < 0)
        n--;
    return n;
}

/* Input i fits behind the first one. */
static int check_part(const struct problem *p, int i, int axis)
{
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    const struct ocelli_shape *x = &p->in[0].shape, *s = &p->in[i].shape;
    if (s->rank < 0)
        return fail(OCELLI_ERR_INVALID, "concat: input %s is missing", p->op->in[i]);
    bool fits = s->rank == x->rank;
    for (int d = 0; fits && d < x->rank; d++)
        fits = d == axis || s->dim[d] == x->dim[d];
    if (fits)
        return 0;
    return fail(OCELLI_ERR_SHAPE, "concat: %s is %s, which does not fit behind %s along axis %d",
                p->op->in[i], shape_text(s, a), shape_text(x, b), axis);
}

static int concat_infer(struct problem *p)
{
    int axis = ((const struct concat_attr *)p->attr)->axis, n = present(p), err = 0;
    char a[SHAPE_TEXT];
    struct ocelli_shape y = p->in[0].shape;
    if (axis >= y.rank)
        return fail(OCELLI_ERR_SHAPE, "concat: %s has no axis %d", shape_text(&y, a), axis);
    TRY(check_one_type(p));
    for (int i = 1; i < n; i++) {
        TRY(check_part(p, i, axis));
        if (__builtin_add_overflow(y.dim[axis], p->in[i].shape.dim[axis], &y.dim[axis]))
            return fail(OCELLI_ERR_SHAPE, "concat: too many elements along axis %d", axis);
    }
    p->out[0] = (struct desc){p->in[0].dtype, y};
out:
    return err;
}

/* Elements before the axis, and from it on. */
static void around(const struct ocelli_shape *s, int axis, int64_t *outer, int64_t *inner)
{
    *outer = *inner = 1;
    for (int d = 0; d < s->rank; d++)
        *(d < axis ? outer : inner) *= s->dim[d];
}

static int concat_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    const struct concat_attr *a = n->attr;
    const struct ocelli_shape y = g->value[dy[0]].desc.shape;
    struct strided_attr part = {{0}, {0}, 0};
    int64_t step[OCELLI_MAX_RANK], at = 0, s = 1;
    for (int d = y.rank - 1; d >= 0; d--) {
        step[d] = s;
        s *= y.dim[d];
    }
    if (s > INT32_MAX)
        return fail(OCELLI_ERR_UNSUPPORTED, "concat: a tensor of more than %d elements", INT32_MAX);
    for (int d = 0; d < y.rank; d++)
        part.stride[d] = (int)step[d];
    for (int i = 0; i < n->n_in && n->in[i] != OCELLI_NONE && !g->status; i++) {
        part.shape = g->value[n->in[i]].desc.shape;
        part.offset = (int)at;
        at += part.shape.dim[a->axis] * step[a->axis];
        dx[i] = graph_add(g, &op_strided, &part, (const int[]){dy[0]});
    }
    return g->status;
}

static int concat_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                           struct launches *l)
{
    (void)caps;
    int axis = ((const struct concat_attr *)p->attr)->axis, n = present(p);
    int64_t outer, pitch, inner, offset = 0;
    around(&p->out[0].shape, axis, &outer, &pitch);
    for (int i = 0; i < n; i++) {
        struct nd d;
        around(&p->in[i].shape, axis, &outer, &inner);
        nd_init(&d, &OCELLI_SHAPE(outer, inner));
        nd_operand(&d, (const int64_t[]){pitch, 1});
        nd_collapse(&d);
        struct launch *k = launch_add(l, "concat_ref", "concat_ref");
        launch_bits(k, p->in[0].dtype);
        launch_out(k, "y", 0);
        launch_in(k, "x", i);
        launch_int(k, "offset", (int)offset);
        launch_nd(k, &d, tv[0]);
        offset += inner;
    }
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = concat_ref_plan},
    {0},
};

const struct op op_concat = {
    .name = "concat",
    .onnx = "Concat",
    .in = {"x0", "x1?", "x2?", "x3?", "x4?", "x5?", "x6?", "x7?", "x8?", "x9?", "x10?", "x11?", "x12?",
           "x13?", "x14?", "x15?"},
    .out = {"y"},
    .half = 0xffff,
    .attr_size = sizeof(struct concat_attr),
    .attrs = attrs,
    .infer = concat_infer,
    .grad = concat_grad,
    .variants = variants,
};
