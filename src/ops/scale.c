/* y = x * s, one s a channel. */
#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/shared.h"

static int scale_infer(struct problem *p)
{
    int err = 0;
    TRY(check_floats(p));
    TRY(check_channels(p, 1, 0));
    p->out[0] = p->in[0];
out:
    return err;
}

static int scale_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    dx[0] = graph_add(g, &op_scale, NULL, (const int[]){dy[0], n->in[1]});
    dx[1] = graph_add(g, &op_scale_bwd, NULL, (const int[]){dy[0], n->in[0]});
    return g->status;
}

static int scale_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                          struct launches *l)
{
    (void)caps;
    struct launch *k = launch_add(l, "scale_ref", "scale_ref");
    launch_storage(k, p);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_in(k, "s", 1);
    launch_channels(k, p, tv[0]);
    launch_epilogue(k, p);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = scale_ref_plan},
    {0},
};

const struct op op_scale = {
    .name = "scale",
    .onnx = "Mul",
    .in = {"x", "s"},
    .out = {"y"},
    .flags = OP_EPILOGUE | OP_INPLACE,
    .half = 1,
    .infer = scale_infer,
    .grad = scale_grad,
    .variants = variants,
};
