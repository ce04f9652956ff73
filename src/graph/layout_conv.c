/* Convolutions and their gradients in blocks. */
#include "graph/layout.h"
#include "ops/conv2d_blocked.h"

/* ---- Forward ---- */

/* Adds the packed form of w. */
static int pack(struct layout *l, int w, int form, bool plain_x)
{
    struct conv2d_pack_attr a = {.form = form, .block = l->v, .x_block = plain_x ? 1 : l->v};
    return graph_add(l->g, &op_conv2d_pack, &a, (const int[OP_MAX_IN]){w});
}

/* n's epilogue but for its bias, which becomes an input. */
static bool fits_with_bias(const struct layout *l, struct node n)
{
    n.epi.bias = -1;
    return layout_epilogue_fits(l, &n);
}

/* In training, dx of few channels would be mostly padding, and stand between two reorders. */
static bool is_mostly_padding(const struct layout *l, const struct conv2d *c, int x)
{
    return l->trains && !is_blocked(l, x) && l->g->value[x].node >= 0 &&
           2 * c->in_c * c->groups < l->v;
}

int layout_conv(struct layout *l, const struct node *n, bool *done)
{
    struct graph *g = l->g;
    const int x = n->in[0], w = n->in[1];
    const struct ocelli_conv2d_params *conv = n->attr;
    struct conv2d_blocked_attr attr = {.conv = *conv};
    struct conv2d c;
    struct side side;
    int in[OP_MAX_IN] = {x, OCELLI_NONE, OCELLI_NONE}, err = 0;
    if (!layout_is_image(l, x) || !fits_with_bias(l, *n))
        return 0;
    TRY(conv2d_geometry(&c, "conv2d", shape_of(l, x), shape_of(l, w), conv));
    const struct conv2d_choice k = conv2d_choose(&c, l->caps, is_blocked(l, x), l->exact);
    if (!k.blocked || is_mostly_padding(l, &c, x))
        return 0;
    *done = l->packed[w] = l->any = true;
    attr.form = (int)k.form;
    attr.channels[0] = c.in_c * c.groups;
    attr.channels[1] = c.out_c * c.groups;
    if (k.form == FORM_DEPTHWISE)
        attr.conv.groups = 1;
    if (!k.stem)
        TRY(layout_need_blocked(l, x, &in[0]));
    if ((in[1] = pack(l, w, (int)k.form, k.stem)) == OCELLI_NONE)
        return g->status;
    if (n->epi.bias >= 0 && (in[2] = pack(l, n->in[n->epi.bias], FORM_BIAS, false)) == OCELLI_NONE)
        return g->status;
    TRY(layout_side(l, n, &side));
    graph_add(g, &op_conv2d_blocked, &attr, in);
    TRY(layout_finish(l, n, &side));
out:
    return err;
}

/* ---- Gradients ---- */

static bool is_depthwise(const struct conv2d *c)
{
    return c->groups > 1 && c->in_c == 1 && c->out_c == 1;
}

/* Do groups begin with blocks? */
static bool groups_fit(const struct layout *l, const struct conv2d *c)
{
    return c->groups == 1 || (c->in_c % l->v == 0 && c->out_c % l->v == 0);
}

/* The convolution that makes dx of dy, which it reads as c's y; false: there is none. */
static bool turned(const struct conv2d *c, const struct ocelli_conv2d_params *p, struct conv2d *t,
                   struct ocelli_conv2d_params *q)
{
    *t = *c;
    *q = *p;
    t->in_c = c->out_c;
    t->out_c = c->in_c;
    for (int i = 0; i < 2; i++) {
        const int reach = c->dilation[i] * (c->kernel[i] - 1);
        t->in[i] = c->out[i];
        t->out[i] = c->in[i];
        t->pad[i] = q->pad[i] = reach - p->pad[i];
        q->pad[2 + i] = c->in[i] - c->out[i] + reach - q->pad[i];
        if (c->stride[i] != 1 || q->pad[i] < 0 || q->pad[2 + i] < 0)
            return false;
    }
    return true;
}

int layout_conv_bwd_data(struct layout *l, const struct node *n, bool *done)
{
    const int dy = n->in[0], w = n->in[1];
    const struct conv2d_bwd_data_attr *a = n->attr;
    struct conv2d_pack_attr how = {.form = FORM_DIRECT,
                                   .block = l->v,
                                   .x_block = l->v,
                                   .backward = true,
                                   .groups = a->conv.groups};
    struct ocelli_conv2d_params conv;
    struct conv2d c, t;
    struct side side;
    int in[OP_MAX_IN] = {OCELLI_NONE, OCELLI_NONE, OCELLI_NONE}, err = 0;
    if ((!is_blocked(l, dy) && !l->packed[w]) || !layout_epilogue_fits(l, n))
        return 0;
    TRY(conv2d_geometry(&c, n->op->name, shape_of(l, n->out[0]), shape_of(l, w), &a->conv));
    const bool simple = turned(&c, &a->conv, &t, &conv);
    const struct conv2d_choice k = conv2d_choose(simple ? &t : &c, l->caps, true, l->exact);
    if (!k.blocked || !(groups_fit(l, &c) || is_depthwise(&c)))
        return 0;
    *done = true;
    if (is_depthwise(&c)) {
        how.form = FORM_DEPTHWISE;
        how.groups = conv.groups = 1;
    } else if (simple) {
        how.form = (int)k.form;
    }
    TRY(layout_need_blocked(l, dy, &in[0]));
    TRY(layout_side(l, n, &side));
    if ((in[1] = graph_add(l->g, &op_conv2d_pack, &how, (const int[OP_MAX_IN]){w})) == OCELLI_NONE)
        return l->g->status;
    const int channels[2] = {c.in_c * c.groups, c.out_c * c.groups};
    if (simple) {
        const struct conv2d_blocked_attr b = {conv, how.form, {channels[1], channels[0]}};
        graph_add(l->g, &op_conv2d_blocked, &b, in);
    } else {
        struct conv2d_blocked_bwd_data_attr b = {
            a->conv, how.form, {channels[0], channels[1]}, {a->size[0], a->size[1]}};
        b.conv.groups = how.groups;
        graph_add(l->g, &op_conv2d_blocked_bwd_data, &b, in);
    }
    TRY(layout_finish(l, n, &side));
out:
    return err;
}

int layout_conv_bwd_weights(struct layout *l, const struct node *n, bool *done)
{
    const int dy = n->in[0], x = n->in[1], dw = n->out[0];
    struct conv2d_blocked_bwd_weights_attr attr = {
        .conv = *(const struct ocelli_conv2d_params *)n->attr};
    struct conv2d c;
    int in[OP_MAX_IN] = {x}, err = 0;
    if (!is_blocked(l, dy) && !is_blocked(l, x))
        return 0;
    TRY(conv2d_geometry(&c, n->op->name, shape_of(l, x), shape_of(l, dw), &attr.conv));
    if (!groups_fit(l, &c) && !is_depthwise(&c))
        return 0;
    *done = true;
    attr.channels[0] = c.in_c * c.groups;
    attr.channels[1] = c.out_c * c.groups;
    if (is_blocked(l, x) || c.groups > 1)
        TRY(layout_need_blocked(l, x, &in[0]));
    TRY(layout_need_blocked(l, dy, &in[1]));
    graph_add(l->g, &op_conv2d_blocked_bwd_weights, &attr, in);
    TRY(layout_finish_plain(l, n));
out:
    return err;
}
