/* A step of stochastic gradient descent; struct sgd_attr has the formula, which is PyTorch's (its
 * first step, where the momentum buffer becomes the gradient, is this one from zeros). */
#include "ops/attrs.h"
#include "ops/shared.h"

static const struct attr attrs[] = {
    {.name = "momentum",
     .type = ATTR_FLOAT,
     .offset = offsetof(struct sgd_attr, momentum),
     .count = 1,
     .min = 0,
     .max = 1e6},
    {.name = "weight_decay",
     .type = ATTR_FLOAT,
     .offset = offsetof(struct sgd_attr, weight_decay),
     .count = 1,
     .min = 0,
     .max = 1e6},
    {.name = "nesterov",
     .type = ATTR_BOOL,
     .offset = offsetof(struct sgd_attr, nesterov),
     .count = 1},
    {.name = "decoupled",
     .type = ATTR_BOOL,
     .offset = offsetof(struct sgd_attr, decoupled),
     .count = 1},
    ATTR_END,
};

enum { IN_W, IN_G, IN_LR, IN_V };

static int sgd_infer(struct problem *p)
{
    const struct sgd_attr *a = p->attr;
    bool has_v = p->in[IN_V].shape.rank >= 0;
    char s[SHAPE_TEXT];
    int err = 0;

    TRY(check_floats(p));
    TRY(check_same(p, IN_W, IN_G));
    if (p->in[IN_LR].shape.rank != 0)
        return fail(OCELLI_ERR_SHAPE, "sgd: lr is %s, not a scalar",
                    shape_text(&p->in[IN_LR].shape, s));
    if (a->nesterov && a->momentum == 0)
        return fail(OCELLI_ERR_INVALID, "sgd: nesterov without momentum");
    if (has_v != (a->momentum != 0))
        return fail(OCELLI_ERR_INVALID,
                    has_v ? "sgd: v without momentum" : "sgd: momentum without v");
    if (has_v)
        TRY(check_same(p, IN_W, IN_V));
out:
    return err;
}

static struct cost sgd_cost(const struct problem *p)
{
    const struct sgd_attr *a = p->attr;
    int per = 2 + 2 * (a->weight_decay != 0) + 2 * (a->momentum != 0) + 2 * a->nesterov;
    return (struct cost){.flops = per * (double)shape_count(&p->in[IN_W].shape)};
}

static int sgd_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                        struct launches *l)
{
    (void)caps;
    const struct sgd_attr *a = p->attr;
    int n = (int)shape_count(&p->in[IN_W].shape);
    struct launch *k = launch_add(l, "sgd_ref", "sgd_ref");
    launch_buffer(k, "w", REF_IN, IN_W, ACCESS_READ_WRITE);
    launch_in(k, "g", IN_G);
    launch_in(k, "lr", IN_LR);
    if (a->momentum != 0) {
        launch_define(k, "MOMENTUM");
        launch_buffer(k, "v", REF_IN, IN_V, ACCESS_READ_WRITE);
    }
    if (a->nesterov)
        launch_define(k, "NESTEROV");
    if (a->decoupled)
        launch_define(k, "DECOUPLED");
    launch_float(k, "momentum", a->momentum);
    launch_float(k, "decay", a->weight_decay);
    launch_int(k, "n", n);
    launch_grid1(k, (size_t)n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = sgd_ref_plan},
    {0},
};

const struct op op_sgd = {
    .name = "sgd",
    .in = {"w", "g", "lr", "v?"},
    .updates = 1 << IN_W | 1 << IN_V,
    .attr_size = sizeof(struct sgd_attr),
    .attrs = attrs,
    .infer = sgd_infer,
    .cost = sgd_cost,
    .variants = variants,
};
