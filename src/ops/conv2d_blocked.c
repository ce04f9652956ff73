/* Convolution on blocked channels, with packed weights; attrs.h and conv2d_blocked.h have the
 * layouts. */
#include "ops/conv2d_blocked.h"

#include "ops/shared.h"

static const struct attr attrs[] = {
    CONV2D_ATTRS,
    {.name = "form",
     .type = ATTR_ENUM,
     .offset = offsetof(struct conv2d_blocked_attr, form),
     .count = 1,
     .words = conv2d_form_words},
    {.name = "channels",
     .type = ATTR_INT,
     .offset = offsetof(struct conv2d_blocked_attr, channels),
     .count = 2,
     .min = 0,
     .max = CONV2D_MAX},
    ATTR_END,
};

/* ---- Geometry ---- */

static int misfit(const struct problem *p)
{
    char x[SHAPE_TEXT], w[SHAPE_TEXT];
    return fail(OCELLI_ERR_SHAPE, "conv2d_blocked: x is %s, w is %s, which is not %s for it",
                shape_text(&p->in[0].shape, x), shape_text(&p->in[1].shape, w),
                conv2d_form_words[((const struct conv2d_blocked_attr *)p->attr)->form]);
}

/* The plain filter's shape that the packed one stands for; rank 0 when it is none. */
static struct ocelli_shape plain_filter(const struct problem *p, int xv, int *v)
{
    const struct conv2d_blocked_attr *a = p->attr;
    const struct ocelli_shape *w = &p->in[1].shape, *x = &p->in[0].shape;
    const int64_t *d = w->dim;
    struct ocelli_shape none = {0};
    *v = w->rank > 0 ? (int)d[w->rank - 1] : 0;
    if (w->rank != (a->form == FORM_DIRECT ? 6 : 4) || a->form == FORM_BIAS || !block_is_legal(*v))
        return none;
    if (a->form == FORM_DIRECT)
        return d[4] == xv ? OCELLI_SHAPE(d[0] * *v, d[1] * xv, d[2], d[3]) : none;
    if (xv != *v)
        return none;
    if (a->form == FORM_DEPTHWISE)
        return d[0] == x->dim[1] ? OCELLI_SHAPE(d[0] * *v, 1, d[1], d[2]) : none;
    const struct winograd f = conv2d_winograd_of((enum conv2d_form)a->form);
    return d[1] == f.window * f.window ? OCELLI_SHAPE(d[0] * *v, d[2], f.taps, f.taps) : none;
}

static bool is_dense(const struct ocelli_conv2d_params *c)
{
    return c->stride[0] == 1 && c->stride[1] == 1 && c->dilation[0] == 1 && c->dilation[1] == 1;
}

int conv2d_blocked_geometry(struct conv2d_blocked *out, const struct problem *p)
{
    const struct conv2d_blocked_attr *a = p->attr;
    const struct ocelli_shape *x = &p->in[0].shape, *b = &p->in[2].shape;
    struct ocelli_conv2d_params conv = a->conv;
    struct conv2d_blocked g = {.form = (enum conv2d_form)a->form, .xv = 1, .bias = b->rank >= 0};
    int err = 0;
    if (x->rank == 5 && block_is_legal(x->dim[4]))
        g.xv = (int)x->dim[4];
    else if (x->rank != 4)
        return misfit(p);
    const struct ocelli_shape w = plain_filter(p, g.xv, &g.v);
    const int64_t channels = x->dim[1] * g.xv;
    if (w.rank == 0 || (conv2d_winograd_of(g.form).window && !is_dense(&conv)))
        return misfit(p);
    if (g.form == FORM_DEPTHWISE) {
        if (conv.groups != 1)
            return misfit(p);
        conv.groups = (int)channels;
    }
    if (g.form != FORM_DEPTHWISE && conv.groups > 1 && (w.dim[0] / conv.groups) % g.v)
        return misfit(p);
    TRY(conv2d_geometry(&g.c, p->op->name, &OCELLI_SHAPE(x->dim[0], channels, x->dim[2], x->dim[3]),
                        &w, &conv));
    if (g.bias && (b->rank != 2 || b->dim[0] * g.v != w.dim[0] || b->dim[1] != g.v))
        return misfit(p);
    *out = g;
out:
    return err;
}

void conv2d_blocked_bias(struct launch *k, const struct conv2d_blocked *g)
{
    if (!g->bias)
        return;
    launch_define(k, "BIAS");
    launch_in(k, "b", 2);
}

/* ---- The operation ---- */

static int infer(struct problem *p)
{
    int err;
    struct conv2d_blocked g;
    TRY(check_floats(p));
    TRY(conv2d_blocked_geometry(&g, p));
    const struct conv2d *c = &g.c;
    p->out[0] = (struct desc){
        OCELLI_F32, {5, {c->n, (int64_t)c->groups * c->out_c / g.v, c->out[0], c->out[1], g.v}}};
out:
    return err;
}

struct cost conv2d_blocked_cost(const struct conv2d_blocked *g, const int *channels)
{
    struct conv2d c = g->c;
    if (g->form == FORM_DEPTHWISE && channels[1])
        c.groups = channels[1];
    else if (channels[0] && channels[1]) {
        c.in_c = channels[0] / c.groups;
        c.out_c = channels[1] / c.groups;
    }
    struct cost k = conv2d_cost(&c);
    k.bytes = 0; /* the tensors as they are */
    return k;
}

static struct cost cost(const struct problem *p)
{
    const struct conv2d_blocked_attr *a = p->attr;
    struct conv2d_blocked g;
    if (conv2d_blocked_geometry(&g, p) != 0)
        return (struct cost){0};
    return conv2d_blocked_cost(&g, a->channels);
}

/* The fast kernels take the bias as an input of their own: an epilogue's is one for dimension 1, a
 * block. */
static bool no_plain_bias(const struct problem *p)
{
    return p->epi.bias < 0;
}

/* ---- depthwise ---- */

enum { EACH, PIXELS };
static const struct tunable depthwise_tunables[] = {
    [EACH] = {"ROWS", (const int[]){1, 2, 4, 8, 16, 32, 64, 128, 256, 0}},
    [PIXELS] = {"DEEP_PX", (const int[]){7, 1, 2, 3, 4, 5, 6, 8, 0}},
    {0},
};

static bool depthwise_applicable(const struct problem *p, const struct caps *caps)
{
    struct conv2d_blocked g;
    return caps->cpu_style && no_plain_bias(p) && conv2d_blocked_geometry(&g, p) == 0 &&
           g.form == FORM_DEPTHWISE && g.c.kernel[1] <= 16; /* its columns are unrolled */
}

int conv2d_deep_pixels(int w)
{
    int best = 0;
    double least = 0;
    for (int px = 7; px >= 4; px--) {
        const double cycles = (double)div_up((size_t)w, (size_t)px) * (px + 1.5);
        if (best == 0 || cycles < least) {
            least = cycles;
            best = px;
        }
    }
    return best;
}

void conv2d_deep_define(struct launch *k, const struct conv2d *c, int px)
{
    launch_define(k, "DEEP_PX=%d", px);
    launch_define(k, "DEEP_KW=%d", c->kernel[1]);
    launch_define(k, "DEEP_SW=%d", c->stride[1]);
    launch_define(k, "DEEP_DW=%d", c->dilation[1]);
}

/* About 2 us a work-item (4,096 products of vectors), where that leaves four for every core. */
static void depthwise_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct conv2d_blocked g;
    if (conv2d_blocked_geometry(&g, p) != 0)
        return;
    const struct conv2d *c = &g.c;
    const int64_t rows = (int64_t)c->n * c->groups / g.v * c->out[0];
    const int64_t products = (int64_t)c->out[1] * c->kernel[0] * c->kernel[1];
    tv[EACH] = 1;
    tv[PIXELS] = conv2d_deep_pixels(c->out[1]);
    while (tv[EACH] < 256 && tv[EACH] * products < 4096 &&
           rows / (2 * tv[EACH]) >= 4 * caps->compute_units)
        tv[EACH] *= 2;
}

static int depthwise_plan(const struct problem *p, const struct caps *caps, const int *tv,
                          struct launches *l)
{
    (void)caps;
    struct conv2d_blocked g;
    int err = conv2d_blocked_geometry(&g, p);
    if (err)
        return err;
    const struct conv2d *c = &g.c;
    const int blocks = c->groups / g.v, rows = c->n * blocks * c->out[0];
    struct launch *k = launch_add(l, "conv2d_blocked_depthwise", "conv2d_blocked_depthwise");
    launch_define(k, "VW=%d", g.v);
    conv2d_deep_define(k, c, tv[PIXELS]);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_in(k, "w", 1);
    conv2d_blocked_bias(k, &g);
    launch_int(k, "all_rows", rows);
    launch_int(k, "each", tv[EACH]);
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
    launch_int(k, "gap", p->gap);
    launch_epilogue(k, p);
    launch_grid1(k, div_up((size_t)rows, (size_t)tv[EACH]), 1);
    return l->err;
}

/* ---- ref ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    static const char *const word[] = {[FORM_DIRECT] = "DIRECT",
                                       [FORM_DEPTHWISE] = "DEPTHWISE",
                                       [FORM_WINOGRAD] = "WINOGRAD",
                                       [FORM_WINOGRAD_2X3] = "WINOGRAD",
                                       [FORM_WINOGRAD_2X5] = "WINOGRAD"};
    (void)caps;
    struct conv2d_blocked g;
    int err = conv2d_blocked_geometry(&g, p);
    if (err)
        return err;
    const struct winograd f = conv2d_winograd_of(g.form);
    const size_t n = (size_t)shape_count(&p->out[0].shape);
    struct launch *k = launch_add(l, "conv2d_blocked_ref", "conv2d_blocked_ref");
    launch_define(k, "%s", word[g.form]);
    launch_define(k, "BLOCK=%d", g.v);
    launch_define(k, "X_BLOCK=%d", g.xv);
    if (f.window) {
        launch_define(k, "OUT=%d", f.out);
        launch_define(k, "WINDOW=%d", f.window);
    }
    conv2d_define(k, &g.c);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_in(k, "w", 1);
    conv2d_blocked_bias(k, &g);
    launch_int(k, "n", (int)n);
    conv2d_extents(k, &g.c);
    launch_int(k, "gap", p->gap);
    launch_epilogue(k, p);
    launch_grid1(k, n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "direct",
     .tunables = conv2d_tile_tunables,
     .applicable = conv2d_tile_applicable,
     .defaults = conv2d_tile_defaults,
     .valid = conv2d_tile_valid,
     .plan = conv2d_tile_plan},
    {.name = "depthwise",
     .tunables = depthwise_tunables,
     .applicable = depthwise_applicable,
     .defaults = depthwise_defaults,
     .plan = depthwise_plan},
    {.name = "winograd",
     .tunables = conv2d_winograd_tunables,
     .applicable = conv2d_winograd_applicable,
     .defaults = conv2d_winograd_defaults,
     .valid = conv2d_winograd_valid,
     .plan = conv2d_winograd_plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_conv2d_blocked = {
    .name = "conv2d_blocked",
    .in = {"x", "w", "b?"},
    .out = {"y"},
    .flags = OP_EPILOGUE | OP_GAP,
    .attr_size = sizeof(struct conv2d_blocked_attr),
    .attrs = attrs,
    .infer = infer,
    .cost = cost,
    .variants = variants,
};
