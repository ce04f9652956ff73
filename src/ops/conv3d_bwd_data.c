/* The transpose of conv3d: ConvTranspose over volumes. */
#include "ops/conv3d.h"
#include "ops/shared.h"

static const struct attr attrs[] = {
    CONV3D_ATTRS,
    {.name = "size",
     .type = ATTR_INT,
     .offset = offsetof(struct conv3d_bwd_data_attr, size),
     .count = 3,
     .min = 1,
     .max = CONV3D_MAX},
    ATTR_END,
};

/* The forward convolution; dy is checked to be its y. */
static int geometry(const struct problem *p, struct conv3d *c)
{
    int err;
    char s[SHAPE_TEXT], t[SHAPE_TEXT];
    const struct conv3d_bwd_data_attr *a = p->attr;
    const struct ocelli_shape *dy = &p->in[0].shape, *w = &p->in[1].shape;
    TRY(check_rank(p, 0, 5));
    TRY(check_rank(p, 1, 5));
    const struct ocelli_shape x =
        OCELLI_SHAPE(dy->dim[0], w->dim[1] * a->conv.groups, a->size[0], a->size[1], a->size[2]);
    TRY(shape_check(&x));
    TRY(conv3d_geometry(c, p->op->name, &x, w, &a->conv));
    struct ocelli_shape y = conv3d_out_shape(c);
    if (!shape_equal(&y, dy))
        err = fail(OCELLI_ERR_SHAPE, "%s: dy is %s, not %s", p->op->name, shape_text(dy, s),
                   shape_text(&y, t));
out:
    return err;
}

static int infer(struct problem *p)
{
    int err;
    struct conv3d c;
    TRY(check_floats(p));
    TRY(geometry(p, &c));
    p->out[0] = (struct desc){
        OCELLI_F32, OCELLI_SHAPE(c.n, (int64_t)c.groups * c.in_c, c.in[0], c.in[1], c.in[2])};
out:
    return err;
}

static struct cost cost(const struct problem *p)
{
    struct conv3d c;
    return geometry(p, &c) == 0 ? conv3d_cost(&c) : (struct cost){0};
}

/* ---- ref ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    struct conv3d c;
    int err = geometry(p, &c);
    (void)caps;
    return err ? err : conv3d_plan(l, p, &c, "conv3d_bwd_data_ref", tv[0]);
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_conv3d_bwd_data = {
    .name = "conv3d_bwd_data",
    .onnx = "ConvTranspose",
    .in = {"dy", "w"},
    .out = {"dx"},
    .flags = OP_EPILOGUE,
    .attr_size = sizeof(struct conv3d_bwd_data_attr),
    .attrs = attrs,
    .infer = infer,
    .cost = cost,
    .variants = variants,
};
