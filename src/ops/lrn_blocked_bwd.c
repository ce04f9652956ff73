/* lrn_bwd on blocked channels: see there for the formula. */
#include "ops/conv2d_blocked.h"
#include "ops/shared.h"

static int infer(struct problem *p)
{
    int err;
    TRY(check_floats(p));
    TRY(check_rank(p, 0, 5));
    TRY(check_same(p, 0, 1));
    if (!block_is_legal(p->in[0].shape.dim[4]))
        return fail(OCELLI_ERR_SHAPE, "lrn_blocked_bwd: a block is 4, 8 or 16 channels");
    p->out[0] = p->in[0];
out:
    return err;
}

static struct cost cost(const struct problem *p)
{
    const struct ocelli_lrn_params *a = p->attr;
    return (struct cost){.flops = (3.0 * a->size + 12) * (double)shape_count(&p->in[0].shape)};
}

static struct launch *launch_both(struct launches *l, const struct problem *p, const char *kernel)
{
    const int64_t *d = p->in[0].shape.dim;
    struct launch *k = launch_add(l, kernel, kernel);
    launch_out(k, "dx", 0);
    launch_in(k, "dy", 0);
    launch_in(k, "x", 1);
    launch_int(k, "blocks", (int)d[1]);
    launch_lrn_window(k, p->attr, (int)(d[2] * d[3]));
    return k;
}

/* ---- rows ---- */

#define MOST_BLOCKS 256 /* rows of floats on a work-item's stack */
#define PIXELS 32       /* a work-item: 10 to 50 us */

static bool rows_applicable(const struct problem *p, const struct caps *caps)
{
    const struct ocelli_lrn_params *a = p->attr;
    const int64_t *d = p->in[0].shape.dim;
    return caps->cpu_style && a->size / 2 <= d[4] && d[1] <= MOST_BLOCKS;
}

static int rows_plan(const struct problem *p, const struct caps *caps, const int *tv,
                     struct launches *l)
{
    (void)caps, (void)tv;
    const int64_t *d = p->in[0].shape.dim;
    struct launch *k = launch_both(l, p, "lrn_blocked_bwd_rows");
    launch_define(k, "VW=%d", (int)d[4]);
    launch_define(k, "BLOCKS=%d", (int)d[1]);
    launch_int(k, "pixels", PIXELS);
    launch_grid2(k, div_up((size_t)(d[2] * d[3]), PIXELS), (size_t)d[0], 1, 1);
    return l->err;
}

/* ---- ref ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    (void)caps;
    const size_t n = (size_t)shape_count(&p->out[0].shape);
    struct launch *k = launch_both(l, p, "lrn_blocked_bwd_ref");
    launch_define(k, "BLOCK=%d", (int)p->in[0].shape.dim[4]);
    launch_int(k, "n", (int)n);
    launch_grid1(k, n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "rows", .applicable = rows_applicable, .plan = rows_plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_lrn_blocked_bwd = {
    .name = "lrn_blocked_bwd",
    .in = {"dy", "x"},
    .out = {"dx"},
    .attr_size = sizeof(struct ocelli_lrn_params),
    .attrs = lrn_attrs,
    .infer = infer,
    .cost = cost,
    .variants = variants,
};
