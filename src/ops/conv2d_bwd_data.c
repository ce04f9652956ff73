#include "ops/conv2d.h"
#include "ops/shared.h"

static const struct attr attrs[] = {
    CONV2D_ATTRS,
    {.name = "size",
     .type = ATTR_INT,
     .offset = offsetof(struct conv2d_bwd_data_attr, size),
     .count = 2,
     .min = 1,
     .max = CONV2D_MAX},
    ATTR_END,
};

/* The forward convolution; dy is checked to be its y. */
static int geometry(const struct problem *p, struct conv2d *c)
{
    int err;
    const struct conv2d_bwd_data_attr *a = p->attr;
    const struct ocelli_shape *dy = &p->in[0].shape, *w = &p->in[1].shape;
    TRY(check_rank(p, 0, 4));
    TRY(check_rank(p, 1, 4));
    const struct ocelli_shape x =
        OCELLI_SHAPE(dy->dim[0], w->dim[1] * a->conv.groups, a->size[0], a->size[1]);
    TRY(shape_check(&x));
    TRY(conv2d_geometry(c, p->op->name, &x, w, &a->conv));
    TRY(conv2d_check_dy(c, p->op->name, dy));
out:
    return err;
}

static int infer(struct problem *p)
{
    int err;
    struct conv2d c;
    TRY(check_floats(p));
    TRY(geometry(p, &c));
    p->out[0] =
        (struct desc){OCELLI_F32, OCELLI_SHAPE(c.n, (int64_t)c.groups * c.in_c, c.in[0], c.in[1])};
out:
    return err;
}

static struct cost cost(const struct problem *p)
{
    struct conv2d c;
    return geometry(p, &c) == 0 ? conv2d_cost(&c) : (struct cost){0};
}

/* ---- ref ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    struct conv2d c;
    int err = geometry(p, &c);
    (void)caps;
    if (err)
        return err;
    struct launch *k = launch_add(l, "conv2d_bwd_data_ref", "conv2d_bwd_data_ref");
    conv2d_define(k, &c);
    launch_out(k, "dx", 0);
    launch_in(k, "dy", 0);
    launch_in(k, "w", 1);
    launch_int(k, "n", (int)shape_count(&p->out[0].shape));
    conv2d_extents(k, &c);
    launch_epilogue(k, p);
    launch_grid1(k, (size_t)shape_count(&p->out[0].shape), (size_t)tv[0]);
    return l->err;
}

/* ---- direct: the kernel of conv2d/direct, over dy ---- */

static void direct_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct conv2d c;
    if (geometry(p, &c) == 0)
        conv2d_direct_defaults(&c, true, caps, tv);
}

#define MAX_PHASES 64 /* launches, one for each place within a stride */

static bool direct_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    struct conv2d c;
    return geometry(p, &c) == 0 && (int64_t)c.stride[0] * c.stride[1] <= MAX_PHASES &&
           conv2d_direct_valid(&c, true, caps, tv);
}

static bool direct_applicable(const struct problem *p, const struct caps *caps)
{
    int tv[MAX_TUNABLES] = {0};
    if (!caps->cpu_style)
        return false;
    direct_defaults(p, caps, tv);
    return direct_valid(p, caps, tv); /* else the rows are too long for the device's local memory */
}

static int direct_plan(const struct problem *p, const struct caps *caps, const int *tv,
                       struct launches *l)
{
    struct conv2d c;
    int err = geometry(p, &c);
    (void)caps;
    if (!err)
        conv2d_direct_plan(p, &c, true, tv, l);
    return err ? err : l->err;
}

static const struct variant variants[] = {
    {.name = "direct",
     .tunables = conv2d_direct_tunables,
     .applicable = direct_applicable,
     .defaults = direct_defaults,
     .valid = direct_valid,
     .plan = direct_plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_conv2d_bwd_data = {
    .name = "conv2d_bwd_data",
    .onnx = "ConvTranspose",
    .in = {"dy", "w"},
    .out = {"dx"},
    .flags = OP_EPILOGUE,
    .attr_size = sizeof(struct conv2d_bwd_data_attr),
    .attrs = attrs,
    .infer = infer,
    .cost = cost,
    .variants = variants,
};
