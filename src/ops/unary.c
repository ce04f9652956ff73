/* A function of each element by itself; act.c has the table. */
#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/shared.h"

/* Kinds for whole numbers, and those whose formula is one for doubles too. */
static bool takes(int kind, enum ocelli_dtype type)
{
    switch (kind) {
    case OCELLI_RELU:
    case OCELLI_CLIP:
    case OCELLI_NEG:
    case OCELLI_ABS:
    case OCELLI_SIGN:
        return true;
    case OCELLI_GELU:
    case OCELLI_MISH:
        return dtype_is_float(type) && type != OCELLI_F64;
    default:
        return dtype_is_float(type);
    }
}

static int unary_infer(struct problem *p)
{
    const struct ocelli_unary_params *a = p->attr;
    p->out[0] = p->in[0];
    if (!takes(a->kind, p->in[0].dtype))
        return fail(OCELLI_ERR_SHAPE, "unary: x is %s, which %s does not take",
                    dtype_name(p->in[0].dtype), act_info(a->kind)->word);
    return 0;
}

static int unary_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    const struct ocelli_unary_params *a = n->attr;
    int r = act_info(a->kind)->grad_from_y ? n->out[0] : n->in[0];
    if (!act_info(a->kind)->slope)
        return 0;
    dx[0] = graph_add(g, &op_unary_bwd, a, (const int[]){dy[0], r});
    return g->status;
}

static int unary_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                          struct launches *l)
{
    (void)caps;
    const struct ocelli_unary_params *a = p->attr;
    int n = (int)shape_count(&p->out[0].shape);
    struct launch *k = launch_add(l, "unary_ref", "unary_ref");
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_int(k, "n", n);
    launch_type(k, "T", p->in[0].dtype);
    if (dtype_is_float(p->in[0].dtype)) {
        launch_act(k, "FUNCTION", &(struct act){a->kind, a->alpha, a->beta});
    } else {
        launch_define(k, "FUNCTION=whole_%s", act_info(a->kind)->word);
        launch_whole(k, "FUNCTION_ALPHA", p->in[0].dtype, a->alpha);
        launch_whole(k, "FUNCTION_BETA", p->in[0].dtype, a->beta);
    }
    launch_grid1(k, (size_t)n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .applicable = types_fit, .valid = element_valid, .plan = unary_ref_plan},
    {0},
};

const struct op op_unary = {
    .name = "unary",
    .onnx = "Relu, Sigmoid, Tanh, Clip, LeakyRelu, Elu, Selu, Celu, HardSigmoid, "
            "HardSwish, Softplus, Softsign, ThresholdedRelu, Gelu, Mish, Sqrt, Exp, "
            "Log, Neg, Abs, Erf, Reciprocal, Floor, Ceil, Sign",
    .in = {"x"},
    .out = {"y"},
    .half = 1,
    .flags = OP_INPLACE,
    .attr_size = sizeof(struct ocelli_unary_params),
    .attrs = unary_attrs,
    .defaults = unary_defaults,
    .infer = unary_infer,
    .grad = unary_grad,
    .variants = variants,
};
