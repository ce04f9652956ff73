/* Plain channels to blocked ones, and back. */
#include "ops/attrs.h"
#include "ops/conv2d_blocked.h"
#include "ops/shared.h"

static const struct attr attrs[] = {
    {.name = "block",
     .type = ATTR_INT,
     .offset = offsetof(struct reorder_attr, block),
     .count = 1,
     .min = 0,
     .max = 16},
    {.name = "channels",
     .type = ATTR_INT,
     .offset = offsetof(struct reorder_attr, channels),
     .count = 1,
     .min = 0,
     .max = CONV2D_MAX},
    ATTR_END,
};

static int infer(struct problem *p)
{
    const struct reorder_attr *a = p->attr;
    const int64_t *x = p->in[0].shape.dim;
    int err = 0;
    TRY(check_floats(p));
    if ((a->block > 0) == (a->channels > 0))
        return fail(OCELLI_ERR_INVALID, "reorder: either to a block or back to channels");
    TRY(check_rank(p, 0, a->block ? 4 : 5));
    if (!block_is_legal(a->block ? a->block : x[4]))
        return fail(OCELLI_ERR_SHAPE, "reorder: a block is 4, 8 or 16 channels");
    if (a->block) {
        const int64_t blocks = (x[1] + a->block - 1) / a->block;
        p->out[0] = (struct desc){OCELLI_F32, {5, {x[0], blocks, x[2], x[3], a->block}}};
        return 0;
    }
    if (a->channels > x[1] * x[4] || a->channels <= (x[1] - 1) * x[4])
        return fail(OCELLI_ERR_SHAPE, "reorder: %d channels in %lld blocks of %lld", a->channels,
                    (long long)x[1], (long long)x[4]);
    p->out[0] = (struct desc){OCELLI_F32, {4, {x[0], a->channels, x[2], x[3]}}};
out:
    return err;
}

/* The extents of a launch, whichever way it goes. */
static void launch_extents(struct launch *k, const struct problem *p)
{
    const struct reorder_attr *a = p->attr;
    const struct ocelli_shape *plain = a->block ? &p->in[0].shape : &p->out[0].shape;
    const struct ocelli_shape *blocked = a->block ? &p->out[0].shape : &p->in[0].shape;
    launch_define(k, a->block ? "TO_BLOCKS" : "TO_PLAIN");
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_int(k, "channels", (int)plain->dim[1]);
    launch_int(k, "blocks", (int)blocked->dim[1]);
    launch_int(k, "area", (int)(plain->dim[2] * plain->dim[3]));
}

/* ---- rows ---- */

static bool rows_applicable(const struct problem *p, const struct caps *caps)
{
    (void)p;
    return caps->cpu_style;
}

#define PIXELS 512 /* a work-item: 32 KiB in blocks of 16 */

static int rows_plan(const struct problem *p, const struct caps *caps, const int *tv,
                     struct launches *l)
{
    (void)caps, (void)tv;
    const struct reorder_attr *a = p->attr;
    const struct ocelli_shape *blocked = a->block ? &p->out[0].shape : &p->in[0].shape;
    const int64_t *d = blocked->dim;
    struct launch *k = launch_add(l, "reorder_rows", "reorder_rows");
    launch_define(k, "VW=%d", (int)d[4]);
    launch_extents(k, p);
    launch_int(k, "pixels", PIXELS);
    launch_grid2(k, div_up((size_t)(d[2] * d[3]), PIXELS), (size_t)(d[0] * d[1]), 1, 1);
    return l->err;
}

/* ---- ref ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    (void)caps;
    const struct reorder_attr *a = p->attr;
    const size_t n = (size_t)shape_count(&p->out[0].shape);
    struct launch *k = launch_add(l, "reorder_ref", "reorder_ref");
    launch_define(k, "BLOCK=%d", a->block ? a->block : (int)p->in[0].shape.dim[4]);
    launch_extents(k, p);
    launch_int(k, "n", (int)n);
    launch_grid1(k, n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "rows", .applicable = rows_applicable, .plan = rows_plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_reorder = {
    .name = "reorder",
    .in = {"x"},
    .out = {"y"},
    .attr_size = sizeof(struct reorder_attr),
    .attrs = attrs,
    .infer = infer,
    .variants = variants,
};
