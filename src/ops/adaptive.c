/* A step of an optimiser that scales each weight's rate by the squares of its gradients: Adagrad (Duchi
 * et al. 2011), RMSProp (Tieleman and Hinton 2012), Adam (Kingma and Ba 2015) and, with decoupled
 * decay, AdamW (Loshchilov and Hutter 2019). struct adaptive_attr has the formulas, which are PyTorch's. */
#include "ops/attrs.h"
#include "ops/shared.h"

static const char *const words[] = {"adagrad", "rmsprop", "adam", NULL};

#define FIELD(f) offsetof(struct adaptive_attr, f)
static const struct attr attrs[] = {
    {.name = "kind", .type = ATTR_ENUM, .offset = FIELD(kind), .count = 1, .words = words, .min = 1},
    {.name = "momentum", .type = ATTR_FLOAT, .offset = FIELD(momentum), .count = 1, .min = 0, .max = 1},
    {.name = "decay", .type = ATTR_FLOAT, .offset = FIELD(decay), .count = 1, .min = 0, .max = 1},
    {.name = "epsilon", .type = ATTR_FLOAT, .offset = FIELD(epsilon), .count = 1, .def = 1e-8,
     .min = 0, .max = 1e6},
    {.name = "weight_decay", .type = ATTR_FLOAT, .offset = FIELD(weight_decay), .count = 1,
     .min = 0, .max = 1e6},
    {.name = "decoupled", .type = ATTR_BOOL, .offset = FIELD(decoupled), .count = 1},
    ATTR_END,
};

enum { IN_W, IN_G, IN_LR, IN_S, IN_M, IN_RUNS };

static int check_given(const struct problem *p, int input, bool wanted)
{
    const struct adaptive_attr *a = p->attr;
    if ((p->in[input].shape.rank >= 0) == wanted)
        return 0;
    return fail(OCELLI_ERR_INVALID, "adaptive: %s with momentum %g %s %s", words[a->kind - 1],
                (double)a->momentum, wanted ? "needs" : "has no", p->op->in[input]);
}

static int adaptive_infer(struct problem *p)
{
    const struct adaptive_attr *a = p->attr;
    bool adam = a->kind == ADAPTIVE_ADAM, has_m = adam || a->momentum != 0;
    int err = 0;
    TRY(check_floats(p));
    TRY(check_same(p, IN_W, IN_G));
    TRY(check_same(p, IN_W, IN_S));
    if (a->kind == ADAPTIVE_ADAGRAD && a->momentum != 0)
        return fail(OCELLI_ERR_INVALID, "adaptive: adagrad has no momentum");
    TRY(check_given(p, IN_M, has_m));
    TRY(check_given(p, IN_RUNS, adam));
    if (has_m)
        TRY(check_same(p, IN_W, IN_M));
    if (p->in[IN_LR].shape.rank != 0 || (adam && p->in[IN_RUNS].shape.rank != 0))
        return fail(OCELLI_ERR_SHAPE, "adaptive: lr and runs are scalars");
out:
    return err;
}

static struct cost adaptive_cost(const struct problem *p)
{
    return (struct cost){.flops = 10 * (double)shape_count(&p->in[IN_W].shape)};
}

static int adaptive_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                             struct launches *l)
{
    (void)caps;
    const struct adaptive_attr *a = p->attr;
    int n = (int)shape_count(&p->in[IN_W].shape);
    struct launch *k = launch_add(l, "adaptive_ref", "adaptive_ref");
    launch_buffer(k, "w", REF_IN, IN_W, ACCESS_READ_WRITE);
    launch_in(k, "g", IN_G);
    launch_in(k, "lr", IN_LR);
    launch_buffer(k, "s", REF_IN, IN_S, ACCESS_READ_WRITE);
    if (p->in[IN_M].shape.rank >= 0) {
        launch_define(k, "HAS_M");
        launch_buffer(k, "m", REF_IN, IN_M, ACCESS_READ_WRITE);
    }
    if (a->kind == ADAPTIVE_ADAM)
        launch_in(k, "runs", IN_RUNS);
    launch_define(k, "KIND_%s", words[a->kind - 1]);
    if (a->decoupled)
        launch_define(k, "DECOUPLED");
    launch_float(k, "momentum", a->momentum);
    launch_float(k, "decay", a->decay);
    launch_float(k, "epsilon", a->epsilon);
    launch_float(k, "weight_decay", a->weight_decay);
    launch_int(k, "n", n);
    launch_grid1(k, (size_t)n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = adaptive_ref_plan},
    {0},
};

const struct op op_adaptive = {
    .name = "adaptive",
    .in = {"w", "g", "lr", "s", "m?", "runs?"},
    .updates = 1 << IN_W | 1 << IN_S | 1 << IN_M,
    .attr_size = sizeof(struct adaptive_attr),
    .attrs = attrs,
    .infer = adaptive_infer,
    .cost = adaptive_cost,
    .variants = variants,
};
