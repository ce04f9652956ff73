/* Functions of two values that broadcast. */
#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/shared.h"

static const char *const words[] = {"add", "sub", "mul", "div", "min", "max", "pow", "prelu", NULL};

static const struct attr attrs[] = {
    {.name = "kind", .type = ATTR_ENUM, .offset = offsetof(struct ocelli_binary_params, kind),
     .count = 1, .words = words, .min = 1},
    ATTR_END,
};

/* The shape that both broadcast to. */
static int broadcast(const struct problem *p, struct ocelli_shape *out)
{
    const struct ocelli_shape *a = &p->in[0].shape, *b = &p->in[1].shape;
    char s[SHAPE_TEXT], t[SHAPE_TEXT];
    *out = (struct ocelli_shape){.rank = MAX(a->rank, b->rank)};
    for (int i = 1; i <= out->rank; i++) {
        int64_t da = i <= a->rank ? a->dim[a->rank - i] : 1, db = i <= b->rank ? b->dim[b->rank - i] : 1;
        if (da != db && da != 1 && db != 1)
            return fail(OCELLI_ERR_SHAPE, "binary: a is %s, b is %s, which do not broadcast",
                        shape_text(a, s), shape_text(b, t));
        out->dim[out->rank - i] = da == 1 ? db : da;
    }
    return 0;
}

static int binary_infer(struct problem *p)
{
    int err = 0;
    TRY(check_one_type(p));
    p->out[0].dtype = p->in[0].dtype;
    TRY(broadcast(p, &p->out[0].shape));
out:
    return err;
}

/* ---- Gradient ---- */

static int make(struct graph *g, enum ocelli_binary_kind kind, int a, int b)
{
    return graph_add(g, &op_binary, &(struct ocelli_binary_params){kind}, (const int[]){a, b});
}

static int apply(struct graph *g, enum ocelli_unary_kind kind, int x)
{
    return graph_add(g, &op_unary, &(struct ocelli_unary_params){.kind = kind}, (const int[]){x});
}

static int number(struct graph *g, float v)
{
    return graph_const(g, NULL, &(struct desc){OCELLI_F32, {0}}, &v);
}

/* d, of the result's shape, summed over where x was repeated. */
static int sum_to(struct graph *g, int d, int x)
{
    if (g->status)
        return OCELLI_NONE;
    const struct ocelli_shape to = g->value[x].desc.shape, from = g->value[d].desc.shape;
    struct ocelli_reduce_params sum = {.kind = OCELLI_REDUCE_SUM, .keepdims = true};
    for (int i = 0; i < from.rank; i++) {
        int j = i - (from.rank - to.rank);
        if (from.dim[i] > 1 && (j < 0 || to.dim[j] == 1))
            sum.axes |= 1 << i;
    }
    if (sum.axes)
        d = graph_add(g, &op_reduce, &sum, (const int[]){d});
    if (from.rank != to.rank)
        d = graph_add(g, &op_reshape, &(struct reshape_attr){to}, (const int[]){d});
    return d;
}

static int binary_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    const struct ocelli_binary_params *p = n->attr;
    int d = dy[0], a = n->in[0], b = n->in[1], y = n->out[0], da, db;
    if (g->value[a].desc.dtype != OCELLI_F32)
        return fail(OCELLI_ERR_UNSUPPORTED, "binary: gradient of %s",
                    dtype_name(g->value[a].desc.dtype));
    switch (p->kind) {
    case OCELLI_ADD:
        da = db = d;
        break;
    case OCELLI_SUB:
        da = d;
        db = apply(g, OCELLI_NEG, d);
        break;
    case OCELLI_MUL:
        da = make(g, OCELLI_MUL, d, b);
        db = make(g, OCELLI_MUL, d, a);
        break;
    case OCELLI_DIV:
        da = make(g, OCELLI_DIV, d, b);
        db = apply(g, OCELLI_NEG, make(g, OCELLI_MUL, da, y));
        break;
    case OCELLI_POW:
        da = make(g, OCELLI_POW, a, make(g, OCELLI_SUB, b, number(g, 1)));
        da = make(g, OCELLI_MUL, d, make(g, OCELLI_MUL, b, da));
        db = make(g, OCELLI_MUL, d, make(g, OCELLI_MUL, y, apply(g, OCELLI_LOG, a)));
        break;
    case OCELLI_PRELU:
        /* 1 where a is below 0: -sign(min(a, 0)). The slope at 0 counts as 0. */
        da = make(g, OCELLI_MUL, d, apply(g, OCELLI_SIGN, apply(g, OCELLI_RELU, a)));
        db = make(g, OCELLI_MIN, a, number(g, 0));
        da = make(g, OCELLI_SUB, da,
                  make(g, OCELLI_MUL, make(g, OCELLI_MUL, d, b), apply(g, OCELLI_SIGN, db)));
        db = make(g, OCELLI_MUL, d, db);
        break;
    case OCELLI_MIN:
    case OCELLI_MAX:
        /* To the one that won; of two that are equal to neither. */
        db = make(g, OCELLI_SUB, p->kind == OCELLI_MAX ? b : a, p->kind == OCELLI_MAX ? a : b);
        da = apply(g, OCELLI_SIGN, apply(g, OCELLI_RELU, apply(g, OCELLI_NEG, db)));
        db = apply(g, OCELLI_SIGN, apply(g, OCELLI_RELU, db));
        da = make(g, OCELLI_MUL, d, da);
        db = make(g, OCELLI_MUL, d, db);
        break;
    default:
        return fail(OCELLI_ERR_UNSUPPORTED, "binary: no gradient of kind %d", (int)p->kind);
    }
    dx[0] = sum_to(g, da, a);
    dx[1] = sum_to(g, db, b);
    return g->status;
}

/* ---- Variants ---- */

static int binary_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                           struct launches *l)
{
    (void)caps;
    const struct ocelli_binary_params *a = p->attr;
    struct nd d;
    nd_init(&d, &p->out[0].shape);
    nd_broadcast(&d, &p->in[0].shape);
    nd_broadcast(&d, &p->in[1].shape);
    nd_collapse(&d);
    struct launch *k = launch_add(l, "binary_ref", "binary_ref");
    launch_type(k, "T", p->in[0].dtype);
    /* float's and double's functions; whole numbers have their own. */
    if (!dtype_is_float(p->in[0].dtype))
        launch_define(k, "WHOLE");
    launch_define(k, "FUNCTION=%s_%s", dtype_is_float(p->in[0].dtype) ? "real" : "whole",
                  words[a->kind - 1]);
    launch_out(k, "y", 0);
    launch_in(k, "a", 0);
    launch_in(k, "b", 1);
    launch_nd(k, &d, tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .applicable = types_fit, .valid = element_valid,
     .plan = binary_ref_plan},
    {0},
};

const struct op op_binary = {
    .name = "binary",
    .onnx = "Add, Sub, Mul, Div, Min, Max, Pow, PRelu",
    .in = {"a", "b"},
    .out = {"y"},
    .half = 3,
    .attr_size = sizeof(struct ocelli_binary_params),
    .attrs = attrs,
    .infer = binary_infer,
    .grad = binary_grad,
    .variants = variants,
};
