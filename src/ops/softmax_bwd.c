/* dx_c = y_c (dy_c - sum_j dy_j y_j), y the result of softmax; dy_c - exp(y_c) sum_j dy_j where that is a
 * logarithm. */
#include "ops/attrs.h"
#include "ops/shared.h"

static int softmax_bwd_infer(struct problem *p)
{
    int err = 0;
    TRY(check_softmax(p));
    TRY(check_same(p, 0, 1));
    p->out[0] = p->in[0];
out:
    return err;
}

static struct cost softmax_bwd_cost(const struct problem *p)
{
    return (struct cost){.flops = 4 * (double)shape_count(&p->in[0].shape)};
}

static int softmax_bwd_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                                struct launches *l)
{
    struct launch *k = launch_add(l, "softmax_bwd_ref", "softmax_bwd_ref");
    launch_out(k, "dx", 0);
    launch_in(k, "dy", 0);
    launch_in(k, "y", 1);
    launch_softmax(k, "softmax_bwd_ref_columns", p, caps, tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref",
     .tunables = row_tunables,
     .defaults = row_defaults,
     .valid = row_valid,
     .plan = softmax_bwd_ref_plan},
    {0},
};

const struct op op_softmax_bwd = {
    .name = "softmax_bwd",
    .in = {"dy", "y"},
    .out = {"dx"},
    .attr_size = sizeof(struct softmax_attr),
    .attrs = softmax_attrs,
    .infer = softmax_bwd_infer,
    .cost = softmax_bwd_cost,
    .variants = variants,
};
