/* Sums, extremes and the like over some of the dimensions. */
#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/shared.h"

static const char *const words[] = {"sum", "mean",       "max",     "min",         "prod", "l1",
                                    "l2",  "sum_square", "log_sum", "log_sum_exp", NULL};

const struct attr reduce_attrs[] = {
    {.name = "kind", .type = ATTR_ENUM, .offset = offsetof(struct ocelli_reduce_params, kind),
     .count = 1, .words = words, .min = 1},
    {.name = "axes", .type = ATTR_INT, .offset = offsetof(struct ocelli_reduce_params, axes),
     .count = 1, .max = (1 << OCELLI_MAX_RANK) - 1},
    {.name = "keepdims", .type = ATTR_BOOL,
     .offset = offsetof(struct ocelli_reduce_params, keepdims), .count = 1},
    ATTR_END,
};

static bool is_reduced(const struct ocelli_reduce_params *a, int d)
{
    return a->axes == 0 || (a->axes >> d & 1);
}

static bool needs_float(int kind)
{
    return kind == OCELLI_REDUCE_L2 || kind == OCELLI_REDUCE_LOG_SUM ||
           kind == OCELLI_REDUCE_LOG_SUM_EXP;
}

static int reduce_infer(struct problem *p)
{
    const struct ocelli_reduce_params *a = p->attr;
    const struct ocelli_shape *x = &p->in[0].shape;
    struct ocelli_shape *y = &p->out[0].shape;
    if (a->axes >> x->rank)
        return fail(OCELLI_ERR_SHAPE, "reduce: axes %#x of %d dimensions", a->axes, x->rank);
    if (needs_float(a->kind) && !dtype_is_float(p->in[0].dtype))
        return fail(OCELLI_ERR_SHAPE, "reduce: %s of %s", words[a->kind - 1],
                    dtype_name(p->in[0].dtype));
    p->out[0] = (struct desc){.dtype = p->in[0].dtype};
    for (int d = 0; d < x->rank; d++) {
        if (!is_reduced(a, d))
            y->dim[y->rank++] = x->dim[d];
        else if (a->keepdims)
            y->dim[y->rank++] = 1;
    }
    return 0;
}

static struct cost reduce_cost(const struct problem *p)
{
    return (struct cost){.flops = (double)shape_count(&p->in[0].shape)};
}

static int reduce_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    dx[0] = graph_add(g, &op_reduce_bwd, n->attr, (const int[]){dy[0], n->in[0], n->out[0]});
    return g->status;
}

/* ---- Variants ---- */

/* The dimensions that stay and those that go, with x's strides. */
static void split(const struct problem *p, struct nd *kept, struct nd *gone)
{
    const struct ocelli_shape *x = &p->in[0].shape;
    *kept = *gone = (struct nd){.n = 1};
    int64_t step = 1;
    int64_t stride[OCELLI_MAX_RANK];
    for (int d = x->rank - 1; d >= 0; d--) {
        stride[d] = step;
        step *= x->dim[d];
    }
    for (int d = 0; d < x->rank; d++) {
        struct nd *to = is_reduced(p->attr, d) ? gone : kept;
        to->stride[0][to->shape.rank] = stride[d];
        to->shape.dim[to->shape.rank++] = x->dim[d];
    }
    nd_collapse(kept);
    nd_collapse(gone);
}

static struct launch *add_launch(const struct problem *p, const char *kernel, int group,
                                 struct launches *l)
{
    static const char *const extent[] = {"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"};
    static const char *const stride[] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"};
    const struct ocelli_reduce_params *a = p->attr;
    struct nd kept, gone;
    split(p, &kept, &gone);
    struct launch *k = launch_add(l, "reduce_ref", kernel);
    launch_type(k, "T", p->in[0].dtype);
    launch_define(k, "REDUCE_%s", words[a->kind - 1]);
    launch_define(k, "RED=%d", gone.shape.rank);
    if (gone.shape.rank == 1 && gone.stride[0][0] == 1)
        launch_define(k, "DENSE");
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_int(k, "count", (int)shape_count(&gone.shape));
    for (int d = 0; d < gone.shape.rank; d++)
        launch_int(k, extent[d], (int)gone.shape.dim[d]);
    for (int d = 0; d < gone.shape.rank; d++)
        launch_int(k, stride[d], (int)gone.stride[0][d]);
    launch_nd(k, &kept, group);
    return k;
}

/* The innermost dimension goes: a work-group takes a result together. */
static bool rows_applicable(const struct problem *p, const struct caps *caps)
{
    struct nd kept, gone;
    split(p, &kept, &gone);
    return types_fit(p, caps) && gone.stride[0][gone.shape.rank - 1] == 1 &&
           shape_count(&gone.shape) > 1;
}

static int reduce_rows_plan(const struct problem *p, const struct caps *caps, const int *tv,
                            struct launches *l)
{
    struct launch *k = add_launch(p, "reduce_ref_rows", 1, l);
    launch_rows(k, caps, tv[0], (size_t)shape_count(&p->out[0].shape));
    return l->err;
}

static int reduce_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                           struct launches *l)
{
    (void)caps;
    add_launch(p, "reduce_ref", tv[0], l);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "rows", .tunables = row_tunables, .defaults = row_defaults,
     .applicable = rows_applicable, .valid = row_valid, .plan = reduce_rows_plan},
    {.name = "ref", .tunables = element_tunables, .applicable = types_fit, .valid = element_valid,
     .plan = reduce_ref_plan},
    {0},
};

const struct op op_reduce = {
    .name = "reduce",
    .onnx = "ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceProd, ReduceL1, "
            "ReduceL2, ReduceSumSquare, ReduceLogSum, ReduceLogSumExp",
    .in = {"x"},
    .out = {"y"},
    .attr_size = sizeof(struct ocelli_reduce_params),
    .attrs = reduce_attrs,
    .infer = reduce_infer,
    .cost = reduce_cost,
    .grad = reduce_grad,
    .variants = variants,
};
