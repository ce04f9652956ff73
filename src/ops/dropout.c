/* Dropout (Srivastava et al. 2014), scaled while training: each element is 0 with probability `ratio`,
 * the others are divided by 1 - ratio. Which ones is a function of seed, run and the element's number
 * (random_at() of base/hash.h, the same on every device), so the backward pass needs no mask: the gradient
 * is dropout itself. */
#include "ops/attrs.h"
#include "ops/blocks.h"
#include "ops/graph.h"
#include "ops/shared.h"

#include <math.h>

#define FIELD(f) offsetof(struct dropout_attr, f)
static const struct attr attrs[] = {
    {.name = "ratio", .type = ATTR_FLOAT, .offset = FIELD(ratio), .count = 1, .def = 0.5, .min = 0,
     .max = 0.999},
    {.name = "seed", .type = ATTR_INT, .offset = FIELD(seed), .count = 1, .min = 0,
     .max = 1 << 30},
    {.name = "parts", .type = ATTR_INT, .offset = FIELD(parts), .count = 1, .def = 1, .min = 1,
     .max = 1 << 20},
    {.name = "lanes", .type = ATTR_INT, .offset = FIELD(lanes), .count = 1, .def = 1, .min = 1,
     .max = 1 << 10},
    {.name = "lane", .type = ATTR_INT, .offset = FIELD(lane), .count = 1, .min = 0, .max = 1 << 10},
    BLOCKS_CHANNELS_ATTR(struct dropout_attr),
    ATTR_END,
};

static int dropout_infer(struct problem *p)
{
    int err = 0;
    char s[SHAPE_TEXT];
    TRY(check_floats(p));
    if (p->in[1].shape.rank != 0)
        return fail(OCELLI_ERR_SHAPE, "dropout: run is %s, not a scalar",
                    shape_text(&p->in[1].shape, s));
    int64_t channels;
    const struct dropout_attr *a = p->attr;
    if (a->channels)
        TRY(check_blocked(p, 0, a->channels, &channels));
    p->out[0] = p->in[0];
out:
    return err;
}

static int dropout_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    dx[0] = graph_add(g, &op_dropout, n->attr, (const int[]){dy[0], n->in[1]});
    return g->status;
}

static int dropout_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                            struct launches *l)
{
    (void)caps;
    const struct dropout_attr *a = p->attr;
    int n = (int)shape_count(&p->in[0].shape);
    struct blocks b;
    struct launch *k = launch_add(l, "dropout_ref", "dropout_ref");
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_in(k, "run", 1);
    if (a->parts * a->lanes > 1)
        launch_define(k, "PARTS=%d", a->parts);
    launch_int(k, "seed", a->seed);
    launch_int(k, "threshold", (int)dropout_threshold(a->ratio));
    launch_float(k, "factor", 1 / (1 - a->ratio));
    if (a->parts * a->lanes > 1) {
        launch_int(k, "lanes", a->lanes);
        launch_int(k, "lane", a->lane);
    }
    launch_int(k, "n", n);
    if (a->channels && blocks_of(&p->in[0].shape, a->channels, &b)) {
        launch_define(k, "BLOCK=%d", b.v);
        launch_int(k, "blocks", b.blocks);
        launch_int(k, "area", b.area);
        launch_int(k, "channels", b.channels);
    }
    launch_grid1(k, (size_t)n, (size_t)tv[0]);
    return l->err;
}

uint32_t dropout_threshold(float ratio)
{
    return (uint32_t)lrint((double)ratio * (1 << DROPOUT_BITS));
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = dropout_ref_plan},
    {0},
};

const struct op op_dropout = {
    .name = "dropout",
    .in = {"x", "run"},
    .out = {"y"},
    .flags = OP_INPLACE,
    .attr_size = sizeof(struct dropout_attr),
    .attrs = attrs,
    .infer = dropout_infer,
    .grad = dropout_grad,
    .variants = variants,
};
