/* Elements of x through strides: slice, transpose, split and expand. */
#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/move.h"
#include "ops/shared.h"

static const struct attr attrs[] = {
    {.name = "shape", .type = ATTR_SHAPE, .offset = offsetof(struct strided_attr, shape), .count = 1},
    {.name = "stride", .type = ATTR_INTS, .offset = offsetof(struct strided_attr, stride),
     .count = OCELLI_MAX_RANK},
    {.name = "offset", .type = ATTR_INT, .offset = offsetof(struct strided_attr, offset), .count = 1,
     .min = 0, .max = INT32_MAX},
    ATTR_END,
};

bool strided_in_order(const struct ocelli_shape *shape, const int *stride)
{
    int64_t step = 1;
    for (int d = shape->rank - 1; d >= 0; d--) {
        if (shape->dim[d] > 1 && stride[d] != step)
            return false;
        step *= shape->dim[d];
    }
    return true;
}

bool strided_moves_nothing(const struct ocelli_shape *x, const struct ocelli_shape *shape,
                           const int *stride, int offset)
{
    return offset == 0 && shape_count(shape) == shape_count(x) && strided_in_order(shape, stride);
}

void launch_bits(struct launch *k, enum ocelli_dtype dtype)
{
    size_t size = ocelli_dtype_size(dtype);
    launch_type(k, "T", size == 1 ? OCELLI_U8 : size == 2 ? OCELLI_U16 : size == 4 ? OCELLI_U32 : OCELLI_U64);
}

static int strided_infer(struct problem *p)
{
    const struct strided_attr *a = p->attr;
    char x[SHAPE_TEXT], y[SHAPE_TEXT];
    int64_t low = a->offset, high = a->offset, n = shape_count(&p->in[0].shape);
    for (int d = 0; d < OCELLI_MAX_RANK; d++) {
        if (d >= a->shape.rank) {
            if (a->stride[d] != 0)
                return fail(OCELLI_ERR_INVALID, "strided: stride %d of a shape of rank %d", d,
                            a->shape.rank);
            continue;
        }
        int64_t dim = a->shape.dim[d];
        if (dim < 1 || dim > INT32_MAX)
            return fail(OCELLI_ERR_SHAPE, "strided: extent %d of shape %s", d,
                        shape_text(&a->shape, y));
        if (a->stride[d] < 0)
            low += (dim - 1) * a->stride[d];
        else
            high += (dim - 1) * a->stride[d];
        if (low < 0 || high >= n)
            return fail(OCELLI_ERR_SHAPE, "strided: shape %s goes beyond x, which is %s: element %lld",
                        shape_text(&a->shape, y), shape_text(&p->in[0].shape, x),
                        (long long)(low < 0 ? low : high));
    }
    if (low >= n)
        return fail(OCELLI_ERR_SHAPE, "strided: offset %d is beyond x, which is %s", a->offset,
                    shape_text(&p->in[0].shape, x));
    p->out[0] = (struct desc){p->in[0].dtype, a->shape};
    return 0;
}

/* The result's bytes are read, however many x has. */
static struct cost strided_cost(const struct problem *p)
{
    return (struct cost){.bytes = 2.0 * (double)desc_bytes(&p->out[0])};
}

static int strided_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    const struct strided_attr *a = n->attr;
    struct strided_bwd_attr bwd = {.size = g->value[n->in[0]].desc.shape, .offset = a->offset};
    struct ocelli_reduce_params sum = {.kind = OCELLI_REDUCE_SUM, .keepdims = true};
    struct ocelli_shape left = a->shape;
    int d = dy[0];
    /* What was repeated is summed, the rest goes back to where it came from. */
    for (int i = 0; i < a->shape.rank; i++) {
        bwd.stride[i] = a->stride[i];
        if (a->stride[i] != 0 || a->shape.dim[i] == 1)
            continue;
        sum.axes |= 1 << i;
        left.dim[i] = 1;
    }
    if (sum.axes)
        d = graph_add(g, &op_reduce, &sum, (const int[]){d});
    if (strided_moves_nothing(&bwd.size, &left, bwd.stride, bwd.offset))
        dx[0] = graph_add(g, &op_reshape, &(struct reshape_attr){bwd.size}, (const int[]){d});
    else
        dx[0] = graph_add(g, &op_strided_bwd, &bwd, (const int[]){d});
    return g->status;
}

static int strided_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                            struct launches *l)
{
    (void)caps;
    const struct strided_attr *a = p->attr;
    int64_t stride[OCELLI_MAX_RANK];
    struct nd d;
    for (int i = 0; i < OCELLI_MAX_RANK; i++)
        stride[i] = a->stride[i];
    nd_init(&d, &a->shape);
    nd_operand(&d, stride);
    nd_collapse(&d);
    struct launch *k = launch_add(l, "strided_ref", "strided_ref");
    launch_bits(k, p->in[0].dtype);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_int(k, "offset", a->offset);
    launch_nd(k, &d, tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = strided_ref_plan},
    {0},
};

const struct op op_strided = {
    .name = "strided",
    .onnx = "Slice, Split, Transpose, Expand, DepthToSpace, SpaceToDepth",
    .in = {"x"},
    .out = {"y"},
    .half = 1,
    .attr_size = sizeof(struct strided_attr),
    .attrs = attrs,
    .infer = strided_infer,
    .cost = strided_cost,
    .grad = strided_grad,
    .variants = variants,
};
