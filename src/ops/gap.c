/* Global average pooling: the mean of each feature map. */
#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/shared.h"

static int gap_infer(struct problem *p)
{
    int err = 0;
    TRY(check_floats(p));
    TRY(check_rank(p, 0, 4));
    const int64_t *x = p->in[0].shape.dim;
    p->out[0] = (struct desc){OCELLI_F32, {4, {x[0], x[1], 1, 1}}};
out:
    return err;
}

static struct cost gap_cost(const struct problem *p)
{
    return (struct cost){.flops = (double)shape_count(&p->in[0].shape)};
}

static int gap_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    const struct ocelli_shape *x = &g->value[n->in[0]].desc.shape;
    const struct gap_bwd_attr attr = {{(int)x->dim[2], (int)x->dim[3]}};
    dx[0] = graph_add(g, &op_gap_bwd, &attr, dy);
    return g->status;
}

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    const int64_t *x = p->in[0].shape.dim;
    struct launch *k = launch_add(l, "gap_ref", "gap_ref");
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_int(k, "channels", (int)x[1]);
    launch_int(k, "area", (int)(x[2] * x[3]));
    launch_epilogue(k, p);
    launch_rows(k, caps, tv[0], (size_t)(x[0] * x[1]));
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref",
     .tunables = row_tunables,
     .defaults = row_defaults,
     .valid = row_valid,
     .plan = ref_plan},
    {0},
};

const struct op op_gap = {
    .name = "gap",
    .onnx = "GlobalAveragePool",
    .in = {"x"},
    .out = {"y"},
    .flags = OP_EPILOGUE,
    .infer = gap_infer,
    .cost = gap_cost,
    .grad = gap_grad,
    .variants = variants,
};
