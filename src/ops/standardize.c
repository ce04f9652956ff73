/* (x - mean) / sqrt(variance + epsilon) over the dimensions from an axis on. */
#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/shared.h"

#define FIELD(f) offsetof(struct ocelli_standardize_params, f)
const struct attr standardize_attrs[] = {
    {.name = "axis", .type = ATTR_INT, .offset = FIELD(axis), .count = 1, .max = OCELLI_MAX_RANK - 1},
    {.name = "epsilon", .type = ATTR_FLOAT, .offset = FIELD(epsilon), .count = 1, .def = 1e-5,
     .min = 0, .max = 1e6},
    ATTR_END,
};

int check_standardize(const struct problem *p)
{
    const struct ocelli_standardize_params *a = p->attr;
    if (a->axis >= p->in[0].shape.rank)
        return fail(OCELLI_ERR_SHAPE, "%s: axis %d of %d dimensions", p->op->name, a->axis,
                    p->in[0].shape.rank);
    return check_floats(p);
}

void launch_standardize(struct launch *k, const struct problem *p, const struct caps *caps, int group)
{
    const struct ocelli_standardize_params *a = p->attr;
    const struct ocelli_shape *x = &p->in[0].shape;
    int64_t rows = 1;
    for (int d = 0; d < a->axis; d++)
        rows *= x->dim[d];
    launch_int(k, "n", (int)(shape_count(x) / rows));
    launch_float(k, "epsilon", a->epsilon);
    launch_rows(k, caps, group, (size_t)rows);
}

static int standardize_infer(struct problem *p)
{
    p->out[0] = p->in[0];
    return check_standardize(p);
}

static struct cost standardize_cost(const struct problem *p)
{
    return (struct cost){.flops = 6 * (double)shape_count(&p->in[0].shape)};
}

static int standardize_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    dx[0] = graph_add(g, &op_standardize_bwd, n->attr, (const int[]){dy[0], n->in[0]});
    return g->status;
}

static int standardize_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                                struct launches *l)
{
    struct launch *k = launch_add(l, "standardize_ref", "standardize_ref");
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_standardize(k, p, caps, tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = row_tunables, .defaults = row_defaults, .valid = row_valid,
     .plan = standardize_ref_plan},
    {0},
};

const struct op op_standardize = {
    .name = "standardize",
    .onnx = "InstanceNormalization, LayerNormalization",
    .in = {"x"},
    .out = {"y"},
    .attr_size = sizeof(struct ocelli_standardize_params),
    .attrs = standardize_attrs,
    .infer = standardize_infer,
    .cost = standardize_cost,
    .grad = standardize_grad,
    .variants = variants,
};
