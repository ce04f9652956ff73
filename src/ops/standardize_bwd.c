/* dx = r (dy - mean(dy) - u mean(dy u)), u = (x - mean) r, r = 1 / sqrt(variance + epsilon). */
#include "ops/attrs.h"
#include "ops/shared.h"

static int standardize_bwd_infer(struct problem *p)
{
    int err = 0;
    TRY(check_standardize(p));
    TRY(check_same(p, 0, 1));
    p->out[0] = p->in[0];
out:
    return err;
}

static struct cost standardize_bwd_cost(const struct problem *p)
{
    return (struct cost){.flops = 12 * (double)shape_count(&p->in[0].shape)};
}

static int standardize_bwd_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                                    struct launches *l)
{
    struct launch *k = launch_add(l, "standardize_bwd_ref", "standardize_bwd_ref");
    launch_out(k, "dx", 0);
    launch_in(k, "dy", 0);
    launch_in(k, "x", 1);
    launch_standardize(k, p, caps, tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = row_tunables, .defaults = row_defaults, .valid = row_valid,
     .plan = standardize_bwd_ref_plan},
    {0},
};

const struct op op_standardize_bwd = {
    .name = "standardize_bwd",
    .in = {"dy", "x"},
    .out = {"dx"},
    .attr_size = sizeof(struct ocelli_standardize_params),
    .attrs = standardize_attrs,
    .infer = standardize_bwd_infer,
    .cost = standardize_bwd_cost,
    .variants = variants,
};
