/* x / (bias + alpha / size sum x^2)^beta, the sum over `size` channels around each. */
#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/shared.h"

#define FIELD(f) offsetof(struct ocelli_lrn_params, f)
const struct attr lrn_attrs[] = {
    {.name = "size", .type = ATTR_INT, .offset = FIELD(size), .count = 1, .min = 1, .max = 1 << 20},
    {.name = "alpha", .type = ATTR_FLOAT, .offset = FIELD(alpha), .count = 1, .def = 1e-4},
    {.name = "beta", .type = ATTR_FLOAT, .offset = FIELD(beta), .count = 1, .def = 0.75},
    {.name = "bias", .type = ATTR_FLOAT, .offset = FIELD(bias), .count = 1, .def = 1},
    ATTR_END,
};

int check_lrn(const struct problem *p)
{
    char s[SHAPE_TEXT];
    if (p->in[0].shape.rank < 2)
        return fail(OCELLI_ERR_SHAPE, "%s: %s is %s, which has no channels", p->op->name,
                    p->op->in[0], shape_text(&p->in[0].shape, s));
    return check_floats(p);
}

/* Of an even window the longer part is ahead. */
void launch_lrn_window(struct launch *k, const struct ocelli_lrn_params *a, int area)
{
    if (a->beta == 0.75f)
        launch_define(k, "THREE_QUARTERS");
    launch_int(k, "below", (a->size - 1) / 2);
    launch_int(k, "above", a->size / 2);
    launch_int(k, "area", area);
    launch_float(k, "share", a->alpha / (float)a->size);
    launch_float(k, "beta", a->beta);
    launch_float(k, "bias", a->bias);
}

void launch_lrn(struct launch *k, const struct problem *p, int group)
{
    launch_lrn_window(k, p->attr, channels_of(&p->in[0]).s);
    launch_channels(k, p, group);
}

static int lrn_infer(struct problem *p)
{
    p->out[0] = p->in[0];
    return check_lrn(p);
}

static struct cost lrn_cost(const struct problem *p)
{
    const struct ocelli_lrn_params *a = p->attr;
    return (struct cost){.flops = (2.0 * a->size + 5) * (double)shape_count(&p->in[0].shape)};
}

static int lrn_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    dx[0] = graph_add(g, &op_lrn_bwd, n->attr, (const int[]){dy[0], n->in[0]});
    return g->status;
}

static int lrn_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                        struct launches *l)
{
    (void)caps;
    struct launch *k = launch_add(l, "lrn_ref", "lrn_ref");
    launch_storage(k, p);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_lrn(k, p, tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = lrn_ref_plan},
    {0},
};

const struct op op_lrn = {
    .name = "lrn",
    .onnx = "LRN",
    .in = {"x"},
    .out = {"y"},
    .half = 1,
    .attr_size = sizeof(struct ocelli_lrn_params),
    .attrs = lrn_attrs,
    .infer = lrn_infer,
    .cost = lrn_cost,
    .grad = lrn_grad,
    .variants = variants,
};
