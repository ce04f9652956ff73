/* y = a + b. */
#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/shared.h"

static int add_infer(struct problem *p)
{
    int err = 0;
    TRY(check_floats(p));
    TRY(check_same(p, 0, 1));
    p->out[0] = p->in[0];
out:
    return err;
}

static int add_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    (void)n;
    dx[0] = dx[1] = dy[0];
    return g->status;
}

static int add_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                        struct launches *l)
{
    (void)caps;
    struct launch *k = launch_add(l, "add_ref", "add_ref");
    launch_storage(k, p);
    launch_out(k, "y", 0);
    launch_in(k, "a", 0);
    launch_in(k, "b", 1);
    launch_channels(k, p, tv[0]);
    launch_epilogue(k, p);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = add_ref_plan},
    {0},
};

const struct op op_add = {
    .name = "add",
    .onnx = "Add",
    .in = {"a", "b"},
    .out = {"y"},
    .flags = OP_EPILOGUE | OP_INPLACE,
    .half = 3,
    .infer = add_infer,
    .grad = add_grad,
    .variants = variants,
};
