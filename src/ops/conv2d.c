#include "ops/conv2d.h"

#include <limits.h>

#include "ops/graph.h"
#include "ops/shared.h"
#include "ops/tile.h"

/* ---- Geometry ---- */

static int check_ranks(const char *op, const struct ocelli_shape *x, const struct ocelli_shape *w,
                       int groups)
{
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    if (x->rank != 4)
        return fail(OCELLI_ERR_SHAPE, "%s: the image is %s, not N x C x H x W", op,
                    shape_text(x, a));
    if (w->rank != 4)
        return fail(OCELLI_ERR_SHAPE, "%s: the filter is %s, not M x C/groups x R x S", op,
                    shape_text(w, a));
    if (x->dim[1] % groups != 0 || w->dim[0] % groups != 0)
        return fail(OCELLI_ERR_SHAPE, "%s: %d groups do not divide %lld and %lld channels", op,
                    groups, (long long)x->dim[1], (long long)w->dim[0]);
    if (w->dim[1] != x->dim[1] / groups)
        return fail(OCELLI_ERR_SHAPE, "%s: the filter is %s, the image %s with %d groups", op,
                    shape_text(w, a), shape_text(x, b), groups);
    for (int i = 0; i < 4; i++)
        if (x->dim[i] > INT_MAX / 2 || w->dim[i] > INT_MAX / 2)
            return fail(OCELLI_ERR_SHAPE, "%s: an extent above %d", op, INT_MAX / 2);
    return 0;
}

static int output_extent(const char *op, const char *what, int64_t in, int64_t kernel,
                         int64_t stride, int64_t dilation, int64_t pad, bool strict, int *out)
{
    int64_t window = dilation * (kernel - 1) + 1, padded = in + pad;
    if (padded > INT_MAX / 2)
        return fail(OCELLI_ERR_SHAPE, "%s: the padded %s is %lld, above %d", op, what,
                    (long long)padded, INT_MAX / 2);
    if (window > padded)
        return fail(OCELLI_ERR_SHAPE, "%s: the window is %lld, the padded %s only %lld", op,
                    (long long)window, what, (long long)padded);
    if (strict && (padded - window) % stride != 0)
        return fail(OCELLI_ERR_SHAPE,
                    "%s: stride %lld does not fit: (%lld + %lld - %lld) / %lld + 1 is no whole %s",
                    op, (long long)stride, (long long)in, (long long)pad, (long long)window,
                    (long long)stride, what);
    *out = (int)((padded - window) / stride + 1);
    return 0;
}

int conv2d_geometry(struct conv2d *out, const char *op, const struct ocelli_shape *x,
                    const struct ocelli_shape *w, const struct ocelli_conv2d_params *p)
{
    int err;
    struct conv2d c = {.groups = p->groups};
    TRY(check_ranks(op, x, w, p->groups));
    c.n = (int)x->dim[0];
    c.in_c = (int)w->dim[1];
    c.out_c = (int)w->dim[0] / p->groups;
    for (int i = 0; i < 2; i++) {
        c.in[i] = (int)x->dim[2 + i];
        c.kernel[i] = (int)w->dim[2 + i];
        c.stride[i] = p->stride[i];
        c.dilation[i] = p->dilation[i];
        c.pad[i] = p->pad[i];
        TRY(output_extent(op, i ? "width" : "height", c.in[i], c.kernel[i], c.stride[i],
                          c.dilation[i], (int64_t)p->pad[i] + p->pad[i + 2], p->strict, &c.out[i]));
    }
    *out = c;
out:
    return err;
}

struct ocelli_shape conv2d_out_shape(const struct conv2d *c)
{
    return OCELLI_SHAPE(c->n, (int64_t)c->groups * c->out_c, c->out[0], c->out[1]);
}

static int check_dy(const struct conv2d *c, const char *op, const struct ocelli_shape *dy)
{
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    struct ocelli_shape y = conv2d_out_shape(c);
    if (shape_equal(&y, dy))
        return 0;
    return fail(OCELLI_ERR_SHAPE, "%s: dy is %s, not %s", op, shape_text(dy, a), shape_text(&y, b));
}

int conv2d_of(const struct problem *p, struct conv2d *c)
{
    const struct ocelli_shape *first = &p->in[0].shape, *second = &p->in[1].shape;
    const struct ocelli_conv2d_params *a = p->attr; /* bwd_data's begin with it */
    int err;
    if (p->op == &op_conv2d)
        return conv2d_geometry(c, p->op->name, first, second, a);
    TRY(check_rank(p, 0, 4));
    TRY(check_rank(p, 1, 4));
    if (p->op == &op_conv2d_bwd_data) {
        const int *size = ((const struct conv2d_bwd_data_attr *)p->attr)->size;
        const struct ocelli_shape x =
            OCELLI_SHAPE(first->dim[0], second->dim[1] * a->groups, size[0], size[1]);
        TRY(shape_check(&x));
        TRY(conv2d_geometry(c, p->op->name, &x, second, a));
    } else {
        const struct ocelli_shape w =
            OCELLI_SHAPE(first->dim[1], second->dim[1] / a->groups, a->kernel[0], a->kernel[1]);
        TRY(conv2d_geometry(c, p->op->name, second, &w, a));
    }
    TRY(check_dy(c, p->op->name, first));
out:
    return err;
}

struct cost conv2d_cost(const struct conv2d *c)
{
    double macs = (double)c->n * c->groups * c->out_c * c->out[0] * c->out[1] * c->in_c *
                  c->kernel[0] * c->kernel[1];
    return (struct cost){.flops = 2 * macs, .macs = macs};
}

int conv2d_gcd(int a, int b)
{
    while (b) {
        int t = a % b;
        a = b;
        b = t;
    }
    return a;
}

void conv2d_define(struct launch *k, const struct conv2d *c)
{
    launch_define(k, "KH=%d", c->kernel[0]);
    launch_define(k, "KW=%d", c->kernel[1]);
    launch_define(k, "SH=%d", c->stride[0]);
    launch_define(k, "SW=%d", c->stride[1]);
    launch_define(k, "DH=%d", c->dilation[0]);
    launch_define(k, "DW=%d", c->dilation[1]);
    launch_define(k, "PT=%d", c->pad[0]);
    launch_define(k, "PL=%d", c->pad[1]);
    launch_define(k, "GROUPS=%d", c->groups);
}

void conv2d_extents(struct launch *k, const struct conv2d *c)
{
    launch_int(k, "in_c", c->in_c);
    launch_int(k, "in_h", c->in[0]);
    launch_int(k, "in_w", c->in[1]);
    launch_int(k, "out_c", c->out_c);
    launch_int(k, "out_h", c->out[0]);
    launch_int(k, "out_w", c->out[1]);
}

struct cost conv2d_problem_cost(const struct problem *p)
{
    struct conv2d c;
    return conv2d_of(p, &c) == 0 ? conv2d_cost(&c) : (struct cost){0};
}

int conv2d_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    const char *name = p->op == &op_conv2d            ? "conv2d_ref"
                       : p->op == &op_conv2d_bwd_data ? "conv2d_bwd_data_ref"
                                                      : "conv2d_bwd_weights_ref";
    struct conv2d c;
    int err = conv2d_of(p, &c);
    (void)caps;
    if (err)
        return err;
    struct launch *k = launch_add(l, name, name);
    conv2d_define(k, &c);
    launch_storage(k, p);
    launch_out(k, p->op->out[0], 0);
    launch_in(k, p->op->in[0], 0);
    launch_in(k, p->op->in[1], 1);
    launch_int(k, "n", (int)shape_count(&p->out[0].shape));
    if (p->op == &op_conv2d_bwd_weights)
        launch_int(k, "batch", c.n);
    conv2d_extents(k, &c);
    if (p->op->flags & OP_EPILOGUE)
        launch_epilogue(k, p);
    launch_grid1(k, (size_t)shape_count(&p->out[0].shape), (size_t)tv[0]);
    return l->err;
}

/* ---- The operation ---- */

static const struct attr attrs[] = {CONV2D_ATTRS, ATTR_END};

static int infer(struct problem *p)
{
    int err;
    struct conv2d c;
    TRY(check_floats(p));
    TRY(conv2d_of(p, &c));
    p->out[0] = (struct desc){p->in[0].dtype, conv2d_out_shape(&c)};
out:
    return err;
}

static int grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    struct conv2d_bwd_data_attr data = {.conv = *(const struct ocelli_conv2d_params *)n->attr};
    struct ocelli_conv2d_params weights = data.conv;
    const int x = n->in[0], w = n->in[1];
    for (int i = 0; i < 2; i++) {
        data.size[i] = (int)g->value[x].desc.shape.dim[2 + i];
        weights.kernel[i] = (int)g->value[w].desc.shape.dim[2 + i];
    }
    dx[0] = graph_add(g, &op_conv2d_bwd_data, &data, (int[OP_MAX_IN]){dy[0], w});
    dx[1] = graph_add(g, &op_conv2d_bwd_weights, &weights, (int[OP_MAX_IN]){dy[0], x});
    return g->status;
}

static const struct variant variants[] = {
    {.name = "direct",
     .f32 = true,
     .tunables = conv2d_direct_tunables,
     .applicable = conv2d_direct_applicable,
     .defaults = conv2d_direct_defaults,
     .valid = conv2d_direct_valid,
     .plan = conv2d_direct_plan},
    {.name = "depthwise",
     .tunables = conv2d_depthwise_tunables,
     .applicable = conv2d_depthwise_applicable,
     .valid = conv2d_depthwise_valid,
     .plan = conv2d_depthwise_plan},
    {.name = "tile",
     .tunables = conv2d_local_tunables,
     .applicable = conv2d_local_applicable,
     .pays = conv2d_local_pays,
     .defaults = conv2d_local_defaults,
     .valid = conv2d_local_valid,
     .plan = conv2d_local_plan},
    {.name = "winograd",
     .tunables = conv2d_tiles_tunables,
     .noise = CONV2D_TILES_NOISE,
     .applicable = conv2d_tiles_applicable,
     .pays = conv2d_tiles_pays,
     .defaults = conv2d_tiles_defaults,
     .valid = conv2d_tiles_valid,
     .plan = conv2d_tiles_plan},
    {.name = "implicit",
     .tunables = tile_tunables,
     .applicable = conv2d_implicit_applicable,
     .pays = conv2d_implicit_pays,
     .defaults = conv2d_implicit_defaults,
     .valid = conv2d_implicit_valid,
     .plan = conv2d_implicit_plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = conv2d_ref_plan},
    {0},
};

const struct op op_conv2d = {
    .name = "conv2d",
    .onnx = "Conv",
    .in = {"x", "w"},
    .out = {"y"},
    .flags = OP_EPILOGUE,
    .half = 3,
    .attr_size = sizeof(struct ocelli_conv2d_params),
    .attrs = attrs,
    .infer = infer,
    .cost = conv2d_problem_cost,
    .grad = grad,
    .variants = variants,
};
