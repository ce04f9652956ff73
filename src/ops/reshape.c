/* The same elements under another shape: no launch. */
#include "ops/attrs.h"
#include "ops/graph.h"

static const struct attr attrs[] = {
    {.name = "shape",
     .type = ATTR_SHAPE,
     .offset = offsetof(struct reshape_attr, shape),
     .count = 1},
    ATTR_END,
};

static int reshape_infer(struct problem *p)
{
    const struct reshape_attr *a = p->attr;
    char from[SHAPE_TEXT], to[SHAPE_TEXT];
    int64_t count = shape_count(&p->in[0].shape), known = 1;
    struct ocelli_shape s = a->shape;
    int open = -1;

    for (int i = 0; i < s.rank; i++) {
        if (s.dim[i] == -1)
            open = i;
        else if (__builtin_mul_overflow(known, s.dim[i], &known))
            return fail(OCELLI_ERR_SHAPE, "reshape: %s has too many elements", shape_text(&s, to));
    }
    if (open >= 0) {
        s.dim[open] = count / known;
        known *= s.dim[open];
    }
    if (known != count)
        return fail(OCELLI_ERR_SHAPE, "reshape: %s has %lld elements, which do not make %s",
                    shape_text(&p->in[0].shape, from), (long long)count, shape_text(&a->shape, to));
    p->out[0] = (struct desc){p->in[0].dtype, s};
    return 0;
}

static struct cost reshape_cost(const struct problem *p)
{
    (void)p;
    return (struct cost){0};
}

static int reshape_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    struct reshape_attr a = {g->value[n->in[0]].desc.shape};
    dx[0] = graph_add(g, &op_reshape, &a, (const int[]){dy[0]});
    return g->status;
}

static const struct variant variants[] = {{0}};

const struct op op_reshape = {
    .name = "reshape",
    .onnx = "Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout",
    .in = {"x"},
    .out = {"y"},
    .half = 1,
    .flags = OP_ALIAS,
    .attr_size = sizeof(struct reshape_attr),
    .attrs = attrs,
    .infer = reshape_infer,
    .cost = reshape_cost,
    .grad = reshape_grad,
    .variants = variants,
};
