/* The weight gradient of a blocked convolution: plain weights, as the optimiser wants them. */
#include "ops/conv2d_blocked.h"

#include "ops/shared.h"

static const struct attr attrs[] = {
    CONV2D_INTS(kernel, 2, 1, 1),
    CONV2D_ATTRS,
    {.name = "channels",
     .type = ATTR_INT,
     .offset = offsetof(struct conv2d_blocked_bwd_weights_attr, channels),
     .count = 2,
     .min = 1,
     .max = CONV2D_MAX},
    ATTR_END,
};

/* ---- Geometry ---- */

static int misfit(const struct problem *p)
{
    const struct conv2d_blocked_bwd_weights_attr *a = p->attr;
    char x[SHAPE_TEXT], y[SHAPE_TEXT];
    return fail(OCELLI_ERR_SHAPE,
                "conv2d_blocked_bwd_weights: x is %s, dy is %s, which does not fit %d and %d "
                "channels",
                shape_text(&p->in[0].shape, x), shape_text(&p->in[1].shape, y), a->channels[0],
                a->channels[1]);
}

int conv2d_grad_geometry(struct conv2d_blocked *out, const struct problem *p)
{
    const struct conv2d_blocked_bwd_weights_attr *a = p->attr;
    const struct ocelli_shape *x = &p->in[0].shape, *dy = &p->in[1].shape;
    const int64_t *d = x->dim, *y = dy->dim, in_c = a->channels[0], out_c = a->channels[1];
    struct conv2d_blocked g = {.form = FORM_DIRECT, .xv = 1};
    int err = 0;
    if (dy->rank != 5 || !block_is_legal(y[4]))
        return misfit(p);
    g.v = (int)y[4];
    if (x->rank == 5 && block_is_legal(d[4]))
        g.xv = (int)d[4];
    else if (x->rank != 4)
        return misfit(p);
    if ((int64_t)div_up((size_t)in_c, (size_t)g.xv) != d[1] ||
        (int64_t)div_up((size_t)out_c, (size_t)g.v) != y[1] || in_c % a->conv.groups)
        return misfit(p);
    TRY(conv2d_geometry(
        &g.c, p->op->name, &OCELLI_SHAPE(d[0], in_c, d[2], d[3]),
        &OCELLI_SHAPE(out_c, in_c / a->conv.groups, a->conv.kernel[0], a->conv.kernel[1]),
        &a->conv));
    if (g.c.n != y[0] || g.c.out[0] != y[2] || g.c.out[1] != y[3])
        return misfit(p);
    if (g.c.groups > 1 && g.c.in_c == 1 && g.c.out_c == 1)
        g.form = FORM_DEPTHWISE;
    *out = g;
out:
    return err;
}

/* ---- The operation ---- */

static int infer(struct problem *p)
{
    int err;
    struct conv2d_blocked g;
    TRY(check_floats(p));
    TRY(conv2d_grad_geometry(&g, p));
    const struct conv2d *c = &g.c;
    p->out[0] = (struct desc){OCELLI_F32, OCELLI_SHAPE((int64_t)c->groups * c->out_c, c->in_c,
                                                       c->kernel[0], c->kernel[1])};
out:
    return err;
}

static struct cost cost(const struct problem *p)
{
    struct conv2d_blocked g;
    return conv2d_grad_geometry(&g, p) == 0 ? conv2d_cost(&g.c) : (struct cost){0};
}

/* ---- depthwise ---- */

enum { ROWS, CHUNK };
static const struct tunable depthwise_tunables[] = {
    [ROWS] = {"ROWS", (const int[]){1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 1024, 0}},
    [CHUNK] = {"CHUNK", (const int[]){1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 1024, 0}},
    {0},
};
/* Not the number of cores: parts decide the order of additions, and so the result's last bits. */
#define WANT_ITEMS 16

static bool depthwise_applicable(const struct problem *p, const struct caps *caps)
{
    struct conv2d_blocked g;
    return caps->cpu_style && conv2d_grad_geometry(&g, p) == 0 && g.form == FORM_DEPTHWISE &&
           g.xv == g.v && g.c.kernel[1] <= 16; /* its columns are unrolled */
}

static void depthwise_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct conv2d_blocked g;
    (void)caps;
    if (conv2d_grad_geometry(&g, p) != 0)
        return;
    const size_t n = (size_t)g.c.n, height = (size_t)g.c.out[0];
    const size_t parts = div_up(WANT_ITEMS, div_up((size_t)g.c.groups, (size_t)g.v));
    const size_t bands = MIN(div_up(parts, n), height);
    tv[ROWS] = (int)div_up(height, bands);
    tv[CHUNK] = (int)div_up(n * div_up(height, (size_t)tv[ROWS]), parts);
}

static int depthwise_plan(const struct problem *p, const struct caps *caps, const int *tv,
                          struct launches *l)
{
    (void)caps;
    struct conv2d_blocked g;
    int err = conv2d_grad_geometry(&g, p);
    if (err)
        return err;
    const struct conv2d *c = &g.c;
    const int taps = c->kernel[0] * c->kernel[1];
    const size_t units = (size_t)c->n * div_up((size_t)c->out[0], (size_t)tv[ROWS]);
    const size_t blocks = div_up((size_t)c->groups, (size_t)g.v);
    const size_t parts = div_up(units, (size_t)tv[CHUNK]);
    const int part = launch_scratch(l, parts * blocks * (size_t)(taps * g.v) * sizeof(float));
    for (int stage = 0; stage < 2; stage++) {
        struct launch *k = launch_add(l, "conv2d_blocked_bwd_weights_depthwise",
                                      stage ? "conv2d_blocked_bwd_weights_depthwise_sum"
                                            : "conv2d_blocked_bwd_weights_depthwise");
        launch_define(k, "VW=%d", g.v);
        launch_define(k, "KW=%d", c->kernel[1]);
        launch_define(k, "SW=%d", c->stride[1]);
        launch_define(k, "DW=%d", c->dilation[1]);
        if (stage == 1) {
            launch_out(k, "dw", 0);
            launch_buffer(k, "part", REF_SCRATCH, part, ACCESS_READ);
            launch_int(k, "parts", (int)parts);
            launch_int(k, "channels", c->groups);
            launch_int(k, "taps", taps);
            launch_grid1(k, blocks, 1);
            continue;
        }
        launch_buffer(k, "part", REF_SCRATCH, part, ACCESS_WRITE);
        launch_in(k, "x", 0);
        launch_in(k, "dy", 1);
        launch_int(k, "units", (int)units);
        launch_int(k, "chunk", tv[CHUNK]);
        launch_int(k, "rows", tv[ROWS]);
        launch_int(k, "in_h", c->in[0]);
        launch_int(k, "in_w", c->in[1]);
        launch_int(k, "out_h", c->out[0]);
        launch_int(k, "out_w", c->out[1]);
        launch_int(k, "kh", c->kernel[0]);
        launch_int(k, "sh", c->stride[0]);
        launch_int(k, "dh", c->dilation[0]);
        launch_int(k, "pt", c->pad[0]);
        launch_int(k, "pl", c->pad[1]);
        launch_grid2(k, parts, blocks, 1, 1);
    }
    return l->err;
}

/* ---- ref ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    (void)caps;
    struct conv2d_blocked g;
    int err = conv2d_grad_geometry(&g, p);
    if (err)
        return err;
    const size_t n = (size_t)shape_count(&p->out[0].shape);
    struct launch *k =
        launch_add(l, "conv2d_blocked_bwd_weights_ref", "conv2d_blocked_bwd_weights_ref");
    launch_define(k, "BLOCK=%d", g.v);
    launch_define(k, "X_BLOCK=%d", g.xv);
    conv2d_define(k, &g.c);
    launch_out(k, "dw", 0);
    launch_in(k, "x", 0);
    launch_in(k, "dy", 1);
    launch_int(k, "n", (int)n);
    launch_int(k, "batch", g.c.n);
    conv2d_extents(k, &g.c);
    launch_grid1(k, n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "direct",
     .tunables = conv2d_grad_tunables,
     .applicable = conv2d_grad_applicable,
     .defaults = conv2d_grad_defaults,
     .valid = conv2d_grad_valid,
     .plan = conv2d_grad_plan},
    {.name = "depthwise",
     .tunables = depthwise_tunables,
     .applicable = depthwise_applicable,
     .defaults = depthwise_defaults,
     .plan = depthwise_plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_conv2d_blocked_bwd_weights = {
    .name = "conv2d_blocked_bwd_weights",
    .in = {"x", "dy"},
    .out = {"dw"},
    .attr_size = sizeof(struct conv2d_blocked_bwd_weights_attr),
    .attrs = attrs,
    .infer = infer,
    .cost = cost,
    .variants = variants,
};
