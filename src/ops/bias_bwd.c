/* db[c] = the sum of dy over everything but dimension 1. */
#include "ops/shared.h"

static int bias_bwd_infer(struct problem *p)
{
    char a[SHAPE_TEXT];
    const struct ocelli_shape *s = &p->in[0].shape;
    int err = check_floats(p);
    if (err)
        return err;
    if (s->rank < 2)
        return fail(OCELLI_ERR_SHAPE, "bias_bwd: dy is %s, which has no channels",
                    shape_text(s, a));
    p->out[0] = (struct desc){OCELLI_F32, {1, {s->dim[1]}}};
    return 0;
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
                      int group, int chunk, size_t chunks)
{
    launch_int(k, "rows", e->n);
    launch_int(k, "channels", e->c);
    launch_int(k, "spatial", e->s);
    launch_define(k, "CHUNK=%d", chunk);
    launch_rows(k, caps, group, (size_t)e->c * chunks);
}

int channel_sum_plan(const struct problem *p, const struct caps *caps, const int *tv, bool product,
                     struct launches *l)
{
    struct channels e = channels_of(&p->in[0]);
    bool columns = e.s == 1;
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
    (columns ? plan_columns : plan_rows)(k, caps, &e, tv[TV_ROW_GROUP], chunk, chunks);
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

static int bias_bwd_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                             struct launches *l)
{
    return channel_sum_plan(p, caps, tv, false, l);
}

static const struct variant variants[] = {
    {.name = "ref",
     .tunables = channel_sum_tunables,
     .defaults = channel_sum_defaults,
     .valid = element_valid,
     .plan = bias_bwd_ref_plan},
    {0},
};

const struct op op_bias_bwd = {
    .name = "bias_bwd",
    .in = {"dy"},
    .out = {"db"},
    .infer = bias_bwd_infer,
    .cost = bias_bwd_cost,
    .variants = variants,
};
