#include "ops/conv3d.h"

#include <limits.h>

#include "ops/shared.h"

/* ---- What conv3d_bwd_data shares ---- */

static const char *const side[] = {"depth", "height", "width"};

static int check_ranks(const char *op, const struct ocelli_shape *x, const struct ocelli_shape *w,
                       int groups)
{
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    if (x->rank != 5)
        return fail(OCELLI_ERR_SHAPE, "%s: the volume is %s, not N x C x D x H x W", op,
                    shape_text(x, a));
    if (w->rank != 5)
        return fail(OCELLI_ERR_SHAPE, "%s: the filter is %s, not M x C/groups x Q x R x S", op,
                    shape_text(w, a));
    if (x->dim[1] % groups != 0 || w->dim[0] % groups != 0 || w->dim[1] != x->dim[1] / groups)
        return fail(OCELLI_ERR_SHAPE, "%s: the filter is %s, the volume %s with %d groups", op,
                    shape_text(w, a), shape_text(x, b), groups);
    for (int i = 0; i < 5; i++)
        if (x->dim[i] > INT_MAX / 2 || w->dim[i] > INT_MAX / 2)
            return fail(OCELLI_ERR_SHAPE, "%s: an extent above %d", op, INT_MAX / 2);
    return 0;
}

int conv3d_geometry(struct conv3d *out, const char *op, const struct ocelli_shape *x,
                    const struct ocelli_shape *w, const struct ocelli_conv_params *p)
{
    struct conv3d c = {.groups = p->groups};
    int err = check_ranks(op, x, w, p->groups);
    if (err)
        return err;
    c.n = (int)x->dim[0];
    c.in_c = (int)w->dim[1];
    c.out_c = (int)w->dim[0] / p->groups;
    for (int i = 0; i < 3; i++) {
        c.in[i] = (int)x->dim[2 + i];
        c.kernel[i] = (int)w->dim[2 + i];
        c.stride[i] = p->stride[i];
        c.dilation[i] = p->dilation[i];
        c.pad[i] = p->pad[i];
        int64_t window = (int64_t)p->dilation[i] * (c.kernel[i] - 1) + 1;
        int64_t padded = (int64_t)c.in[i] + p->pad[i] + p->pad[3 + i];
        if (window > padded || padded > INT_MAX / 2)
            return fail(OCELLI_ERR_SHAPE, "%s: a window of %lld on a padded %s of %lld", op,
                        (long long)window, side[i], (long long)padded);
        c.out[i] = (int)((padded - window) / p->stride[i] + 1);
    }
    *out = c;
    return 0;
}

struct ocelli_shape conv3d_out_shape(const struct conv3d *c)
{
    return OCELLI_SHAPE(c->n, (int64_t)c->groups * c->out_c, c->out[0], c->out[1], c->out[2]);
}

struct cost conv3d_cost(const struct conv3d *c)
{
    double macs = (double)c->n * c->groups * c->out_c * c->in_c;
    for (int i = 0; i < 3; i++)
        macs *= (double)c->out[i] * c->kernel[i];
    return (struct cost){.flops = 2 * macs, .macs = macs};
}

int conv3d_plan(struct launches *l, const struct problem *p, const struct conv3d *c,
                const char *program, int group)
{
    static const char *const names[][3] = {
        {"in_d", "in_h", "in_w"}, {"out_d", "out_h", "out_w"}, {"kd", "kh", "kw"},
        {"sd", "sh", "sw"},       {"dd", "dh", "dw"},          {"pd", "ph", "pw"},
    };
    const int *const values[] = {c->in, c->out, c->kernel, c->stride, c->dilation, c->pad};
    int64_t n = shape_count(&p->out[0].shape);
    struct launch *k = launch_add(l, program, program);
    launch_out(k, p->op->out[0], 0);
    launch_in(k, p->op->in[0], 0);
    launch_in(k, p->op->in[1], 1);
    launch_int(k, "n", (int)n);
    launch_int(k, "groups", c->groups);
    launch_int(k, "in_c", c->in_c);
    launch_int(k, "out_c", c->out_c);
    for (size_t j = 0; j < COUNT(names); j++)
        for (int i = 0; i < 3; i++)
            launch_int(k, names[j][i], values[j][i]);
    launch_epilogue(k, p);
    launch_grid1(k, (size_t)n, (size_t)group);
    return l->err;
}

/* ---- The operation ---- */

static const struct attr attrs[] = {CONV3D_ATTRS, ATTR_END};

static int geometry(const struct problem *p, struct conv3d *c)
{
    return conv3d_geometry(c, p->op->name, &p->in[0].shape, &p->in[1].shape, p->attr);
}

static int infer(struct problem *p)
{
    int err;
    struct conv3d c;
    TRY(check_floats(p));
    TRY(geometry(p, &c));
    p->out[0] = (struct desc){OCELLI_F32, conv3d_out_shape(&c)};
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
    return err ? err : conv3d_plan(l, p, &c, "conv3d_ref", tv[0]);
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_conv3d = {
    .name = "conv3d",
    .onnx = "Conv",
    .in = {"x", "w"},
    .out = {"y"},
    .flags = OP_EPILOGUE,
    .attr_size = sizeof(struct ocelli_conv_params),
    .attrs = attrs,
    .infer = infer,
    .cost = cost,
    .variants = variants,
};
