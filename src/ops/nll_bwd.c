/* dx of nll: -weight[t] dy where the class is the target, else 0. */
#include "ops/attrs.h"
#include "ops/shared.h"

#define FIELD(f) offsetof(struct nll_bwd_attr, f)
static const struct attr attrs[] = {
    {.name = "has_ignore", .type = ATTR_BOOL, .offset = FIELD(nll.has_ignore), .count = 1},
    {.name = "ignore", .type = ATTR_INT, .offset = FIELD(nll.ignore), .count = 1},
    {.name = "classes", .type = ATTR_INT, .offset = FIELD(classes), .count = 1, .min = 1, .max = 1 << 30},
    ATTR_END,
};

enum { IN_DY, IN_TARGET, IN_WEIGHT };

static int nll_bwd_infer(struct problem *p)
{
    const struct nll_bwd_attr *a = p->attr;
    const struct ocelli_shape *t = &p->in[IN_TARGET].shape;
    struct ocelli_shape *x = &p->out[0].shape;
    int err = 0;
    TRY(check_target(p, IN_TARGET));
    TRY(check_same(p, IN_DY, IN_TARGET));
    if (t->rank < 1 || t->rank >= OCELLI_MAX_RANK || p->in[IN_DY].dtype != OCELLI_F32)
        return fail(OCELLI_ERR_SHAPE, "nll_bwd: dy is of rank %d, type %s", t->rank,
                    dtype_name(p->in[IN_DY].dtype));
    p->out[0] = (struct desc){OCELLI_F32, {t->rank + 1, {t->dim[0], a->classes}}};
    for (int d = 2; d < x->rank; d++)
        x->dim[d] = t->dim[d - 1];
    if (p->in[IN_WEIGHT].shape.rank >= 0 &&
        (p->in[IN_WEIGHT].shape.rank != 1 || p->in[IN_WEIGHT].shape.dim[0] != a->classes ||
         p->in[IN_WEIGHT].dtype != OCELLI_F32))
        return fail(OCELLI_ERR_SHAPE, "nll_bwd: weight is not %d floats", a->classes);
out:
    return err;
}

static int nll_bwd_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                            struct launches *l)
{
    (void)caps;
    const struct nll_bwd_attr *a = p->attr;
    struct channels x = channels_of(&p->out[0]);
    int n = (int)shape_count(&p->out[0].shape);
    struct launch *k = launch_add(l, "nll_bwd_ref", "nll_bwd_ref");
    launch_out(k, "dx", 0);
    launch_in(k, "dy", IN_DY);
    launch_nll(k, p, IN_TARGET, x.c, &a->nll);
    launch_int(k, "n", n);
    launch_int(k, "area", x.s);
    launch_grid1(k, (size_t)n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = nll_bwd_ref_plan},
    {0},
};

const struct op op_nll_bwd = {
    .name = "nll_bwd",
    .in = {"dy", "target", "weight?"},
    .out = {"dx"},
    .attr_size = sizeof(struct nll_bwd_attr),
    .attrs = attrs,
    .infer = nll_bwd_infer,
    .variants = variants,
};
