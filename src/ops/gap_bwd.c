/* dx of gap: each feature map filled with dy / area. */
#include "ops/attrs.h"
#include "ops/blocks.h"
#include "ops/conv2d_blocked.h"
#include "ops/shared.h"

static const struct attr gap_bwd_attrs[] = {
    {.name = "size",
     .type = ATTR_INT,
     .offset = offsetof(struct gap_bwd_attr, size),
     .count = 2,
     .min = 1,
     .max = 1 << 30},
    ATTR_END,
};

static int gap_bwd_infer(struct problem *p)
{
    char buf[SHAPE_TEXT];
    const struct gap_bwd_attr *a = p->attr;
    const struct ocelli_shape *dy = &p->in[0].shape;
    int err = 0;
    TRY(check_floats(p));
    const bool blocked = dy->rank == 5 && block_is_legal(dy->dim[4]);
    if (!blocked)
        TRY(check_rank(p, 0, 4));
    if (dy->dim[2] != 1 || dy->dim[3] != 1)
        return fail(OCELLI_ERR_SHAPE, "gap_bwd: dy is %s, not batch x channels x 1 x 1",
                    shape_text(dy, buf));
    p->out[0] = (struct desc){OCELLI_F32,
                              {dy->rank,
                               {dy->dim[0], dy->dim[1], a->size[0], a->size[1],
                                blocked ? dy->dim[4] : 0}}};
out:
    return err;
}

static int block_of(const struct problem *p)
{
    return p->in[0].shape.rank == 5 ? (int)p->in[0].shape.dim[4] : 1;
}

/* ---- blocked ---- */

static bool blocked_applicable(const struct problem *p, const struct caps *caps)
{
    return caps->cpu_style && p->epi.bias < 0 && block_of(p) > 1;
}

static int blocked_plan(const struct problem *p, const struct caps *caps, const int *tv,
                        struct launches *l)
{
    (void)tv;
    const int64_t *d = p->out[0].shape.dim;
    const struct blocks b = {(int)d[0], (int)d[1], (int)(d[2] * d[3]), (int)d[4],
                             (int)(d[1] * d[4])};
    struct launch *k = launch_add(l, "gap_bwd_blocked", "gap_bwd_blocked");
    launch_out(k, "dx", 0);
    launch_in(k, "dy", 0);
    launch_planes(k, &b, caps);
    launch_epilogue(k, p);
    return l->err;
}

/* ---- ref ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    const struct ocelli_shape *dx = &p->out[0].shape;
    struct launch *k = launch_add(l, "gap_bwd_ref", "gap_bwd_ref");
    launch_out(k, "dx", 0);
    launch_in(k, "dy", 0);
    launch_int(k, "channels", (int)dx->dim[1]);
    launch_int(k, "area", (int)(dx->dim[2] * dx->dim[3]));
    launch_define(k, "BLOCK=%d", block_of(p));
    launch_epilogue(k, p);
    launch_rows(k, caps, tv[0], (size_t)shape_count(&p->in[0].shape));
    return l->err;
}

static const struct variant variants[] = {
    {.name = "blocked", .applicable = blocked_applicable, .plan = blocked_plan},
    {.name = "ref",
     .tunables = row_tunables,
     .defaults = row_defaults,
     .valid = row_valid,
     .plan = ref_plan},
    {0},
};

const struct op op_gap_bwd = {
    .name = "gap_bwd",
    .in = {"dy"},
    .out = {"dx"},
    .flags = OP_EPILOGUE,
    .attr_size = sizeof(struct gap_bwd_attr),
    .attrs = gap_bwd_attrs,
    .infer = gap_bwd_infer,
    .variants = variants,
};
