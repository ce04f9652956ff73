/* The data gradient of a blocked convolution, with weights packed `backward`. For one of stride 1
 * conv2d_blocked itself does it, with other pads. */
#include "ops/conv2d_blocked.h"

#include "ops/shared.h"

#define MAX_UNROLLED 64 /* columns of the filter, times the stride */

static const struct attr attrs[] = {
    CONV2D_ATTRS,
    {.name = "form",
     .type = ATTR_ENUM,
     .offset = offsetof(struct conv2d_blocked_bwd_data_attr, form),
     .count = 1,
     .words = conv2d_form_words},
    {.name = "channels",
     .type = ATTR_INT,
     .offset = offsetof(struct conv2d_blocked_bwd_data_attr, channels),
     .count = 2,
     .min = 0,
     .max = CONV2D_MAX},
    {.name = "size",
     .type = ATTR_INT,
     .offset = offsetof(struct conv2d_blocked_bwd_data_attr, size),
     .count = 2,
     .min = 1,
     .max = CONV2D_MAX},
    ATTR_END,
};

/* ---- Geometry ---- */

static int misfit(const struct problem *p)
{
    char y[SHAPE_TEXT], w[SHAPE_TEXT];
    return fail(OCELLI_ERR_SHAPE, "conv2d_blocked_bwd_data: dy is %s, w is %s, which do not fit",
                shape_text(&p->in[0].shape, y), shape_text(&p->in[1].shape, w));
}

int conv2d_phases_geometry(struct conv2d_blocked *out, const struct problem *p)
{
    const struct conv2d_blocked_bwd_data_attr *a = p->attr;
    const struct ocelli_shape *dy = &p->in[0].shape, *w = &p->in[1].shape;
    const int64_t *d = w->dim, *y = dy->dim;
    struct ocelli_conv2d_params conv = a->conv;
    struct conv2d_blocked g = {.form = (enum conv2d_form)a->form};
    struct ocelli_shape filter;
    int err = 0;
    const bool deep = g.form == FORM_DEPTHWISE;
    if ((!deep && g.form != FORM_DIRECT) || dy->rank != 5 || !block_is_legal(y[4]) ||
        w->rank != (deep ? 4 : 6) || !block_is_legal(d[w->rank - 1]))
        return misfit(p);
    g.v = (int)d[w->rank - 1];
    g.xv = (int)y[4];
    if (deep) {
        if (conv.groups != 1 || g.v != g.xv || d[0] != y[1])
            return misfit(p);
        conv.groups = (int)d[0] * g.v;
        filter = OCELLI_SHAPE(d[0] * g.v, 1, d[1], d[2]);
    } else {
        if (d[4] != g.xv || d[0] % conv.groups || d[1] * conv.groups != y[1])
            return misfit(p);
        filter = OCELLI_SHAPE(y[1] * g.xv, d[0] / conv.groups * g.v, d[2], d[3]);
    }
    TRY(conv2d_geometry(&g.c, p->op->name, &OCELLI_SHAPE(y[0], d[0] * g.v, a->size[0], a->size[1]),
                        &filter, &conv));
    if (g.c.out[0] != y[2] || g.c.out[1] != y[3])
        return misfit(p);
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
    TRY(conv2d_phases_geometry(&g, p));
    const struct conv2d *c = &g.c;
    p->out[0] = (struct desc){
        OCELLI_F32, {5, {c->n, (int64_t)c->groups * c->in_c / g.v, c->in[0], c->in[1], g.v}}};
out:
    return err;
}

static struct cost cost(const struct problem *p)
{
    const struct conv2d_blocked_bwd_data_attr *a = p->attr;
    struct conv2d_blocked g;
    if (conv2d_phases_geometry(&g, p) != 0)
        return (struct cost){0};
    return conv2d_blocked_cost(&g, a->channels);
}

/* ---- depthwise ---- */

static const struct tunable depthwise_tunables[] = {
    {"ROWS", (const int[]){1, 2, 4, 8, 16, 32, 64, 128, 256, 0}},
    {0},
};

static bool depthwise_applicable(const struct problem *p, const struct caps *caps)
{
    struct conv2d_blocked g;
    return caps->cpu_style && p->epi.bias < 0 && conv2d_phases_geometry(&g, p) == 0 &&
           g.form == FORM_DEPTHWISE && g.c.kernel[1] * g.c.stride[1] <= MAX_UNROLLED;
}

/* About 2 us a work-item, where that leaves four for every core. */
static void depthwise_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct conv2d_blocked g;
    if (conv2d_phases_geometry(&g, p) != 0)
        return;
    const struct conv2d *c = &g.c;
    const int64_t rows = (int64_t)c->n * c->groups / g.v * c->in[0];
    tv[0] = 1;
    while (tv[0] < 256 && tv[0] * c->in[1] < 512 && rows / (2 * tv[0]) >= 4 * caps->compute_units)
        tv[0] *= 2;
}

static int depthwise_plan(const struct problem *p, const struct caps *caps, const int *tv,
                          struct launches *l)
{
    (void)caps;
    struct conv2d_blocked g;
    int err = conv2d_phases_geometry(&g, p);
    if (err)
        return err;
    const struct conv2d *c = &g.c;
    const int blocks = c->groups / g.v, rows = c->n * blocks * c->in[0];
    const int common = conv2d_gcd(c->stride[0], c->dilation[0]);
    struct launch *k =
        launch_add(l, "conv2d_blocked_bwd_data_depthwise", "conv2d_blocked_bwd_data_depthwise");
    launch_define(k, "VW=%d", g.v);
    launch_define(k, "KW=%d", c->kernel[1]);
    launch_define(k, "SW=%d", c->stride[1]);
    launch_define(k, "DW=%d", c->dilation[1]);
    launch_define(k, "STEP=%d", c->stride[0] / common);
    launch_define(k, "DOWN=%d", c->dilation[0] / common);
    launch_out(k, "dx", 0);
    launch_in(k, "dy", 0);
    launch_in(k, "w", 1);
    launch_int(k, "all_rows", rows);
    launch_int(k, "each", tv[0]);
    launch_int(k, "blocks", blocks);
    launch_int(k, "in_h", c->in[0]);
    launch_int(k, "in_w", c->in[1]);
    launch_int(k, "out_h", c->out[0]);
    launch_int(k, "out_w", c->out[1]);
    launch_int(k, "kh", c->kernel[0]);
    launch_int(k, "sh", c->stride[0]);
    launch_int(k, "dh", c->dilation[0]);
    launch_int(k, "pt", c->pad[0]);
    launch_int(k, "pl", c->pad[1]);
    launch_epilogue(k, p);
    launch_grid1(k, div_up((size_t)rows, (size_t)tv[0]), 1);
    return l->err;
}

/* ---- ref ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    (void)caps;
    struct conv2d_blocked g;
    int err = conv2d_phases_geometry(&g, p);
    if (err)
        return err;
    const size_t n = (size_t)shape_count(&p->out[0].shape);
    struct launch *k = launch_add(l, "conv2d_blocked_bwd_data_ref", "conv2d_blocked_bwd_data_ref");
    if (g.form == FORM_DEPTHWISE)
        launch_define(k, "DEPTHWISE");
    launch_define(k, "BLOCK=%d", g.v);
    launch_define(k, "Y_BLOCK=%d", g.xv);
    conv2d_define(k, &g.c);
    launch_out(k, "dx", 0);
    launch_in(k, "dy", 0);
    launch_in(k, "w", 1);
    launch_int(k, "n", (int)n);
    conv2d_extents(k, &g.c);
    launch_epilogue(k, p);
    launch_grid1(k, n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "direct", /* cl/conv2d_blocked_direct.cl */
     .tunables = conv2d_tile_tunables,
     .applicable = conv2d_phases_applicable,
     .defaults = conv2d_phases_defaults,
     .valid = conv2d_phases_valid,
     .plan = conv2d_phases_plan},
    {.name = "depthwise",
     .tunables = depthwise_tunables,
     .applicable = depthwise_applicable,
     .defaults = depthwise_defaults,
     .plan = depthwise_plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_conv2d_blocked_bwd_data = {
    .name = "conv2d_blocked_bwd_data",
    .in = {"dy", "w"},
    .out = {"dx"},
    .flags = OP_EPILOGUE,
    .attr_size = sizeof(struct conv2d_blocked_bwd_data_attr),
    .attrs = attrs,
    .infer = infer,
    .cost = cost,
    .variants = variants,
};
