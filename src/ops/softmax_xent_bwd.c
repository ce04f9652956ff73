/* dx_nc = dloss_n (softmax(x_n)_c - (1 - s) [c = label_n] - s / C), s being the smoothing, the probabilities computed again instead of
 * kept. */
#include "ops/attrs.h"
#include "ops/shared.h"

static int softmax_xent_bwd_infer(struct problem *p)
{
    char a[SHAPE_TEXT];
    const struct desc *d = &p->in[2];
    int err = check_labels(p, 1, 0);
    if (err)
        return err;
    if (d->dtype != OCELLI_F32 || !shape_equal(&d->shape, &p->in[1].shape))
        return fail(OCELLI_ERR_SHAPE, "softmax_xent_bwd: dloss is %s %s, not an f32 for each label",
                    dtype_name(d->dtype), shape_text(&d->shape, a));
    p->out[0] = p->in[0];
    return 0;
}

static struct cost softmax_xent_bwd_cost(const struct problem *p)
{
    return (struct cost){.flops = 6 * (double)shape_count(&p->in[0].shape)};
}

static int softmax_xent_bwd_ref_plan(const struct problem *p, const struct caps *caps,
                                     const int *tv, struct launches *l)
{
    const int64_t *dim = p->in[0].shape.dim;
    struct launch *k = launch_add(l, "softmax_xent_bwd_ref", "softmax_xent_bwd_ref");
    launch_out(k, "dx", 0);
    launch_in(k, "x", 0);
    launch_in(k, "labels", 1);
    launch_in(k, "dloss", 2);
    launch_int(k, "classes", (int)dim[1]);
    launch_smoothing(k, p);
    launch_rows(k, caps, tv[0], (size_t)dim[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref",
     .tunables = row_tunables,
     .defaults = row_defaults,
     .valid = row_valid,
     .plan = softmax_xent_bwd_ref_plan},
    {0},
};

const struct op op_softmax_xent_bwd = {
    .name = "softmax_xent_bwd",
    .in = {"x", "labels", "dloss"},
    .out = {"dx"},
    .attr_size = sizeof(struct softmax_xent_attr),
    .attrs = softmax_xent_attrs,
    .infer = softmax_xent_bwd_infer,
    .cost = softmax_xent_bwd_cost,
    .variants = variants,
};
