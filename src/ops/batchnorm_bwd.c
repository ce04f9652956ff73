/* dx of batchnorm where mean and variance are x's own, with r = 1 / sqrt(variance + epsilon):
 * dx = scale r (dy - dshift / count - (x - mean) r dscale / count), dscale and dshift from
 * batchnorm_sums (Ioffe and Szegedy 2015, section 3). */
#include "ops/attrs.h"
#include "ops/batchnorm.h"
#include "ops/shared.h"

enum { IN_DY, IN_X, IN_SCALE, IN_MEAN, IN_VARIANCE, IN_DSCALE, IN_DSHIFT };

static int batchnorm_bwd_infer(struct problem *p)
{
    int err = 0;
    TRY(check_floats(p));
    TRY(check_same(p, IN_DY, IN_X));
    TRY(check_channels_of(p, IN_VARIANCE, IN_X));
    for (int i = IN_SCALE; i <= IN_DSHIFT; i++)
        if (p->in[i].shape.rank >= 0)
            TRY(check_same(p, i, IN_VARIANCE));
    p->out[0] = p->in[IN_X];
out:
    return err;
}

static struct cost batchnorm_bwd_cost(const struct problem *p)
{
    return (struct cost){.flops = 6 * (double)shape_count(&p->in[0].shape)};
}

/* The arguments up to share. */
static void launch_inputs(struct launch *k, const struct problem *p)
{
    const int64_t *d = p->in[IN_X].shape.dim;
    struct blocks b;
    double count = (double)shape_count(&p->in[IN_X].shape) / (double)d[1];
    if (batchnorm_blocks(p, IN_VARIANCE, &b))
        count = (double)b.n * b.area;
    launch_out(k, "dx", 0);
    launch_in(k, "dy", IN_DY);
    launch_in(k, "x", IN_X);
    if (p->in[IN_SCALE].shape.rank >= 0) {
        launch_define(k, "HAS_SCALE");
        launch_in(k, "scale", IN_SCALE);
    }
    launch_in(k, "mean", IN_MEAN);
    launch_in(k, "variance", IN_VARIANCE);
    launch_in(k, "dscale", IN_DSCALE);
    launch_in(k, "dshift", IN_DSHIFT);
    launch_float(k, "epsilon", ((const struct ocelli_batchnorm_params *)p->attr)->epsilon);
    launch_float(k, "share", (float)(1 / count));
}

static bool blocked_applicable(const struct problem *p, const struct caps *caps)
{
    struct blocks b;
    return caps->cpu_style && p->epi.bias < 0 && batchnorm_blocks(p, IN_VARIANCE, &b);
}

static int blocked_plan(const struct problem *p, const struct caps *caps, const int *tv,
                        struct launches *l)
{
    (void)tv;
    struct blocks b = {0};
    batchnorm_blocks(p, IN_VARIANCE, &b);
    struct launch *k = launch_add(l, "batchnorm_bwd_blocked", "batchnorm_bwd_blocked");
    launch_inputs(k, p);
    launch_planes(k, &b, caps);
    launch_epilogue(k, p);
    return l->err;
}

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    (void)caps;
    struct launch *k = launch_add(l, "batchnorm_bwd_ref", "batchnorm_bwd_ref");
    launch_inputs(k, p);
    batchnorm_define(k, p, IN_VARIANCE);
    launch_channels(k, p, tv[0]);
    launch_epilogue(k, p);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "blocked", .applicable = blocked_applicable, .plan = blocked_plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_batchnorm_bwd = {
    .name = "batchnorm_bwd",
    .in = {"dy", "x", "scale?", "mean", "variance", "dscale", "dshift"},
    .out = {"dx"},
    .flags = OP_EPILOGUE,
    .attr_size = sizeof(struct ocelli_batchnorm_params),
    .attrs = batchnorm_attrs,
    .infer = batchnorm_bwd_infer,
    .cost = batchnorm_bwd_cost,
    .variants = variants,
};
