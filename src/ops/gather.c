/* Slices of x along an axis, chosen by an index. */
#include "ops/attrs.h"
#include "ops/move.h"
#include "ops/shared.h"

static const struct attr attrs[] = {
    {.name = "axis", .type = ATTR_INT, .offset = offsetof(struct gather_attr, axis), .count = 1,
     .min = 0, .max = OCELLI_MAX_RANK - 1},
    ATTR_END,
};

static int gather_infer(struct problem *p)
{
    int axis = ((const struct gather_attr *)p->attr)->axis;
    const struct ocelli_shape *x = &p->in[0].shape, *index = &p->in[1].shape;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    struct ocelli_shape y = {.rank = x->rank - 1 + index->rank};
    if (axis >= x->rank)
        return fail(OCELLI_ERR_SHAPE, "gather: x, which is %s, has no axis %d", shape_text(x, a), axis);
    if (p->in[1].dtype != OCELLI_I32 && p->in[1].dtype != OCELLI_I64)
        return fail(OCELLI_ERR_SHAPE, "gather: index is %s, not i32 or i64",
                    dtype_name(p->in[1].dtype));
    if (y.rank > OCELLI_MAX_RANK)
        return fail(OCELLI_ERR_SHAPE, "gather: x is %s, index %s: a rank of %d", shape_text(x, a),
                    shape_text(index, b), y.rank);
    for (int d = 0, k = 0; d < x->rank; d++) {
        if (d != axis)
            y.dim[k++] = x->dim[d];
        for (int i = 0; d == axis && i < index->rank; i++)
            y.dim[k++] = index->dim[i];
    }
    p->out[0] = (struct desc){p->in[0].dtype, y};
    return 0;
}

static struct cost gather_cost(const struct problem *p)
{
    return (struct cost){.bytes = 2.0 * (double)desc_bytes(&p->out[0]) + (double)desc_bytes(&p->in[1])};
}

static int gather_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                           struct launches *l)
{
    (void)caps;
    int axis = ((const struct gather_attr *)p->attr)->axis;
    const struct ocelli_shape *x = &p->in[0].shape;
    int64_t outer = 1, inner = 1;
    struct nd d;
    for (int i = 0; i < axis; i++)
        outer *= x->dim[i];
    for (int i = axis + 1; i < x->rank; i++)
        inner *= x->dim[i];
    nd_init(&d, &OCELLI_SHAPE(outer, shape_count(&p->in[1].shape), inner));
    struct launch *k = launch_add(l, "gather_ref", "gather_ref");
    launch_bits(k, p->in[0].dtype);
    launch_type(k, "I", p->in[1].dtype);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_in(k, "index", 1);
    launch_int(k, "extent", (int)x->dim[axis]);
    launch_nd(k, &d, tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = gather_ref_plan},
    {0},
};

const struct op op_gather = {
    .name = "gather",
    .onnx = "Gather",
    .in = {"x", "index"},
    .out = {"y"},
    .attr_size = sizeof(struct gather_attr),
    .attrs = attrs,
    .infer = gather_infer,
    .cost = gather_cost,
    .variants = variants,
};
