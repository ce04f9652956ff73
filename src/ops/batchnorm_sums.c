/* Sums over a channel for the gradients of batchnorm: dscale = sum dy (x - mean) / sqrt(variance +
 * epsilon), dshift = sum dy. In chunks or parts, whose sums a second launch adds in order. */
#include "ops/attrs.h"
#include "ops/batchnorm.h"
#include "ops/shared.h"

enum { IN_DY, IN_X, IN_MEAN, IN_VARIANCE };

static int batchnorm_sums_infer(struct problem *p)
{
    int err = 0;
    TRY(check_floats(p));
    TRY(check_same(p, IN_DY, IN_X));
    TRY(check_channels_of(p, IN_VARIANCE, IN_X));
    TRY(check_same(p, IN_MEAN, IN_VARIANCE));
    p->out[0] = p->out[1] = p->in[IN_VARIANCE];
out:
    return err;
}

static struct cost batchnorm_sums_cost(const struct problem *p)
{
    return (struct cost){.flops = 4 * (double)shape_count(&p->in[0].shape)};
}

static float epsilon_of(const struct problem *p)
{
    return ((const struct ocelli_batchnorm_params *)p->attr)->epsilon;
}

/* ---- blocked: the kernels of bias_bwd/blocked ---- */

static bool blocked_applicable(const struct problem *p, const struct caps *caps)
{
    struct blocks b;
    return caps->cpu_style && batchnorm_blocks(p, IN_VARIANCE, &b);
}

static int blocked_plan(const struct problem *p, const struct caps *caps, const int *tv,
                        struct launches *l)
{
    (void)caps, (void)tv;
    struct blocks b = {0};
    batchnorm_blocks(p, IN_VARIANCE, &b);
    return blocks_sum_plan(p, &b, true, epsilon_of(p), l);
}

/* ---- ref ---- */

enum { TV_ROW_GROUP, TV_CHUNK };

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    const int64_t *d = p->in[0].shape.dim;
    const struct channels e = channels_of(&p->in[0]);
    const int channels = (int)p->in[IN_VARIANCE].shape.dim[0];
    struct blocks b = {.v = 1};
    const bool blocked = batchnorm_blocks(p, IN_VARIANCE, &b);
    const int spatial = blocked ? b.area : e.s;
    const size_t chunks = div_up((size_t)e.n * (size_t)spatial, (size_t)tv[TV_CHUNK]);
    const size_t bytes = chunks * (size_t)channels * sizeof(float);
    const int ds = launch_scratch(l, bytes), db = launch_scratch(l, bytes);
    struct launch *k = launch_add(l, "batchnorm_sums_ref", "batchnorm_sums_ref");
    launch_define(k, "BLOCK=%d", b.v);
    launch_define(k, "CHUNK=%d", tv[TV_CHUNK]);
    launch_buffer(k, "dscale", REF_SCRATCH, ds, ACCESS_WRITE);
    launch_buffer(k, "dshift", REF_SCRATCH, db, ACCESS_WRITE);
    launch_in(k, "dy", IN_DY);
    launch_in(k, "x", IN_X);
    launch_in(k, "mean", IN_MEAN);
    launch_int(k, "rows", e.n);
    launch_int(k, "channels", channels);
    launch_int(k, "blocks", (int)d[1]);
    launch_int(k, "spatial", spatial);
    launch_rows(k, caps, tv[TV_ROW_GROUP], (size_t)channels * chunks);
    struct launch *sum = launch_add(l, "batchnorm_sums_ref", "batchnorm_sums_ref_sum");
    if (sum)
        text_add(&sum->defines, "%s", l->item[0].defines.s); /* of one program with the first */
    launch_out(sum, "dscale", 0);
    launch_out(sum, "dshift", 1);
    launch_buffer(sum, "part_scale", REF_SCRATCH, ds, ACCESS_READ);
    launch_buffer(sum, "part_shift", REF_SCRATCH, db, ACCESS_READ);
    launch_in(sum, "variance", IN_VARIANCE);
    launch_float(sum, "epsilon", epsilon_of(p));
    launch_int(sum, "channels", channels);
    launch_int(sum, "chunks", (int)chunks);
    launch_grid1(sum, (size_t)channels * (size_t)tv[TV_ROW_GROUP], (size_t)tv[TV_ROW_GROUP]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "blocked", .applicable = blocked_applicable, .plan = blocked_plan},
    {.name = "ref",
     .tunables = channel_sum_tunables,
     .defaults = channel_sum_defaults,
     .valid = element_valid,
     .plan = ref_plan},
    {0},
};

const struct op op_batchnorm_sums = {
    .name = "batchnorm_sums",
    .in = {"dy", "x", "mean", "variance"},
    .out = {"dscale", "dshift"},
    .attr_size = sizeof(struct ocelli_batchnorm_params),
    .attrs = batchnorm_attrs,
    .infer = batchnorm_sums_infer,
    .cost = batchnorm_sums_cost,
    .variants = variants,
};
