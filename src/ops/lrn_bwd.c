/* With d = bias + alpha / size sum x^2: dx_i = dy_i d_i^-beta - 2 alpha beta / size x_i sum_j dy_j x_j
 * d_j^(-beta - 1), j over the channels whose window has i. Two launches: the first leaves the factors of x_i's
 * sum in scratch memory. */
#include "ops/attrs.h"
#include "ops/shared.h"

static int lrn_bwd_infer(struct problem *p)
{
    int err = 0;
    TRY(check_lrn(p));
    TRY(check_same(p, 0, 1));
    p->out[0] = p->in[0];
out:
    return err;
}

static struct cost lrn_bwd_cost(const struct problem *p)
{
    const struct ocelli_lrn_params *a = p->attr;
    return (struct cost){.flops = (3.0 * a->size + 12) * (double)shape_count(&p->in[0].shape)};
}

static int lrn_bwd_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                            struct launches *l)
{
    (void)caps;
    int factor = launch_scratch(l, desc_bytes(&p->in[0]));
    struct launch *k = launch_add(l, "lrn_bwd_ref", "lrn_bwd_ref_factors");
    launch_out(k, "dx", 0);
    launch_buffer(k, "factor", REF_SCRATCH, factor, ACCESS_WRITE);
    launch_in(k, "dy", 0);
    launch_in(k, "x", 1);
    launch_lrn(k, p, tv[0]);
    k = launch_add(l, "lrn_bwd_ref", "lrn_bwd_ref");
    launch_buffer(k, "dx", REF_OUT, 0, ACCESS_READ_WRITE);
    launch_buffer(k, "factor", REF_SCRATCH, factor, ACCESS_READ);
    launch_in(k, "x", 1);
    launch_lrn(k, p, tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = lrn_bwd_ref_plan},
    {0},
};

const struct op op_lrn_bwd = {
    .name = "lrn_bwd",
    .in = {"dy", "x"},
    .out = {"dx"},
    .attr_size = sizeof(struct ocelli_lrn_params),
    .attrs = lrn_attrs,
    .infer = lrn_bwd_infer,
    .cost = lrn_bwd_cost,
    .variants = variants,
};
