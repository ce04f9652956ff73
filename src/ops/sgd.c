/* A step of stochastic gradient descent; struct sgd_attr has the formula, which is PyTorch's (its
 * first step, where the momentum buffer becomes the gradient, is this one from zeros). */
#include "ops/attrs.h"
#include "ops/shared.h"

const struct attr sgd_attrs[] = {
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

int check_sgd(const struct problem *p, int lr, int v)
{
    const struct sgd_attr *a = p->attr;
    const char *name = p->op->name;
    bool has_v = p->in[v].shape.rank >= 0;
    char s[SHAPE_TEXT];
    int err = 0;

    TRY(check_floats(p));
    if (p->in[lr].shape.rank != 0)
        return fail(OCELLI_ERR_SHAPE, "%s: lr is %s, not a scalar", name,
                    shape_text(&p->in[lr].shape, s));
    if (a->nesterov && a->momentum == 0)
        return fail(OCELLI_ERR_INVALID, "%s: nesterov without momentum", name);
    if (has_v != (a->momentum != 0))
        return fail(OCELLI_ERR_INVALID, has_v ? "%s: v without momentum" : "%s: momentum without v",
                    name);
    if (has_v)
        TRY(check_same(p, IN_W, v));
out:
    return err;
}

static int sgd_infer(struct problem *p)
{
    int err = check_sgd(p, IN_LR, IN_V);
    return err ? err : check_same(p, IN_W, IN_G);
}

int sgd_flops(const struct sgd_attr *a)
{
    return 2 + 2 * (a->weight_decay != 0) + 2 * (a->momentum != 0) + 2 * a->nesterov;
}

static struct cost sgd_cost(const struct problem *p)
{
    return (struct cost){.flops = sgd_flops(p->attr) * (double)shape_count(&p->in[IN_W].shape)};
}

void launch_sgd(struct launch *k, const struct problem *p, int lr, int v)
{
    const struct sgd_attr *a = p->attr;
    launch_buffer(k, "w", REF_IN, IN_W, ACCESS_READ_WRITE);
    if (a->momentum != 0) {
        launch_define(k, "MOMENTUM");
        launch_buffer(k, "v", REF_IN, v, ACCESS_READ_WRITE);
    }
    if (a->nesterov)
        launch_define(k, "NESTEROV");
    if (a->decoupled)
        launch_define(k, "DECOUPLED");
    launch_in(k, "lr", lr);
    launch_float(k, "momentum", a->momentum);
    launch_float(k, "decay", a->weight_decay);
}

static int sgd_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                        struct launches *l)
{
    (void)caps;
    int n = (int)shape_count(&p->in[IN_W].shape);
    struct launch *k = launch_add(l, "sgd_ref", "sgd_ref");
    launch_sgd(k, p, IN_LR, IN_V);
    launch_in(k, "g", IN_G);
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
    .attrs = sgd_attrs,
    .infer = sgd_infer,
    .cost = sgd_cost,
    .variants = variants,
};
