/* exp(x_c - max) / sum over the classes of each row. */
#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/shared.h"

static int softmax_infer(struct problem *p)
{
    int err = 0;
    TRY(check_floats(p));
    TRY(check_rank(p, 0, 2));
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
    dx[0] = graph_add(g, &op_softmax_bwd, NULL, (const int[]){dy[0], n->out[0]});
    return g->status;
}

static int softmax_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                            struct launches *l)
{
    const int64_t *dim = p->in[0].shape.dim;
    struct launch *k = launch_add(l, "softmax_ref", "softmax_ref");
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_int(k, "classes", (int)dim[1]);
    launch_rows(k, caps, tv[0], (size_t)dim[0]);
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
    .onnx = "Softmax",
    .in = {"x"},
    .out = {"y"},
    .infer = softmax_infer,
    .cost = softmax_cost,
    .grad = softmax_grad,
    .variants = variants,
};
