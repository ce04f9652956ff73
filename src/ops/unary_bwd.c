/* dx = dy * f'(..), the derivative computed from y: the result of the function or, where act_info says so,
 * its argument. */
#include "ops/shared.h"

static int unary_bwd_infer(struct problem *p)
{
    int err = 0;
    TRY(check_floats(p));
    TRY(check_same(p, 0, 1));
    p->out[0] = p->in[0];
out:
    return err;
}

static int unary_bwd_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                              struct launches *l)
{
    (void)caps;
    const struct ocelli_unary_params *a = p->attr;
    int n = (int)shape_count(&p->out[0].shape);
    struct launch *k = launch_add(l, "unary_bwd_ref", "unary_bwd_ref");
    launch_out(k, "dx", 0);
    launch_in(k, "dy", 0);
    launch_in(k, "y", 1);
    launch_int(k, "n", n);
    launch_grad(k, "FUNCTION", &(struct act){a->kind, a->alpha, a->beta});
    launch_grid1(k, (size_t)n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref",
     .tunables = element_tunables,
     .valid = element_valid,
     .plan = unary_bwd_ref_plan},
    {0},
};

const struct op op_unary_bwd = {
    .name = "unary_bwd",
    .in = {"dy", "y"},
    .out = {"dx"},
    .flags = OP_INPLACE,
    .attr_size = sizeof(struct ocelli_unary_params),
    .attrs = unary_attrs,
    .defaults = unary_defaults,
    .infer = unary_bwd_infer,
    .variants = variants,
};
