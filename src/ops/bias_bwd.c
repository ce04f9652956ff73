/* db[c] = the sum of dy over everything but dimension 1. */
#include "ops/attrs.h"
#include "ops/blocks.h"
#include "ops/shared.h"

static const struct attr attrs[] = {BLOCKS_CHANNELS_ATTR(struct channels_attr), ATTR_END};

static int channels_in_blocks(const struct problem *p)
{
    return ((const struct channels_attr *)p->attr)->channels;
}

static int bias_bwd_infer(struct problem *p)
{
    int64_t channels;
    int err = 0;
    TRY(check_floats(p));
    TRY(check_blocked(p, 0, channels_in_blocks(p), &channels));
    p->out[0] = (struct desc){OCELLI_F32, {1, {channels}}};
out:
    return err;
}

static struct cost bias_bwd_cost(const struct problem *p)
{
    return (struct cost){.flops = (double)shape_count(&p->in[0].shape)};
}

/* ---- ref, which scale_bwd shares ---- */

/* CHUNK: how many elements one work-item or work-group adds up. A channel's N x S elements are cut
 * into chunks, whose sums a second launch adds in order. Chunks depend on the problem alone, so
 * that the result does not depend on the number of cores. */
enum { TV_ROW_GROUP, TV_CHUNK };
const struct tunable channel_sum_tunables[] = {
    {"ROW_GROUP", (const int[]){1, 64, 256, 0}},
    {"CHUNK", (const int[]){4096, 1024, 16384, 0}},
    {0},
};

void channel_sum_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    (void)p;
    tv[TV_ROW_GROUP] = caps->cpu_style || caps->max_group < 256 ? 1 : 256;
    tv[TV_CHUNK] = 4096;
}

/* Channels side by side (S 1) are columns: a work-item adds up one, or a vector of them. */
static void plan_columns(struct launch *k, const struct caps *caps, const struct channels *e,
                         int group, int chunk, size_t chunks)
{
    int vw = caps->vector_width == 8 || caps->vector_width == 16 ? caps->vector_width : 4;
    launch_int(k, "rows", e->n);
    launch_int(k, "channels", e->c);
    launch_define(k, "CHUNK=%d", chunk);
    if (group == 1) {
        launch_define(k, "VW=%d", vw);
        launch_grid2(k, div_up((size_t)e->c, (size_t)vw), chunks, 1, 1);
    } else {
        launch_grid2(k, (size_t)e->c, chunks, (size_t)group, 1);
    }
}

static void plan_rows(struct launch *k, const struct caps *caps, const struct channels *e,
                      const struct blocks *b, int group, int chunk, size_t chunks)
{
    launch_define(k, "BLOCK=%d", b->v);
    launch_int(k, "rows", e->n);
    launch_int(k, "channels", e->c);
    launch_int(k, "blocks", b->blocks);
    launch_int(k, "spatial", e->s);
    launch_define(k, "CHUNK=%d", chunk);
    launch_rows(k, caps, group, (size_t)e->c * chunks);
}

int channel_sum_plan(const struct problem *p, const struct caps *caps, const int *tv, bool product,
                     struct launches *l)
{
    struct channels e = channels_of(&p->in[0]);
    struct blocks b = {.v = 1, .blocks = e.c};
    const bool blocked =
        blocks_of(&p->in[0].shape, shape_count(&p->out[0].shape), &b);
    if (blocked)
        e = (struct channels){b.n, b.channels, b.area};
    bool columns = e.s == 1 && !blocked;
    /* A column's chunk is shorter, for a work-item has it for itself. */
    int chunk = columns ? tv[TV_CHUNK] / 16 : tv[TV_CHUNK];
    size_t chunks = div_up((size_t)e.n * (size_t)e.s, (size_t)chunk);

    struct launch *k =
        launch_add(l, "bias_bwd_ref", columns ? "bias_bwd_ref_columns" : "bias_bwd_ref_rows");
    if (chunks == 1) {
        launch_out(k, "db", 0);
    } else {
        int part = launch_scratch(l, chunks * (size_t)e.c * sizeof(float));
        launch_buffer(k, "db", REF_SCRATCH, part, ACCESS_WRITE);
    }
    launch_in(k, "dy", 0);
    if (product) {
        launch_define(k, "PRODUCT");
        launch_in(k, "x", 1);
    }
    const size_t sum_group = tv[TV_ROW_GROUP] > 1 ? MIN(caps->max_group, (size_t)64) : 1;
    if (sum_group > 1)
        launch_define(k, "SUM_GROUP=%zu", sum_group);
    if (columns)
        plan_columns(k, caps, &e, tv[TV_ROW_GROUP], chunk, chunks);
    else
        plan_rows(k, caps, &e, &b, tv[TV_ROW_GROUP], chunk, chunks);
    if (chunks == 1)
        return l->err;

    k = launch_add(l, "bias_bwd_ref", "bias_bwd_ref_sum");
    if (k)
        text_add(&k->defines, "%s", l->item[0].defines.s); /* of one program with the first */
    launch_out(k, "db", 0);
    launch_buffer(k, "part", REF_SCRATCH, 0, ACCESS_READ);
    launch_int(k, "channels", e.c);
    launch_int(k, "chunks", (int)chunks);
    if (sum_group > 1)
        launch_grid1(k, (size_t)e.c * sum_group, sum_group);
    else
        launch_grid1(k, (size_t)e.c, MIN(caps->max_group, (size_t)16));
    return l->err;
}

/* ---- blocked, which batchnorm_sums shares ---- */

static void launch_sums(struct launch *k, bool product, bool whole)
{
    if (product)
        launch_define(k, "PRODUCT");
    for (int i = 0; i <= product; i++) {
        const char *name = i == product ? "db" : "ds";
        if (whole)
            launch_out(k, name, i);
        else
            launch_buffer(k, name, REF_SCRATCH, i, ACCESS_WRITE);
    }
}

int blocks_sum_plan(const struct problem *p, const struct blocks *b, bool product, float epsilon,
                    struct launches *l)
{
    const struct parts t = parts_of(b);
    const size_t bytes = (size_t)t.count * (size_t)b->blocks * (size_t)b->v * sizeof(float);
    struct launch *k = launch_add(l, "bias_bwd_blocked", "bias_bwd_blocked");
    for (int i = 0; t.count > 1 && i <= product; i++)
        launch_scratch(l, bytes);
    launch_sums(k, product, t.count == 1);
    for (int i = 0; i < op_inputs(p->op); i++)
        launch_in(k, p->op->in[i], i);
    if (product)
        launch_float(k, "epsilon", epsilon);
    launch_parts(k, b, &t);
    launch_grid2(k, (size_t)b->blocks, (size_t)t.count, 1, 1);
    if (t.count == 1)
        return l->err;
    k = launch_add(l, "bias_bwd_blocked", "bias_bwd_blocked_sum");
    launch_define(k, "VW=%d", b->v);
    launch_sums(k, product, true);
    for (int i = 0; i <= product; i++)
        launch_buffer(k, i == product ? "part_b" : "part_s", REF_SCRATCH, i, ACCESS_READ);
    if (product) {
        launch_in(k, "variance", 3);
        launch_float(k, "epsilon", epsilon);
    }
    launch_int(k, "blocks", b->blocks);
    launch_int(k, "channels", b->channels);
    launch_int(k, "parts", t.count);
    launch_grid1(k, (size_t)b->blocks, 1);
    return l->err;
}

static bool blocked_applicable(const struct problem *p, const struct caps *caps)
{
    struct blocks b;
    return caps->cpu_style && blocks_of(&p->in[0].shape, channels_in_blocks(p), &b);
}

static int blocked_plan(const struct problem *p, const struct caps *caps, const int *tv,
                        struct launches *l)
{
    (void)caps, (void)tv;
    struct blocks b = {0};
    blocks_of(&p->in[0].shape, channels_in_blocks(p), &b);
    return blocks_sum_plan(p, &b, false, 0, l);
}

/* ---- ref ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    return channel_sum_plan(p, caps, tv, false, l);
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

const struct op op_bias_bwd = {
    .name = "bias_bwd",
    .in = {"dy"},
    .out = {"db"},
    .attr_size = sizeof(struct channels_attr),
    .attrs = attrs,
    .infer = bias_bwd_infer,
    .cost = bias_bwd_cost,
    .variants = variants,
};
