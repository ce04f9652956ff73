/* Mean and variance (divided by the count) of each channel. */
#include "ops/attrs.h"
#include "ops/blocks.h"
#include "ops/graph.h"
#include "ops/shared.h"

static const struct attr attrs[] = {BLOCKS_CHANNELS_ATTR(struct channels_attr), ATTR_END};

static int batchnorm_stats_infer(struct problem *p)
{
    int err = 0;
    int64_t channels;
    TRY(check_floats(p));
    TRY(check_blocked(p, 0, ((const struct channels_attr *)p->attr)->channels, &channels));
    p->out[0] = p->out[1] = (struct desc){OCELLI_F32, {1, {channels}}};
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

static bool blocked_of(const struct problem *p, struct blocks *b)
{
    const int channels = ((const struct channels_attr *)p->attr)->channels;
    return channels && blocks_of(&p->in[0].shape, channels, b);
}

/* ---- blocked ---- */

static bool blocked_applicable(const struct problem *p, const struct caps *caps)
{
    struct blocks b;
    return caps->cpu_style && blocked_of(p, &b);
}

static int blocked_plan(const struct problem *p, const struct caps *caps, const int *tv,
                        struct launches *l)
{
    (void)caps, (void)tv;
    struct blocks b = {0};
    blocked_of(p, &b);
    const struct parts t = parts_of(&b);
    struct launch *k = launch_add(l, "batchnorm_stats_blocked", "batchnorm_stats_blocked");
    if (t.count == 1) {
        launch_out(k, "mean", 0);
        launch_out(k, "variance", 1);
    } else {
        const size_t bytes = (size_t)t.count * (size_t)b.blocks * (size_t)b.v * sizeof(float);
        launch_buffer(k, "mean", REF_SCRATCH, launch_scratch(l, bytes), ACCESS_WRITE);
        launch_buffer(k, "variance", REF_SCRATCH, launch_scratch(l, bytes), ACCESS_WRITE);
    }
    launch_in(k, "x", 0);
    launch_parts(k, &b, &t);
    launch_grid2(k, (size_t)b.blocks, (size_t)t.count, 1, 1);
    if (t.count == 1)
        return l->err;
    k = launch_add(l, "batchnorm_stats_blocked", "batchnorm_stats_blocked_join");
    launch_out(k, "mean", 0);
    launch_out(k, "variance", 1);
    launch_buffer(k, "part_mean", REF_SCRATCH, 0, ACCESS_READ);
    launch_buffer(k, "part_square", REF_SCRATCH, 1, ACCESS_READ);
    launch_parts(k, &b, &t);
    launch_int(k, "parts", t.count);
    launch_grid1(k, (size_t)b.blocks, 1);
    return l->err;
}

/* ---- ref ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    const struct channels x = channels_of(&p->in[0]);
    struct blocks b = {.v = 1};
    const bool blocked = blocked_of(p, &b);
    struct launch *k = launch_add(l, "batchnorm_stats_ref", "batchnorm_stats_ref");
    launch_define(k, "BLOCK=%d", b.v);
    launch_out(k, "mean", 0);
    launch_out(k, "variance", 1);
    launch_in(k, "x", 0);
    launch_int(k, "images", x.n);
    launch_int(k, blocked ? "blocks" : "channels", x.c);
    launch_int(k, "area", blocked ? b.area : x.s);
    if (blocked) {
        launch_int(k, "channels", b.channels);
        launch_grid1(k, (size_t)b.channels, MIN(caps->max_group, (size_t)16));
    } else {
        launch_rows(k, caps, tv[0], (size_t)x.c);
    }
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
    struct blocks b;
    return !caps->cpu_style && !blocked_of(p, &b);
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
    {.name = "blocked", .applicable = blocked_applicable, .plan = blocked_plan},
    {.name = "split",
     .tunables = split_tunables,
     .applicable = split_applicable,
     .pays = split_pays,
     .valid = split_valid,
     .plan = split_plan},
    {.name = "ref",
     .tunables = row_tunables,
     .defaults = row_defaults,
     .valid = row_valid,
     .plan = ref_plan},
    {0},
};

const struct op op_batchnorm_stats = {
    .name = "batchnorm_stats",
    .in = {"x"},
    .out = {"mean", "variance"},
    .attr_size = sizeof(struct channels_attr),
    .attrs = attrs,
    .infer = batchnorm_stats_infer,
    .cost = batchnorm_stats_cost,
    .grad = batchnorm_stats_grad,
    .variants = variants,
};
