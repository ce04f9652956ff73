/* ds[c] = the sum of dy * x over everything but dimension 1. Its kernel is bias_bwd_ref with
 * PRODUCT. */
#include "ops/shared.h"

static int scale_bwd_infer(struct problem *p)
{
    char a[SHAPE_TEXT];
    const struct ocelli_shape *s = &p->in[0].shape;
    int err = 0;
    TRY(check_floats(p));
    TRY(check_same(p, 0, 1));
    if (s->rank < 2)
        return fail(OCELLI_ERR_SHAPE, "scale_bwd: dy is %s, which has no channels",
                    shape_text(s, a));
    p->out[0] = (struct desc){OCELLI_F32, {1, {s->dim[1]}}};
out:
    return err;
}

static struct cost scale_bwd_cost(const struct problem *p)
{
    return (struct cost){.flops = 2 * (double)shape_count(&p->in[0].shape)};
}

static int scale_bwd_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                              struct launches *l)
{
    return channel_sum_plan(p, caps, tv, true, l);
}

static const struct variant variants[] = {
    {.name = "ref",
     .tunables = channel_sum_tunables,
     .defaults = channel_sum_defaults,
     .valid = element_valid,
     .plan = scale_bwd_ref_plan},
    {0},
};

const struct op op_scale_bwd = {
    .name = "scale_bwd",
    .in = {"dy", "x"},
    .out = {"ds"},
    .infer = scale_bwd_infer,
    .cost = scale_bwd_cost,
    .variants = variants,
};
