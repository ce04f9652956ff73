/* dx of gap: each feature map filled with dy / area. */
#include "ops/attrs.h"
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
    TRY(check_rank(p, 0, 4));
    if (dy->dim[2] != 1 || dy->dim[3] != 1)
        return fail(OCELLI_ERR_SHAPE, "gap_bwd: dy is %s, not batch x channels x 1 x 1",
                    shape_text(dy, buf));
    p->out[0] = (struct desc){OCELLI_F32, {4, {dy->dim[0], dy->dim[1], a->size[0], a->size[1]}}};
out:
    return err;
}

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    const struct ocelli_shape *dx = &p->out[0].shape;
    struct launch *k = launch_add(l, "gap_bwd_ref", "gap_bwd_ref");
    launch_out(k, "dx", 0);
    launch_in(k, "dy", 0);
    launch_int(k, "channels", (int)dx->dim[1]);
    launch_int(k, "area", (int)(dx->dim[2] * dx->dim[3]));
    launch_epilogue(k, p);
    launch_rows(k, caps, tv[0], (size_t)(dx->dim[0] * dx->dim[1]));
    return l->err;
}

static const struct variant variants[] = {
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
