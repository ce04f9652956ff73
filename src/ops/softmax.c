/* exp(x_c - max) / sum over the classes along an axis, or the logarithm of that. */
#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/shared.h"

const struct attr softmax_attrs[] = {
    {.name = "behind", .type = ATTR_INT, .offset = offsetof(struct softmax_attr, behind), .count = 1,
     .max = OCELLI_MAX_RANK - 1},
    {.name = "log", .type = ATTR_BOOL, .offset = offsetof(struct softmax_attr, log), .count = 1},
    ATTR_END,
};

int check_softmax(const struct problem *p)
{
    const struct softmax_attr *a = p->attr;
    char s[SHAPE_TEXT];
    if (a->behind < p->in[0].shape.rank)
        return check_floats(p);
    return fail(OCELLI_ERR_SHAPE, "%s: %s is %s, without %d dimensions behind the classes",
                p->op->name, p->op->in[0], shape_text(&p->in[0].shape, s), a->behind);
}

/* The kernel for rows where the classes are next to each other. */
void launch_softmax(struct launch *k, const char *columns, const struct problem *p,
                    const struct caps *caps, int group)
{
    const struct softmax_attr *a = p->attr;
    const struct ocelli_shape *x = &p->in[0].shape;
    int axis = x->rank - 1 - a->behind, behind = 1;
    int64_t n = shape_count(x) / x->dim[axis];
    for (int d = axis + 1; d < x->rank; d++)
        behind *= (int)x->dim[d];
    if (a->log)
        launch_define(k, "LOG");
    launch_int(k, "classes", (int)x->dim[axis]);
    if (behind == 1) {
        launch_rows(k, caps, group, (size_t)n);
        return;
    }
    if (k)
        k->kernel = columns;
    launch_int(k, "behind", behind);
    launch_int(k, "n", (int)n);
    launch_grid1(k, (size_t)n, (size_t)MIN(caps->max_group, 64));
}

static int softmax_infer(struct problem *p)
{
    int err = 0;
    TRY(check_softmax(p));
    p->out[0] = p->in[0];
out:
    return err;
}

static struct cost softmax_cost(const struct problem *p)
{
    return (struct cost){.flops = 5 * (double)shape_count(&p->in[0].shape)};
}

static int softmax_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    dx[0] = graph_add(g, &op_softmax_bwd, n->attr, (const int[]){dy[0], n->out[0]});
    return g->status;
}

static int softmax_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                            struct launches *l)
{
    struct launch *k = launch_add(l, "softmax_ref", "softmax_ref");
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_softmax(k, "softmax_ref_columns", p, caps, tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref",
     .tunables = row_tunables,
     .defaults = row_defaults,
     .valid = row_valid,
     .plan = softmax_ref_plan},
    {0},
};

const struct op op_softmax = {
    .name = "softmax",
    .onnx = "Softmax, LogSoftmax",
    .in = {"x"},
    .out = {"y"},
    .attr_size = sizeof(struct softmax_attr),
    .attrs = softmax_attrs,
    .infer = softmax_infer,
    .cost = softmax_cost,
    .grad = softmax_grad,
    .variants = variants,
};
