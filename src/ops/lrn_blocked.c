/* lrn on blocked channels (ops/conv2d_blocked.h). An operation of its own, for lrn itself takes
 * tensors of any rank. */
#include "ops/conv2d_blocked.h"
#include "ops/shared.h"

static int infer(struct problem *p)
{
    int err;
    TRY(check_floats(p));
    TRY(check_rank(p, 0, 5));
    if (!block_is_legal(p->in[0].shape.dim[4]))
        return fail(OCELLI_ERR_SHAPE, "lrn_blocked: a block is 4, 8 or 16 channels");
    p->out[0] = p->in[0];
out:
    return err;
}

static struct cost cost(const struct problem *p)
{
    const struct ocelli_lrn_params *a = p->attr;
    return (struct cost){.flops = (2.0 * a->size + 5) * (double)shape_count(&p->in[0].shape)};
}

/* Blocks and pixels; the window's arguments. */
static void launch_window(struct launch *k, const struct problem *p)
{
    const int64_t *d = p->in[0].shape.dim;
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_int(k, "blocks", (int)d[1]);
    launch_lrn_window(k, p->attr, (int)(d[2] * d[3]));
}

/* ---- rows ---- */

static bool rows_applicable(const struct problem *p, const struct caps *caps)
{
    const struct ocelli_lrn_params *a = p->attr;
    return caps->cpu_style && a->size / 2 <= p->in[0].shape.dim[4];
}

#define PIXELS 256 /* a work-item: about 5 us */

static int rows_plan(const struct problem *p, const struct caps *caps, const int *tv,
                     struct launches *l)
{
    (void)caps, (void)tv;
    const int64_t *d = p->in[0].shape.dim;
    struct launch *k = launch_add(l, "lrn_blocked_rows", "lrn_blocked_rows");
    launch_define(k, "VW=%d", (int)d[4]);
    launch_window(k, p);
    launch_int(k, "pixels", PIXELS);
    launch_grid2(k, div_up((size_t)(d[2] * d[3]), PIXELS), (size_t)(d[0] * d[1]), 1, 1);
    return l->err;
}

/* ---- ref ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    (void)caps;
    const size_t n = (size_t)shape_count(&p->out[0].shape);
    struct launch *k = launch_add(l, "lrn_blocked_ref", "lrn_blocked_ref");
    launch_define(k, "BLOCK=%d", (int)p->in[0].shape.dim[4]);
    launch_window(k, p);
    launch_int(k, "n", (int)n);
    launch_grid1(k, n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "rows", .applicable = rows_applicable, .plan = rows_plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_lrn_blocked = {
    .name = "lrn_blocked",
    .in = {"x"},
    .out = {"y"},
    .attr_size = sizeof(struct ocelli_lrn_params),
    .attrs = lrn_attrs,
    .infer = infer,
    .cost = cost,
    .variants = variants,
};
