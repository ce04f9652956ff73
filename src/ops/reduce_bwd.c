/* dx of reduce: dy, repeated, times the derivative that x and the result y lead to. */
#include "ops/attrs.h"
#include "ops/shared.h"

/* y's shape with the extents of 1 that keepdims would have left in it. */
static struct ocelli_shape kept_shape(const struct problem *p)
{
    const struct ocelli_reduce_params *a = p->attr;
    struct ocelli_shape s = p->in[1].shape;
    for (int d = 0; d < s.rank; d++)
        if (a->axes == 0 || (a->axes >> d & 1))
            s.dim[d] = 1;
    return s;
}

static int reduce_bwd_infer(struct problem *p)
{
    const struct ocelli_reduce_params *a = p->attr;
    int err = 0;
    TRY(check_floats(p));
    TRY(check_same(p, 0, 2));
    if (a->axes >> p->in[1].shape.rank)
        return fail(OCELLI_ERR_SHAPE, "reduce_bwd: axes %#x of %d dimensions", a->axes,
                    p->in[1].shape.rank);
    struct ocelli_shape kept = kept_shape(p);
    if (shape_count(&kept) != shape_count(&p->in[0].shape))
        return fail(OCELLI_ERR_SHAPE, "reduce_bwd: dy is not what x is reduced to");
    p->out[0] = p->in[1];
out:
    return err;
}

static int reduce_bwd_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                               struct launches *l)
{
    (void)caps;
    const struct ocelli_reduce_params *a = p->attr;
    struct ocelli_shape kept = kept_shape(p);
    struct nd d;
    nd_init(&d, &p->out[0].shape);
    nd_broadcast(&d, &kept);
    nd_collapse(&d);
    struct launch *k = launch_add(l, "reduce_bwd_ref", "reduce_bwd_ref");
    launch_define(k, "FUNCTION=slope_%s", reduce_attrs[0].words[a->kind - 1]);
    launch_out(k, "dx", 0);
    launch_in(k, "dy", 0);
    launch_in(k, "x", 1);
    launch_in(k, "y", 2);
    launch_float(k, "share",
                 (float)((double)shape_count(&kept) / (double)shape_count(&p->in[1].shape)));
    launch_nd(k, &d, tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = reduce_bwd_ref_plan},
    {0},
};

const struct op op_reduce_bwd = {
    .name = "reduce_bwd",
    .in = {"dy", "x", "y"},
    .out = {"dx"},
    .attr_size = sizeof(struct ocelli_reduce_params),
    .attrs = reduce_attrs,
    .infer = reduce_bwd_infer,
    .variants = variants,
};
