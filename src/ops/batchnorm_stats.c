/* Mean and variance (divided by the count) of each channel. */
#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/shared.h"

static int batchnorm_stats_infer(struct problem *p)
{
    int err = 0;
    char s[SHAPE_TEXT];
    TRY(check_floats(p));
    if (p->in[0].shape.rank < 2)
        return fail(OCELLI_ERR_SHAPE, "batchnorm_stats: x is %s, which has no channels",
                    shape_text(&p->in[0].shape, s));
    p->out[0] = p->out[1] = (struct desc){OCELLI_F32, {1, {p->in[0].shape.dim[1]}}};
out:
    return err;
}

static struct cost batchnorm_stats_cost(const struct problem *p)
{
    return (struct cost){.flops = 4 * (double)shape_count(&p->in[0].shape)};
}

static int batchnorm_stats_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    dx[0] = graph_add(g, &op_batchnorm_stats_bwd, NULL,
                      (const int[]){n->in[0], n->out[0], dy[0], dy[1]});
    return g->status;
}

static int batchnorm_stats_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                                    struct launches *l)
{
    struct channels x = channels_of(&p->in[0]);
    struct launch *k = launch_add(l, "batchnorm_stats_ref", "batchnorm_stats_ref");
    launch_out(k, "mean", 0);
    launch_out(k, "variance", 1);
    launch_in(k, "x", 0);
    launch_int(k, "images", x.n);
    launch_int(k, "channels", x.c);
    launch_int(k, "area", x.s);
    launch_rows(k, caps, tv[0], (size_t)x.c);
    return l->err;
}

/* ---- split: two stages, on graphics processors ---- */

static const struct tunable split_tunables[] = {
    {"ROW_GROUP", (const int[]){256, 128, 64, 0}},
    {"CHUNK", (const int[]){4096, 2048, 1024, 0}},
    {0},
};

static bool split_applicable(const struct problem *p, const struct caps *caps)
{
    (void)p;
    return !caps->cpu_style;
}

/* Where a work-group a channel would be long at it. */
static bool split_pays(const struct problem *p, const struct caps *caps)
{
    const struct channels x = channels_of(&p->in[0]);
    (void)caps;
    return (int64_t)x.n * x.s >= 8192 && x.s > 1;
}

static bool split_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    return tv[0] >= 1 && tv[1] >= tv[0] && tv[1] % tv[0] == 0 && row_valid(p, caps, tv);
}

static int split_plan(const struct problem *p, const struct caps *caps, const int *tv,
                      struct launches *l)
{
    const struct channels x = channels_of(&p->in[0]);
    const size_t chunks = div_up((size_t)x.n * (size_t)x.s, (size_t)tv[1]);
    const int part = launch_scratch(l, 2 * (size_t)x.c * chunks * sizeof(float));
    for (int stage = 0; stage < 2; stage++) {
        struct launch *k =
            launch_add(l, "batchnorm_stats_split",
                       stage == 0 ? "batchnorm_stats_split" : "batchnorm_stats_split_join");
        launch_define(k, "CHUNK=%d", tv[1]);
        if (stage == 0) {
            launch_buffer(k, "part", REF_SCRATCH, part, ACCESS_WRITE);
            launch_in(k, "x", 0);
        } else {
            launch_out(k, "mean", 0);
            launch_out(k, "variance", 1);
            launch_buffer(k, "part", REF_SCRATCH, part, ACCESS_READ);
        }
        launch_int(k, "images", x.n);
        launch_int(k, "channels", x.c);
        launch_int(k, "area", x.s);
        launch_int(k, "chunks", (int)chunks);
        launch_rows(k, caps, tv[0], (size_t)x.c * (stage == 0 ? chunks : 1));
    }
    return l->err;
}

static const struct variant variants[] = {
    {.name = "split", .tunables = split_tunables, .applicable = split_applicable,
     .pays = split_pays, .valid = split_valid, .plan = split_plan},
    {.name = "ref", .tunables = row_tunables, .defaults = row_defaults, .valid = row_valid,
     .plan = batchnorm_stats_ref_plan},
    {0},
};

const struct op op_batchnorm_stats = {
    .name = "batchnorm_stats",
    .in = {"x"},
    .out = {"mean", "variance"},
    .infer = batchnorm_stats_infer,
    .cost = batchnorm_stats_cost,
    .grad = batchnorm_stats_grad,
    .variants = variants,
};
