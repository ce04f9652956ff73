/* Elements around x, or without its edges. */
#include <float.h>
#include <math.h>

#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/shared.h"

static const char *const words[] = {"constant", "reflect", "edge", NULL};

#define PAD_MAX (1 << 30)

static const struct attr attrs[] = {
    {.name = "mode", .type = ATTR_ENUM, .offset = offsetof(struct ocelli_pad_params, mode), .count = 1,
     .words = words},
    {.name = "begin", .type = ATTR_INTS, .offset = offsetof(struct ocelli_pad_params, begin),
     .count = OCELLI_MAX_RANK, .min = -PAD_MAX, .max = PAD_MAX},
    {.name = "end", .type = ATTR_INTS, .offset = offsetof(struct ocelli_pad_params, end),
     .count = OCELLI_MAX_RANK, .min = -PAD_MAX, .max = PAD_MAX},
    {.name = "value", .type = ATTR_FLOAT, .offset = offsetof(struct ocelli_pad_params, value),
     .count = 1},
    ATTR_END,
};

/* Whole types take whole values that they hold. */
static int check_value(enum ocelli_dtype type, float v)
{
    static const struct {
        double min, max;
    } range[] = {
        [OCELLI_I32] = {-0x1p31, 0x1p31 - 1}, [OCELLI_U8] = {0, UINT8_MAX},
        [OCELLI_I64] = {-0x1p63, 0x1p62},     [OCELLI_I16] = {INT16_MIN, INT16_MAX},
        [OCELLI_I8] = {INT8_MIN, INT8_MAX},   [OCELLI_U16] = {0, UINT16_MAX},
        [OCELLI_U32] = {0, UINT32_MAX},       [OCELLI_U64] = {0, 0x1p63},
        [OCELLI_BOOL] = {0, 1},
    };
    if (dtype_is_float(type) || (v == truncf(v) && v >= range[type].min && v <= range[type].max))
        return 0;
    return fail(OCELLI_ERR_INVALID, "pad: value %g is no %s", v, dtype_name(type));
}

static int pad_infer(struct problem *p)
{
    const struct ocelli_pad_params *a = p->attr;
    const struct ocelli_shape *x = &p->in[0].shape;
    struct ocelli_shape y = *x;
    int64_t count = shape_count(x);
    char text[SHAPE_TEXT];
    if (count > INT32_MAX)
        return fail(OCELLI_ERR_UNSUPPORTED, "pad: more than %d elements", INT32_MAX);
    for (int d = 0; d < OCELLI_MAX_RANK; d++) {
        if (d >= x->rank) {
            if (a->begin[d] != 0 || a->end[d] != 0)
                return fail(OCELLI_ERR_SHAPE, "pad: dimension %d of x, which is %s", d,
                            shape_text(x, text));
            continue;
        }
        /* The kernel counts in int how far y reaches beyond the end of x. */
        if ((x->dim[d] + MAX(a->end[d], 0)) * (count / x->dim[d]) > INT32_MAX)
            return fail(OCELLI_ERR_UNSUPPORTED, "pad: more than %d elements", INT32_MAX);
        if (-a->begin[d] > x->dim[d] || -a->end[d] > x->dim[d])
            return fail(OCELLI_ERR_SHAPE, "pad: dimension %d of x, which is %s, without %d", d,
                        shape_text(x, text), MAX(-a->begin[d], -a->end[d]));
        y.dim[d] += (int64_t)a->begin[d] + a->end[d];
        if (y.dim[d] < 1)
            return fail(OCELLI_ERR_SHAPE, "pad: nothing is left of dimension %d of x, which is %s", d,
                        shape_text(x, text));
        if (a->mode == OCELLI_PAD_REFLECT && (a->begin[d] >= x->dim[d] || a->end[d] >= x->dim[d]))
            return fail(OCELLI_ERR_SHAPE, "pad: dimension %d of x, which is %s, reflected by %d and %d",
                        d, shape_text(x, text), a->begin[d], a->end[d]);
    }
    p->out[0] = (struct desc){p->in[0].dtype, y};
    return check_value(p->in[0].dtype, a->value);
}

static int pad_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    const struct ocelli_pad_params *a = n->attr;
    struct ocelli_pad_params back = {.mode = OCELLI_PAD_CONSTANT};
    if (a->mode != OCELLI_PAD_CONSTANT)
        return fail(OCELLI_ERR_UNSUPPORTED, "pad: gradient of mode %s", words[a->mode]);
    for (int d = 0; d < OCELLI_MAX_RANK; d++) {
        back.begin[d] = -a->begin[d];
        back.end[d] = -a->end[d];
    }
    dx[0] = graph_add(g, &op_pad, &back, (const int[]){dy[0]});
    return g->status;
}

/* Extents of y, and of x, and where x begins, in as few dimensions as will do. A dimension that stays as it
 * is joins the one before it; reflected and repeated ones are left alone. */
static void make_nd(const struct problem *p, struct nd *nd)
{
    const struct ocelli_pad_params *a = p->attr;
    const struct ocelli_shape *x = &p->in[0].shape, *y = &p->out[0].shape;
    struct ocelli_shape shape = OCELLI_SHAPE(1);
    int64_t begin[OCELLI_MAX_RANK] = {0}, from[OCELLI_MAX_RANK] = {1};
    bool constant = a->mode == OCELLI_PAD_CONSTANT, moved = false;
    shape.rank = 0;
    for (int d = 0; d < y->rank; d++) {
        bool moves = a->begin[d] != 0 || a->end[d] != 0;
        int k = shape.rank - 1;
        if (k >= 0 && !moves && (constant || !moved)) {
            shape.dim[k] *= y->dim[d];
            from[k] *= x->dim[d];
            begin[k] *= x->dim[d];
            continue;
        }
        k = shape.rank++;
        shape.dim[k] = y->dim[d];
        from[k] = x->dim[d];
        begin[k] = a->begin[d];
        moved = moves;
    }
    shape.rank = MAX(shape.rank, 1);
    nd_init(nd, &shape);
    nd_operand(nd, from);
    nd_operand(nd, begin);
}

static int pad_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                        struct launches *l)
{
    (void)caps;
    const struct ocelli_pad_params *a = p->attr;
    float value = fabsf(a->value) == FLT_MAX ? copysignf(INFINITY, a->value) : a->value;
    struct nd d;
    make_nd(p, &d);
    struct launch *k = launch_add(l, "pad_ref", "pad_ref");
    launch_type(k, "T", p->in[0].dtype);
    launch_define(k, "FROM=from_%s", words[a->mode]);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_float(k, "value", value);
    launch_nd(k, &d, tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .applicable = types_fit, .valid = element_valid,
     .plan = pad_ref_plan},
    {0},
};

const struct op op_pad = {
    .name = "pad",
    .onnx = "Pad",
    .in = {"x"},
    .out = {"y"},
    .half = 1,
    .attr_size = sizeof(struct ocelli_pad_params),
    .attrs = attrs,
    .infer = pad_infer,
    .grad = pad_grad,
    .variants = variants,
};
