/* The index of the largest or smallest element along an axis. */
#include "ops/attrs.h"
#include "ops/shared.h"

#define FIELD(f) offsetof(struct ocelli_argmax_params, f)
static const struct attr attrs[] = {
    {.name = "axis", .type = ATTR_INT, .offset = FIELD(axis), .count = 1, .max = OCELLI_MAX_RANK - 1},
    {.name = "keepdims", .type = ATTR_BOOL, .offset = FIELD(keepdims), .count = 1},
    {.name = "smallest", .type = ATTR_BOOL, .offset = FIELD(smallest), .count = 1},
    {.name = "last", .type = ATTR_BOOL, .offset = FIELD(last), .count = 1},
    ATTR_END,
};

static int argmax_infer(struct problem *p)
{
    const struct ocelli_argmax_params *a = p->attr;
    const struct ocelli_shape *x = &p->in[0].shape;
    struct ocelli_shape *y = &p->out[0].shape;
    if (a->axis >= x->rank)
        return fail(OCELLI_ERR_SHAPE, "argmax: axis %d of %d dimensions", a->axis, x->rank);
    p->out[0] = (struct desc){.dtype = OCELLI_I64};
    for (int d = 0; d < x->rank; d++) {
        if (d != a->axis)
            y->dim[y->rank++] = x->dim[d];
        else if (a->keepdims)
            y->dim[y->rank++] = 1;
    }
    return 0;
}

static int argmax_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                           struct launches *l)
{
    (void)caps;
    const struct ocelli_argmax_params *a = p->attr;
    const struct ocelli_shape *x = &p->in[0].shape;
    int behind = 1, n = (int)shape_count(&p->out[0].shape);
    for (int d = a->axis + 1; d < x->rank; d++)
        behind *= (int)x->dim[d];
    struct launch *k = launch_add(l, "argmax_ref", "argmax_ref");
    launch_type(k, "T", p->in[0].dtype);
    launch_define(k, "BETTER=%s%s", a->smallest ? "less" : "more", a->last ? "_or_equal" : "");
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_int(k, "n", n);
    launch_int(k, "count", (int)x->dim[a->axis]);
    launch_int(k, "behind", behind);
    launch_grid1(k, (size_t)n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .applicable = types_fit, .valid = element_valid,
     .plan = argmax_ref_plan},
    {0},
};

const struct op op_argmax = {
    .name = "argmax",
    .onnx = "ArgMax, ArgMin",
    .in = {"x"},
    .out = {"y"},
    .attr_size = sizeof(struct ocelli_argmax_params),
    .attrs = attrs,
    .infer = argmax_infer,
    .variants = variants,
};
