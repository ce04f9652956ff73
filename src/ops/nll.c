/* -weight[t] x[n][t][..], t the target at n, .. */
#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/shared.h"

#define FIELD(f) offsetof(struct ocelli_nll_params, f)
static const struct attr attrs[] = {
    {.name = "has_ignore", .type = ATTR_BOOL, .offset = FIELD(has_ignore), .count = 1},
    {.name = "ignore", .type = ATTR_INT, .offset = FIELD(ignore), .count = 1},
    {.name = "weights_only", .type = ATTR_BOOL, .offset = FIELD(weights_only), .count = 1},
    ATTR_END,
};

enum { IN_X, IN_TARGET, IN_WEIGHT };

int check_target(const struct problem *p, int i)
{
    if (p->in[i].dtype == OCELLI_I32 || p->in[i].dtype == OCELLI_I64)
        return 0;
    return fail(OCELLI_ERR_SHAPE, "%s: target is %s, not i32 or i64", p->op->name,
                dtype_name(p->in[i].dtype));
}

static int nll_infer(struct problem *p)
{
    const struct ocelli_shape *x = &p->in[IN_X].shape, *t = &p->in[IN_TARGET].shape;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    int err = 0;
    TRY(check_target(p, IN_TARGET));
    if (p->in[IN_X].dtype != OCELLI_F32)
        return fail(OCELLI_ERR_SHAPE, "nll: x is %s, not f32", dtype_name(p->in[IN_X].dtype));
    bool fits = x->rank >= 2 && t->rank == x->rank - 1 && t->dim[0] == x->dim[0];
    for (int d = 2; fits && d < x->rank; d++)
        fits = t->dim[d - 1] == x->dim[d];
    if (!fits)
        return fail(OCELLI_ERR_SHAPE, "nll: target %s is not x %s without its classes",
                    shape_text(t, a), shape_text(x, b));
    if (p->in[IN_WEIGHT].shape.rank >= 0) {
        TRY(check_channels(p, IN_WEIGHT, IN_X));
        if (p->in[IN_WEIGHT].dtype != OCELLI_F32)
            return fail(OCELLI_ERR_SHAPE, "nll: weight is %s, not f32",
                        dtype_name(p->in[IN_WEIGHT].dtype));
    }
    p->out[0] = (struct desc){OCELLI_F32, *t};
out:
    return err;
}

static int nll_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    struct nll_bwd_attr a = {*(const struct ocelli_nll_params *)n->attr, 0};
    if (a.nll.weights_only)
        return 0;
    a.classes = (int)g->value[n->in[IN_X]].desc.shape.dim[1];
    dx[IN_X] = graph_add(g, &op_nll_bwd, &a, (const int[]){dy[0], n->in[IN_TARGET], n->in[IN_WEIGHT]});
    return g->status;
}

/* Behind the arguments before x: target, weight, classes, and who is ignored. */
void launch_nll(struct launch *k, const struct problem *p, int target, int classes,
                const struct ocelli_nll_params *a)
{
    launch_type(k, "T", p->in[target].dtype);
    launch_in(k, "target", target);
    if (p->in[target + 1].shape.rank >= 0) {
        launch_define(k, "WEIGHT");
        launch_in(k, "weight", target + 1);
    }
    launch_int(k, "classes", classes);
    if (a->has_ignore)
        launch_define(k, "IGNORE");
    launch_int(k, "ignored", a->ignore);
}

static int nll_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                        struct launches *l)
{
    (void)caps;
    const struct ocelli_nll_params *a = p->attr;
    struct channels x = channels_of(&p->in[IN_X]);
    int n = (int)shape_count(&p->out[0].shape);
    struct launch *k = launch_add(l, "nll_ref", "nll_ref");
    launch_out(k, "y", 0);
    if (a->weights_only)
        launch_define(k, "WEIGHTS_ONLY");
    launch_in(k, "x", IN_X);
    launch_nll(k, p, IN_TARGET, x.c, a);
    launch_int(k, "n", n);
    launch_int(k, "area", x.s);
    launch_grid1(k, (size_t)n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = nll_ref_plan},
    {0},
};

const struct op op_nll = {
    .name = "nll",
    .onnx = "NegativeLogLikelihoodLoss",
    .in = {"x", "target", "weight?"},
    .out = {"y"},
    .attr_size = sizeof(struct ocelli_nll_params),
    .attrs = attrs,
    .infer = nll_infer,
    .grad = nll_grad,
    .variants = variants,
};
