/* Weights of a convolution as the blocked kernels read them. */
#include "ops/conv2d_blocked.h"
#include "ops/shared.h"

const char *const conv2d_form_words[] = {"direct",      "depthwise", "winograd", "winograd2x3",
                                         "winograd2x5", "bias",      NULL};

static const struct attr attrs[] = {
    {.name = "form",
     .type = ATTR_ENUM,
     .offset = offsetof(struct conv2d_pack_attr, form),
     .count = 1,
     .words = conv2d_form_words},
    {.name = "block",
     .type = ATTR_INT,
     .offset = offsetof(struct conv2d_pack_attr, block),
     .count = 1,
     .def = 16,
     .min = 4,
     .max = 16},
    {.name = "x_block",
     .type = ATTR_INT,
     .offset = offsetof(struct conv2d_pack_attr, x_block),
     .count = 1,
     .def = 1,
     .min = 1,
     .max = 16},
    {.name = "backward",
     .type = ATTR_BOOL,
     .offset = offsetof(struct conv2d_pack_attr, backward),
     .count = 1},
    {.name = "groups",
     .type = ATTR_INT,
     .offset = offsetof(struct conv2d_pack_attr, groups),
     .count = 1,
     .def = 1,
     .min = 1,
     .max = CONV2D_MAX},
    ATTR_END,
};

bool block_is_legal(int64_t v)
{
    return v == 4 || v == 8 || v == 16;
}

static int64_t blocks(int64_t n, int64_t v)
{
    return (n + v - 1) / v;
}

/* ---- The filter that is packed: w, or what `backward` makes of it ---- */

struct filter {
    int filters, depth, taps;
    int per;             /* filters of a group */
    int group, lane, in; /* floats of w from group to group, filter to filter, channel to channel */
    bool turned;
};

static struct filter filter_of(const struct problem *p)
{
    const struct conv2d_pack_attr *a = p->attr;
    const struct ocelli_shape *w = &p->in[0].shape;
    struct filter f = {.filters = (int)w->dim[0], .depth = 1, .taps = 1};
    if (w->rank == 4) {
        f.depth = (int)w->dim[1];
        f.taps = (int)(w->dim[2] * w->dim[3]);
        f.turned = a->backward;
    }
    f.per = f.filters;
    f.in = f.taps;
    f.lane = f.depth * f.taps;
    if (!a->backward || a->form == FORM_DEPTHWISE)
        return f;
    f.per = f.depth;
    f.filters = f.per * a->groups;
    f.depth = (int)w->dim[0] / a->groups;
    f.lane = f.taps;
    f.in = f.per * f.taps;
    f.group = f.depth * f.in;
    return f;
}

static int check_backward(const struct problem *p)
{
    const struct conv2d_pack_attr *a = p->attr;
    char text[SHAPE_TEXT];
    if (a->form == FORM_BIAS || (!a->backward && a->groups != 1))
        return fail(OCELLI_ERR_INVALID, "conv2d_pack: %s",
                    a->backward ? "a bias is not turned" : "groups are for backward");
    if (p->in[0].shape.dim[0] % a->groups)
        return fail(OCELLI_ERR_SHAPE, "conv2d_pack: w is %s, with %d groups",
                    shape_text(&p->in[0].shape, text), a->groups);
    return 0;
}

static int infer(struct problem *p)
{
    const struct conv2d_pack_attr *a = p->attr;
    const int64_t *w = p->in[0].shape.dim, v = a->block, b = a->x_block;
    const struct winograd form = conv2d_winograd_of((enum conv2d_form)a->form);
    struct ocelli_shape y = {0};
    char text[SHAPE_TEXT];
    int err = 0;
    TRY(check_floats(p));
    TRY(check_rank(p, 0, a->form == FORM_BIAS ? 1 : 4));
    if (!block_is_legal(v) || (b != 1 && !block_is_legal(b)))
        return fail(OCELLI_ERR_INVALID, "conv2d_pack: a block is 4, 8 or 16 channels");
    if (a->backward || a->groups != 1)
        TRY(check_backward(p));
    const struct filter f = filter_of(p);
    switch ((enum conv2d_form)a->form) {
    case FORM_DIRECT:
        y = (struct ocelli_shape){6, {blocks(f.filters, v), blocks(f.depth, b), w[2], w[3], b, v}};
        break;
    case FORM_DEPTHWISE:
        if (w[1] != 1)
            return fail(OCELLI_ERR_SHAPE, "conv2d_pack: w is %s, not C x 1 x R x S",
                        shape_text(&p->in[0].shape, text));
        y = (struct ocelli_shape){4, {blocks(f.filters, v), w[2], w[3], v}};
        break;
    case FORM_WINOGRAD:
    case FORM_WINOGRAD_2X3:
    case FORM_WINOGRAD_2X5:
        if (w[2] != form.taps || w[3] != form.taps)
            return fail(OCELLI_ERR_SHAPE, "conv2d_pack: w is %s, not M x C x %d x %d",
                        shape_text(&p->in[0].shape, text), form.taps, form.taps);
        y = (struct ocelli_shape){
            4, {blocks(f.filters, v), form.window * form.window, blocks(f.depth, b) * b, v}};
        break;
    case FORM_BIAS:
        y = (struct ocelli_shape){2, {blocks(f.filters, v), v}};
        break;
    }
    p->out[0] = (struct desc){OCELLI_F32, y};
out:
    return err;
}

/* Channels together; depthwise filters and biases are packed as filters of one channel. */
static int x_block_of(const struct conv2d_pack_attr *a)
{
    return a->form == FORM_DEPTHWISE || a->form == FORM_BIAS ? 1 : a->x_block;
}

/* Arguments of both kernels. */
static void launch_filter(struct launch *k, const struct problem *p, const struct filter *f)
{
    const struct conv2d_pack_attr *a = p->attr;
    const struct winograd form = conv2d_winograd_of((enum conv2d_form)a->form);
    if (form.window) {
        launch_define(k, "WINOGRAD");
        launch_define(k, "WINDOW=%d", form.window);
        launch_define(k, "TAPS=%d", form.taps);
    }
    if (f->turned)
        launch_define(k, "TURNED");
    launch_define(k, "X_BLOCK=%d", x_block_of(a));
    launch_out(k, "y", 0);
    launch_in(k, "w", 0);
    launch_int(k, "filters", f->filters);
    launch_int(k, "depth", f->depth);
    launch_int(k, "taps", f->taps);
    launch_int(k, "per", f->per);
    launch_int(k, "group", f->group);
    launch_int(k, "lane", f->lane);
    launch_int(k, "in", f->in);
}

/* ---- tiles ---- */

static bool tiles_applicable(const struct problem *p, const struct caps *caps)
{
    const struct conv2d_pack_attr *a = p->attr;
    const struct filter f = filter_of(p);
    return caps->cpu_style && (f.per == f.filters || f.per % a->block == 0);
}

#define TILES_FLOATS 4096 /* of the packed filter, about so many a work-item: some microseconds */

static int tiles_plan(const struct problem *p, const struct caps *caps, const int *tv,
                      struct launches *l)
{
    (void)caps, (void)tv;
    const struct conv2d_pack_attr *a = p->attr;
    const struct filter f = filter_of(p);
    const size_t in_blocks = div_up((size_t)f.depth, (size_t)x_block_of(a));
    const size_t tile = (size_t)f.taps * (size_t)(a->block * x_block_of(a));
    const size_t each = MAX(TILES_FLOATS / tile, 1);
    struct launch *k = launch_add(l, "conv2d_pack_tiles", "conv2d_pack_tiles");
    launch_define(k, "VW=%d", a->block);
    launch_filter(k, p, &f);
    launch_int(k, "each", (int)each);
    if (conv2d_winograd_of((enum conv2d_form)a->form).window)
        launch_local(k, "u", tile * sizeof(float));
    launch_grid2(k, div_up(in_blocks, each), div_up((size_t)f.filters, (size_t)a->block), 1, 1);
    return l->err;
}

/* ---- ref ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    (void)caps;
    const struct conv2d_pack_attr *a = p->attr;
    const struct filter f = filter_of(p);
    const int window = conv2d_winograd_of((enum conv2d_form)a->form).window;
    const size_t n = (size_t)shape_count(&p->out[0].shape) / (size_t)MAX(window * window, 1);
    struct launch *k = launch_add(l, "conv2d_pack_ref", "conv2d_pack_ref");
    launch_define(k, "BLOCK=%d", a->block);
    launch_filter(k, p, &f);
    launch_int(k, "n", (int)n);
    launch_grid1(k, n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "tiles", .applicable = tiles_applicable, .plan = tiles_plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_conv2d_pack = {
    .name = "conv2d_pack",
    .in = {"w"},
    .out = {"y"},
    .attr_size = sizeof(struct conv2d_pack_attr),
    .attrs = attrs,
    .infer = infer,
    .variants = variants,
};
