/* dx = (dmean[c] + 2 (x - mean[c]) dvariance[c]) / count. */
#include "ops/attrs.h"
#include "ops/shared.h"

enum { IN_X, IN_MEAN, IN_DMEAN, IN_DVARIANCE };

static int batchnorm_stats_bwd_infer(struct problem *p)
{
    int err = 0;
    TRY(check_floats(p));
    for (int i = IN_MEAN; i <= IN_DVARIANCE; i++)
        if (p->in[i].shape.rank >= 0)
            TRY(check_channels(p, i, IN_X));
    p->out[0] = p->in[IN_X];
out:
    return err;
}

static int batchnorm_stats_bwd_ref_plan(const struct problem *p, const struct caps *caps,
                                        const int *tv, struct launches *l)
{
    (void)caps;
    struct channels x = channels_of(&p->in[0]);
    struct launch *k = launch_add(l, "batchnorm_stats_bwd_ref", "batchnorm_stats_bwd_ref");
    launch_out(k, "dx", 0);
    launch_in(k, "x", IN_X);
    launch_in(k, "mean", IN_MEAN);
    if (p->in[IN_DMEAN].shape.rank >= 0) {
        launch_define(k, "HAS_DMEAN");
        launch_in(k, "dmean", IN_DMEAN);
    }
    if (p->in[IN_DVARIANCE].shape.rank >= 0) {
        launch_define(k, "HAS_DVARIANCE");
        launch_in(k, "dvariance", IN_DVARIANCE);
    }
    launch_float(k, "share", (float)(1.0 / ((double)x.n * x.s)));
    launch_channels(k, p, tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid,
     .plan = batchnorm_stats_bwd_ref_plan},
    {0},
};

const struct op op_batchnorm_stats_bwd = {
    .name = "batchnorm_stats_bwd",
    .in = {"x", "mean", "dmean?", "dvariance?"},
    .out = {"dx"},
    .infer = batchnorm_stats_bwd_infer,
    .variants = variants,
};
