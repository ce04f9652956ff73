/* Weights of a convolution as the blocked kernels read them. */
#include "ops/conv2d_blocked.h"
#include "ops/shared.h"

const char *const conv2d_form_words[] = {"direct",    "depthwise", "winograd", "winograd2x3",
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

static int infer(struct problem *p)
{
    const struct conv2d_pack_attr *a = p->attr;
    const int64_t *w = p->in[0].shape.dim, v = a->block, b = a->x_block;
    const struct winograd f = conv2d_winograd_of((enum conv2d_form)a->form);
    struct ocelli_shape y = {0};
    char text[SHAPE_TEXT];
    int err = 0;
    TRY(check_floats(p));
    TRY(check_rank(p, 0, a->form == FORM_BIAS ? 1 : 4));
    if (!block_is_legal(v) || (b != 1 && !block_is_legal(b)))
        return fail(OCELLI_ERR_INVALID, "conv2d_pack: a block is 4, 8 or 16 channels");
    switch ((enum conv2d_form)a->form) {
    case FORM_DIRECT:
        y = (struct ocelli_shape){6, {blocks(w[0], v), blocks(w[1], b), w[2], w[3], b, v}};
        break;
    case FORM_DEPTHWISE:
        if (w[1] != 1)
            return fail(OCELLI_ERR_SHAPE, "conv2d_pack: w is %s, not C x 1 x R x S",
                        shape_text(&p->in[0].shape, text));
        y = (struct ocelli_shape){4, {blocks(w[0], v), w[2], w[3], v}};
        break;
    case FORM_WINOGRAD:
    case FORM_WINOGRAD_2X3:
    case FORM_WINOGRAD_2X5:
        if (w[2] != f.taps || w[3] != f.taps)
            return fail(OCELLI_ERR_SHAPE, "conv2d_pack: w is %s, not M x C x %d x %d",
                        shape_text(&p->in[0].shape, text), f.taps, f.taps);
        y = (struct ocelli_shape){
            4, {blocks(w[0], v), f.window * f.window, blocks(w[1], b) * b, v}};
        break;
    case FORM_BIAS:
        y = (struct ocelli_shape){2, {blocks(w[0], v), v}};
        break;
    }
    p->out[0] = (struct desc){OCELLI_F32, y};
out:
    return err;
}

/* ---- ref ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    static const char *const word[] = {[FORM_DIRECT] = "DIRECT",
                                       [FORM_DEPTHWISE] = "DEPTHWISE",
                                       [FORM_WINOGRAD] = "WINOGRAD",
                                       [FORM_WINOGRAD_2X3] = "WINOGRAD",
                                       [FORM_WINOGRAD_2X5] = "WINOGRAD",
                                       [FORM_BIAS] = "BIAS"};
    (void)caps;
    const struct conv2d_pack_attr *a = p->attr;
    const struct ocelli_shape *w = &p->in[0].shape, *y = &p->out[0].shape;
    const struct winograd f = conv2d_winograd_of((enum conv2d_form)a->form);
    const size_t n = (size_t)shape_count(y) / (size_t)MAX(f.window * f.window, 1);
    struct launch *k = launch_add(l, "conv2d_pack_ref", "conv2d_pack_ref");
    launch_define(k, "%s", word[a->form]);
    launch_define(k, "BLOCK=%d", a->block);
    launch_define(k, "X_BLOCK=%d", a->x_block);
    if (f.window) {
        launch_define(k, "WINDOW=%d", f.window);
        launch_define(k, "TAPS=%d", f.taps);
    }
    launch_out(k, "y", 0);
    launch_in(k, "w", 0);
    launch_int(k, "n", (int)n);
    launch_int(k, "filters", (int)w->dim[0]);
    launch_int(k, "depth", w->rank > 1 ? (int)w->dim[1] : 1);
    launch_int(k, "taps", w->rank > 1 ? (int)(w->dim[2] * w->dim[3]) : 1);
    launch_grid1(k, n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
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
