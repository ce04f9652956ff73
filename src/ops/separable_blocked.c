/* A depthwise convolution and the 1x1 convolution of its result, which is never stored: both on
 * blocked channels, with packed weights (conv2d_blocked.h). */
#include "ops/conv2d_blocked.h"

#include "ops/shared.h"

#define FIELD(name) offsetof(struct separable_blocked_attr, name)
static const struct attr attrs[] = {
    CONV2D_ATTRS,
    {.name = "function",
     .type = ATTR_ENUM,
     .offset = FIELD(function),
     .count = 1,
     .words = act_names},
    {.name = "alpha", .type = ATTR_FLOAT, .offset = FIELD(alpha), .count = 1},
    {.name = "beta", .type = ATTR_FLOAT, .offset = FIELD(beta), .count = 1},
    {.name = "channels",
     .type = ATTR_INT,
     .offset = FIELD(channels),
     .count = 2,
     .min = 0,
     .max = CONV2D_MAX},
    ATTR_END,
};

/* ---- Geometry ---- */

static int misfit(const struct problem *p)
{
    char x[SHAPE_TEXT], w[SHAPE_TEXT], d[SHAPE_TEXT];
    return fail(OCELLI_ERR_SHAPE,
                "separable_blocked: x is %s, d is %s, w is %s, or their biases do not fit",
                shape_text(&p->in[0].shape, x), shape_text(&p->in[3].shape, d),
                shape_text(&p->in[1].shape, w));
}

/* b is absent, or a number for each of so many blocks' channels. */
static bool bias_fits(const struct ocelli_shape *b, int64_t blocks, int64_t v)
{
    return b->rank < 0 || (b->rank == 2 && b->dim[0] == blocks && b->dim[1] == v);
}

int separable_geometry(struct conv2d_blocked *point, struct conv2d_deep *deep,
                       const struct problem *p)
{
    const struct separable_blocked_attr *a = p->attr;
    const struct ocelli_shape *x = &p->in[0].shape, *w = &p->in[1].shape, *b = &p->in[2].shape,
                              *d = &p->in[3].shape, *e = &p->in[4].shape;
    struct ocelli_conv2d_params conv = a->conv;
    struct conv2d_deep k = {.bias = e->rank >= 0, .act = {a->function, a->alpha, a->beta}};
    int err = 0;
    if (x->rank != 5 || w->rank != 6 || d->rank != 4 || conv.groups != 1 ||
        !block_is_legal(x->dim[4]))
        return misfit(p);
    const int64_t v = x->dim[4], channels = x->dim[1] * v;
    if (w->dim[1] != x->dim[1] || w->dim[2] != 1 || w->dim[3] != 1 || w->dim[4] != v ||
        w->dim[5] != v || d->dim[0] != x->dim[1] || d->dim[3] != v || !bias_fits(b, w->dim[0], v) ||
        !bias_fits(e, x->dim[1], v))
        return misfit(p);
    struct conv2d_blocked g = {
        .form = FORM_DIRECT, .v = (int)v, .xv = (int)v, .bias = b->rank >= 0};
    const struct ocelli_shape filter = OCELLI_SHAPE(channels, 1, d->dim[1], d->dim[2]),
                              mixer = OCELLI_SHAPE(w->dim[0] * v, channels, 1, 1);
    conv.groups = (int)channels;
    TRY(conv2d_geometry(&k.c, p->op->name, &OCELLI_SHAPE(x->dim[0], channels, x->dim[2], x->dim[3]),
                        &filter, &conv));
    TRY(conv2d_geometry(
        &g.c, p->op->name, &OCELLI_SHAPE(x->dim[0], channels, k.c.out[0], k.c.out[1]), &mixer,
        &(struct ocelli_conv2d_params){.stride = {1, 1}, .dilation = {1, 1}, .groups = 1}));
    *point = g;
    *deep = k;
out:
    return err;
}

/* ---- The operation ---- */

static int infer(struct problem *p)
{
    int err;
    struct conv2d_blocked g;
    struct conv2d_deep d;
    TRY(check_floats(p));
    TRY(separable_geometry(&g, &d, p));
    p->out[0] =
        (struct desc){OCELLI_F32, {5, {g.c.n, g.c.out_c / g.v, g.c.out[0], g.c.out[1], g.v}}};
out:
    return err;
}

static struct cost cost(const struct problem *p)
{
    const struct separable_blocked_attr *a = p->attr;
    struct conv2d_blocked g;
    struct conv2d_deep d;
    if (separable_geometry(&g, &d, p) != 0)
        return (struct cost){0};
    if (a->channels[0])
        d.c.groups = a->channels[0];
    struct cost k = conv2d_blocked_cost(&g, a->channels), first = conv2d_cost(&d.c);
    k.flops += first.flops;
    k.macs += first.macs;
    return k;
}

/* ---- direct ---- */

/* With the best tile. */
static bool geometry(const struct problem *p, const struct caps *caps, struct conv2d_blocked *g,
                     struct conv2d_deep *d, int *tv)
{
    if (separable_geometry(g, d, p) != 0)
        return false;
    g->deep = d;
    conv2d_tile_choose(g, caps, tv);
    return true;
}

static bool applicable(const struct problem *p, const struct caps *caps)
{
    struct conv2d_blocked g;
    struct conv2d_deep d;
    int tv[MAX_TUNABLES] = {0};
    return caps->cpu_style && p->epi.bias < 0 && geometry(p, caps, &g, &d, tv) &&
           d.c.kernel[1] <= 16 && /* its columns are unrolled */
           conv2d_tile_fits(&g, caps, tv);
}

static void defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct conv2d_blocked g;
    struct conv2d_deep d;
    geometry(p, caps, &g, &d, tv);
}

static bool valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    struct conv2d_blocked g;
    struct conv2d_deep d;
    if (separable_geometry(&g, &d, p) != 0)
        return false;
    g.deep = &d;
    return conv2d_tile_fits(&g, caps, tv);
}

static int plan(const struct problem *p, const struct caps *caps, const int *tv, struct launches *l)
{
    (void)caps;
    struct conv2d_blocked g;
    struct conv2d_deep d;
    int err = separable_geometry(&g, &d, p);
    if (err)
        return err;
    g.deep = &d;
    conv2d_tile_launch(l, p, &g, tv);
    return l->err;
}

/* What a launch costs the processor, and the other one while it waits; how much longer tiles take
 * whose pixels were just made (measured: 3 to 8 %, as much as all the rest saves where images are
 * large). */
#define LAUNCH_CYCLES 10000
#define TILE_FACTOR 1.06

bool separable_pays(const struct problem *p, const struct caps *caps)
{
    struct conv2d_blocked g;
    struct conv2d_deep d;
    int tv[MAX_TUNABLES] = {0}, alone[MAX_TUNABLES] = {0};
    if (!applicable(p, caps) || !geometry(p, caps, &g, &d, tv))
        return false;
    const double both = TILE_FACTOR * conv2d_tile_cycles(&g, caps, tv);
    g.deep = NULL;
    conv2d_tile_choose(&g, caps, alone);
    return both < LAUNCH_CYCLES + conv2d_deep_cycles(&d.c, g.v, caps) +
                      conv2d_tile_cycles(&g, caps, alone);
}

/* ---- ref ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    (void)caps;
    struct conv2d_blocked g;
    struct conv2d_deep d;
    int err = separable_geometry(&g, &d, p);
    if (err)
        return err;
    const size_t n = (size_t)shape_count(&p->out[0].shape);
    struct launch *k = launch_add(l, "separable_blocked_ref", "separable_blocked_ref");
    launch_define(k, "BLOCK=%d", g.v);
    conv2d_define(k, &d.c);
    launch_act(k, "DEEP_ACT", &d.act);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_in(k, "w", 1);
    conv2d_blocked_bias(k, &g);
    launch_in(k, "d", 3);
    if (d.bias) {
        launch_define(k, "DEEP_BIAS");
        launch_in(k, "e", 4);
    }
    launch_int(k, "n", (int)n);
    launch_int(k, "in_blocks", g.c.in_c / g.v);
    launch_int(k, "in_h", d.c.in[0]);
    launch_int(k, "in_w", d.c.in[1]);
    launch_int(k, "out_blocks", g.c.out_c / g.v);
    launch_int(k, "out_h", g.c.out[0]);
    launch_int(k, "out_w", g.c.out[1]);
    launch_int(k, "gap", p->gap);
    launch_epilogue(k, p);
    launch_grid1(k, n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "direct", /* cl/conv2d_blocked_direct.cl */
     .tunables = conv2d_tile_tunables,
     .applicable = applicable,
     .defaults = defaults,
     .valid = valid,
     .plan = plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_separable_blocked = {
    .name = "separable_blocked",
    .in = {"x", "w", "b?", "d", "e?"},
    .out = {"y"},
    .flags = OP_EPILOGUE | OP_GAP,
    .attr_size = sizeof(struct separable_blocked_attr),
    .attrs = attrs,
    .infer = infer,
    .cost = cost,
    .variants = variants,
};
