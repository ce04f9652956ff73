/* Elements converted to another type. */
#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/shared.h"

static const char *const words[] = {"f32", "i32", "u8",  "f64", "f16", "i64",  "i16",
                                    "i8",  "u16", "u32", "u64", "bool", NULL};

static const struct attr attrs[] = {
    {.name = "to", .type = ATTR_ENUM, .offset = offsetof(struct cast_attr, to), .count = 1,
     .words = words},
    ATTR_END,
};

static int cast_infer(struct problem *p)
{
    const struct cast_attr *a = p->attr;
    p->out[0] = (struct desc){(enum ocelli_dtype)a->to, p->in[0].shape};
    return 0;
}

static int cast_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    enum ocelli_dtype from = g->value[n->in[0]].desc.dtype, to = g->value[n->out[0]].desc.dtype;
    if (dtype_is_float(from) && dtype_is_float(to))
        dx[0] = graph_add(g, &op_cast, &(struct cast_attr){from}, (const int[]){dy[0]});
    return g->status;
}

static int cast_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                         struct launches *l)
{
    (void)caps;
    int n = (int)shape_count(&p->out[0].shape);
    enum ocelli_dtype to = p->out[0].dtype;
    struct launch *k = launch_add(l, "cast_ref", "cast_ref");
    launch_type(k, "T", p->in[0].dtype);
    launch_type(k, "U", to);
    if (to == OCELLI_BOOL)
        launch_define(k, "CONVERT=to_bool");
    else
        launch_define(k, "CONVERT=to_number");
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_int(k, "n", n);
    launch_grid1(k, (size_t)n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .applicable = types_fit, .valid = element_valid,
     .plan = cast_ref_plan},
    {0},
};

const struct op op_cast = {
    .name = "cast",
    .onnx = "Cast",
    .in = {"x"},
    .out = {"y"},
    .attr_size = sizeof(struct cast_attr),
    .attrs = attrs,
    .infer = cast_infer,
    .grad = cast_grad,
    .variants = variants,
};
