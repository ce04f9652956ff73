/* Each operation as ONNX writes it in opset 17. What it lacks is composed of what it has. */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "graph/onnx_export.h"
#include "ops/attrs.h"

/* A node of the graph while it is written. */
struct writer {
    struct export *e;
    const struct graph *g;
    const struct node *n;
    const struct value *x, *y; /* input 0 and output 0 */
    const char *out;           /* the name of output 0 */
};

static const char *in(struct writer *w, int i)
{
    return i < w->n->n_in ? export_value(w->e, w->n->in[i]) : "";
}

static bool has_in(const struct writer *w, int i)
{
    return i < w->n->n_in && w->n->in[i] != OCELLI_NONE;
}

static const struct ocelli_shape *in_shape(const struct writer *w, int i)
{
    return &w->g->value[w->n->in[i]].desc.shape;
}

static void refuse(struct writer *w, const char *what)
{
    export_fail(w->e, fail(OCELLI_ERR_UNSUPPORTED, "%s: ONNX's opset %d has no %s%s%s",
                           w->n->name ? w->n->name : w->n->op->name, EXPORT_OPSET, w->n->op->name,
                           *what ? " with " : "", what));
}

/* type(a) and type(a, b), their result under a new name; or with the node's output as result. */
static const char *step(struct writer *w, const char *type, const char *a, const char *b)
{
    const char *y = export_name(w->e, "step");

    export_node(w->e, w->n, type, y, b ? 2 : 1, (const char *[]){a, b});
    return y;
}

static Onnx__Node *last(struct writer *w, const char *type, const char *a, const char *b)
{
    return export_node(w->e, w->n, type, w->out, b ? 2 : 1, (const char *[]){a, b});
}

static const char *scalar(struct writer *w, double v)
{
    return export_scalar(w->e, w->x->desc.dtype, v);
}

const char *export_scalar(struct export *e, enum ocelli_dtype dtype, double v)
{
    uint64_t bits = 0;
    float f = (float)v;
    int64_t i = whole_number(v);

    switch (dtype) {
    case OCELLI_F32:
        memcpy(&bits, &f, sizeof(f));
        break;
    case OCELLI_F64:
        memcpy(&bits, &v, sizeof(v));
        break;
    case OCELLI_F16:
        bits = double_to_half(v);
        break;
    default: /* whole numbers: the low bytes come first */
        memcpy(&bits, &i, sizeof(i));
        break;
    }
    return export_tensor(e, "scalar", &(struct desc){dtype, {0}}, &bits);
}

/* ---- Convolutions and pooling ---- */

/* Attributes of windows over `dims` dimensions; arrays of zeros mean 1. */
static void window(struct writer *w, Onnx__Node *n, const int64_t *kernel, const int *stride,
                   const int *dilation, const int *pad, int dims)
{
    int k[3] = {0}, s[3] = {0}, d[3] = {0};
    bool dilated = false;

    for (int i = 0; i < dims; i++) {
        k[i] = (int)kernel[i];
        s[i] = stride[i] ? stride[i] : 1;
        d[i] = dilation[i] ? dilation[i] : 1;
        dilated = dilated || d[i] != 1;
    }
    export_ints(w->e, n, "kernel_shape", k, dims);
    export_ints(w->e, n, "strides", s, dims);
    export_ints(w->e, n, "pads", pad, 2 * dims);
    if (dilated)
        export_ints(w->e, n, "dilations", d, dims);
}

/* Input 2 is the bias that was joined to this node. */
static Onnx__Node *with_bias(struct writer *w, const char *type)
{
    int b = w->e->bias[w->n - w->g->node];
    const char *x[3] = {in(w, 0), in(w, 1), b < 0 ? "" : export_value(w->e, w->g->node[b].in[1])};

    return export_node(w->e, w->n, type, w->out, b < 0 ? 2 : 3, x);
}

static void write_conv2d(struct writer *w)
{
    const struct ocelli_conv2d_params *p = w->n->attr;
    Onnx__Node *n = with_bias(w, "Conv");

    window(w, n, in_shape(w, 1)->dim + 2, p->stride, p->dilation, p->pad, 2);
    export_i(w->e, n, "group", p->groups ? p->groups : 1);
}

/* conv2d_bwd_data is the transpose of its convolution. What its size has over the smallest that leads to x is
 * the padding of the output. */
static void write_conv_transpose(struct writer *w)
{
    const struct conv2d_bwd_data_attr *a = w->n->attr;
    const struct ocelli_conv2d_params *p = &a->conv;
    Onnx__Node *n = with_bias(w, "ConvTranspose");
    const int64_t *kernel = in_shape(w, 1)->dim + 2;
    int more[2];

    window(w, n, kernel, p->stride, p->dilation, p->pad, 2);
    export_i(w->e, n, "group", p->groups ? p->groups : 1);
    for (int i = 0; i < 2; i++)
        more[i] = a->size[i] - (int)((w->x->desc.shape.dim[2 + i] - 1) * MAX(p->stride[i], 1) +
                                     MAX(p->dilation[i], 1) * (kernel[i] - 1) + 1 - p->pad[i] - p->pad[2 + i]);
    export_ints(w->e, n, "output_padding", more, 2);
}

/* Of all that pooling has. A size rounded up is asked for only where it makes a difference: a window that
 * would begin behind the image is not counted here, and in ONNX by some readers. */
static void pool(struct writer *w, enum ocelli_pool_kind kind, const int *kernel, const int *stride,
                 const int *dilation, const int *pad, int dims, bool count_include_pad)
{
    bool max = kind == OCELLI_POOL_MAX, up = false, dilated = false;
    Onnx__Node *n = last(w, max ? "MaxPool" : "AveragePool", in(w, 0), NULL);
    int64_t k[3] = {0};
    int s[3] = {0};

    for (int i = 0; i < dims; i++) {
        int d = dilation[i] ? dilation[i] : 1;
        k[i] = kernel[i];
        s[i] = stride[i] ? stride[i] : kernel[i]; /* windows side by side */
        int64_t room = w->x->desc.shape.dim[2 + i] + pad[i] + pad[dims + i] - (int64_t)d * (kernel[i] - 1) - 1;
        up = up || room / s[i] + 1 != w->y->desc.shape.dim[2 + i];
        dilated = dilated || d != 1;
    }
    window(w, n, k, s, dilation, pad, dims);
    if (up)
        export_i(w->e, n, "ceil_mode", 1);
    if (!max && dilated)
        refuse(w, "dilations");
    if (!max && count_include_pad)
        export_i(w->e, n, "count_include_pad", 1);
    if (max && w->n->n_out > 1)
        export_output(w->e, n, export_value(w->e, w->n->out[1]));
}

static void write_pool2d(struct writer *w)
{
    const struct ocelli_pool2d_params *p = w->n->attr;

    pool(w, p->kind, p->kernel, p->stride, p->dilation, p->pad, 2, p->count_include_pad);
}

static void write_gap(struct writer *w)
{
    last(w, "GlobalAveragePool", in(w, 0), NULL);
}

/* ---- Products, biases and scales ---- */

static void write_gemm(struct writer *w)
{
    const struct ocelli_gemm_params *p = w->n->attr;
    Onnx__Node *n = with_bias(w, "Gemm");

    if (p->trans_a)
        export_i(w->e, n, "transA", 1);
    if (p->trans_b)
        export_i(w->e, n, "transB", 1);
}

/* One number a channel: its dimension aligned with the second of x. */
static void per_channel(struct writer *w, const char *type)
{
    int behind = w->x->desc.shape.rank - 2;
    const char *b = in(w, 1);

    if (behind > 0) {
        int64_t s[OCELLI_MAX_RANK] = {in_shape(w, 1)->dim[0], 1, 1, 1, 1, 1, 1, 1};
        b = step(w, "Reshape", b, export_list(w->e, "shape", s, 1 + behind));
    }
    last(w, type, in(w, 0), b);
}

static void write_bias(struct writer *w)
{
    per_channel(w, "Add");
}

static void write_scale(struct writer *w)
{
    per_channel(w, "Mul");
}

static void write_add(struct writer *w)
{
    last(w, "Add", in(w, 0), in(w, 1));
}

/* ---- Elementwise ---- */

static const struct function {
    enum ocelli_unary_kind kind;
    const char *type;
    const char *alpha, *beta; /* attributes, NULL: none */
} functions[] = {
    {OCELLI_RELU, "Relu", NULL, NULL},
    {OCELLI_SIGMOID, "Sigmoid", NULL, NULL},
    {OCELLI_LEAKY_RELU, "LeakyRelu", "alpha", NULL},
    {OCELLI_ELU, "Elu", "alpha", NULL},
    {OCELLI_SELU, "Selu", "alpha", "gamma"},
    {OCELLI_CELU, "Celu", "alpha", NULL},
    {OCELLI_HARD_SIGMOID, "HardSigmoid", "alpha", "beta"},
    {OCELLI_HARD_SWISH, "HardSwish", NULL, NULL},
    {OCELLI_SOFTPLUS, "Softplus", NULL, NULL},
    {OCELLI_SOFTSIGN, "Softsign", NULL, NULL},
    {OCELLI_THRESHOLDED_RELU, "ThresholdedRelu", "alpha", NULL},
    {OCELLI_SQRT, "Sqrt", NULL, NULL},
    {OCELLI_EXP, "Exp", NULL, NULL},
    {OCELLI_LOG, "Log", NULL, NULL},
    {OCELLI_NEG, "Neg", NULL, NULL},
    {OCELLI_ABS, "Abs", NULL, NULL},
    {OCELLI_ERF, "Erf", NULL, NULL},
    {OCELLI_RECIPROCAL, "Reciprocal", NULL, NULL},
    {OCELLI_FLOOR, "Floor", NULL, NULL},
    {OCELLI_CEIL, "Ceil", NULL, NULL},
    {OCELLI_SIGN, "Sign", NULL, NULL},
};

/* alpha tanh(beta x) */
static void write_tanh(struct writer *w, const struct ocelli_unary_params *p)
{
    const char *x = in(w, 0);

    if (p->beta != 1)
        x = step(w, "Mul", x, scalar(w, p->beta));
    if (p->alpha == 1)
        last(w, "Tanh", x, NULL);
    else
        last(w, "Mul", step(w, "Tanh", x, NULL), scalar(w, p->alpha));
}

static void write_clip(struct writer *w, const struct ocelli_unary_params *p)
{
    bool low = p->alpha > -FLT_MAX, high = p->beta < FLT_MAX;
    const char *x[3] = {in(w, 0), low ? scalar(w, p->alpha) : "", high ? scalar(w, p->beta) : ""};

    export_node(w->e, w->n, "Clip", w->out, high ? 3 : low ? 2 : 1, x);
}

/* x (1 + erf(x / sqrt(2))) / 2; ONNX has the word from opset 20 on, Mish from 18. */
static void write_gelu(struct writer *w)
{
    const char *x = in(w, 0), *y = step(w, "Mul", x, scalar(w, M_SQRT1_2));

    y = step(w, "Add", step(w, "Erf", y, NULL), scalar(w, 1));
    last(w, "Mul", step(w, "Mul", x, y), scalar(w, 0.5));
}

static void write_unary(struct writer *w)
{
    const struct ocelli_unary_params *p = w->n->attr;

    if (p->kind == OCELLI_TANH)
        write_tanh(w, p);
    else if (p->kind == OCELLI_CLIP)
        write_clip(w, p);
    else if (p->kind == OCELLI_GELU)
        write_gelu(w);
    else if (p->kind == OCELLI_MISH)
        last(w, "Mul", in(w, 0), step(w, "Tanh", step(w, "Softplus", in(w, 0), NULL), NULL));
    for (size_t i = 0; i < COUNT(functions); i++) {
        const struct function *f = &functions[i];
        if (f->kind != p->kind)
            continue;
        Onnx__Node *n = last(w, f->type, in(w, 0), NULL);
        if (f->alpha)
            export_f(w->e, n, f->alpha, p->alpha);
        if (f->beta)
            export_f(w->e, n, f->beta, p->beta);
    }
}

static void write_binary(struct writer *w)
{
    static const char *const types[] = {
        [OCELLI_ADD] = "Add", [OCELLI_SUB] = "Sub", [OCELLI_MUL] = "Mul", [OCELLI_DIV] = "Div",
        [OCELLI_MIN] = "Min", [OCELLI_MAX] = "Max", [OCELLI_POW] = "Pow", [OCELLI_PRELU] = "PRelu",
    };

    last(w, types[((const struct ocelli_binary_params *)w->n->attr)->kind], in(w, 0), in(w, 1));
}

static void write_cast(struct writer *w)
{
    export_i(w->e, last(w, "Cast", in(w, 0), NULL), "to", onnx_type_number(w->y->desc.dtype));
}

/* ---- Shapes ---- */

/* 0 takes the extent of x, -1 what is left: with a batch of another size both stay right. */
static const char *reshape_list(struct writer *w, const struct ocelli_shape *x, const struct ocelli_shape *y)
{
    int64_t v[OCELLI_MAX_RANK];

    memcpy(v, y->dim, sizeof(v));
    if (y->rank > 0 && x->rank > 0 && x->dim[0] == y->dim[0])
        v[0] = 0;
    else if (y->rank > 0 && w->e->batch_name)
        v[0] = -1;
    return export_list(w->e, "shape", v, y->rank);
}

static void write_reshape(struct writer *w)
{
    const struct ocelli_shape *x = &w->x->desc.shape, *y = &w->y->desc.shape;

    if (shape_equal(x, y))
        last(w, "Identity", in(w, 0), NULL);
    else if (y->rank == 2 && x->rank > 0 && x->dim[0] == y->dim[0])
        export_i(w->e, last(w, "Flatten", in(w, 0), NULL), "axis", 1);
    else
        last(w, "Reshape", in(w, 0), reshape_list(w, x, y));
}

static void write_concat(struct writer *w)
{
    const char *x[OP_MAX_IN];
    int n = 0;

    for (int i = 0; i < w->n->n_in && i < OP_MAX_IN; i++)
        if (has_in(w, i))
            x[n++] = in(w, i);
    Onnx__Node *node = export_node(w->e, w->n, "Concat", w->out, n, x);
    export_i(w->e, node, "axis", ((const struct concat_attr *)w->n->attr)->axis);
}

static void write_pad(struct writer *w)
{
    static const char *const modes[] = {"constant", "reflect", "edge"};
    const struct ocelli_pad_params *p = w->n->attr;
    int rank = w->x->desc.shape.rank;
    int64_t v[2 * OCELLI_MAX_RANK];

    for (int d = 0; d < rank; d++) {
        v[d] = p->begin[d];
        v[rank + d] = p->end[d];
    }
    const char *x[3] = {in(w, 0), export_list(w->e, "pads", v, 2 * rank), ""};
    bool value = p->mode == OCELLI_PAD_CONSTANT && p->value != 0;
    if (value)
        x[2] = scalar(w, p->value);
    export_s(w->e, export_node(w->e, w->n, "Pad", w->out, value ? 3 : 2, x), "mode", modes[p->mode]);
}

static void write_gather(struct writer *w)
{
    export_i(w->e, last(w, "Gather", in(w, 0), in(w, 1)), "axis",
             ((const struct gather_attr *)w->n->attr)->axis);
}

/* ---- Strided: back to slice, transpose and expand ---- */

struct strides {
    int64_t step[OCELLI_MAX_RANK];  /* of x's memory */
    int of[OCELLI_MAX_RANK];        /* y's dimension k runs along x's of[k]; -1: along none */
    int by[OCELLI_MAX_RANK];        /* x's dimension d is run along by y's by[d]; -1: by none */
    int64_t start[OCELLI_MAX_RANK], by_step[OCELLI_MAX_RANK], count[OCELLI_MAX_RANK]; /* in x */
};

/* Which dimension of x can y's k run along? */
static int runs_along(const struct strides *s, const struct ocelli_shape *x, int64_t stride, int64_t extent)
{
    for (int d = 0; d < x->rank; d++) {
        int64_t m = stride / s->step[d];
        if (s->by[d] >= 0 || stride % s->step[d])
            continue;
        if (extent == 1 ? x->dim[d] == 1 && m == 1 : m != 0 && llabs(m) * (extent - 1) < x->dim[d])
            return d;
    }
    return -1;
}

/* False: the elements taken are no slices of x in other order. */
static bool find_strides(const struct ocelli_shape *x, const struct strided_attr *a, struct strides *s)
{
    int64_t n = 1, rest = a->offset;

    for (int d = x->rank - 1; d >= 0; d--) {
        s->step[d] = n;
        n *= x->dim[d];
        s->by[d] = -1;
    }
    for (int d = 0; d < x->rank; d++) {
        s->start[d] = rest / s->step[d];
        s->by_step[d] = s->count[d] = 1;
        rest %= s->step[d];
        if (rest < 0 || s->start[d] >= x->dim[d])
            return false;
    }
    for (int k = 0; k < a->shape.rank; k++) {
        int64_t extent = a->shape.dim[k];
        int d = a->stride[k] ? runs_along(s, x, a->stride[k], extent) : -1;
        s->of[k] = d;
        if (d < 0 && a->stride[k] && extent > 1)
            return false;
        if (d < 0)
            continue;
        s->by[d] = k;
        s->count[d] = extent;
        s->by_step[d] = extent > 1 ? a->stride[k] / s->step[d] : 1;
        int64_t end = s->start[d] + s->by_step[d] * (extent - 1);
        if (end < 0 || end >= x->dim[d])
            return false;
    }
    return true;
}

/* What is taken of each dimension. */
static const char *slice_of(struct writer *w, const char *x, const struct ocelli_shape *xs, const struct strides *s)
{
    int64_t start[OCELLI_MAX_RANK], end[OCELLI_MAX_RANK], axes[OCELLI_MAX_RANK], step_[OCELLI_MAX_RANK];
    const char *y;
    int n = 0;

    for (int d = 0; d < xs->rank; d++) {
        if (s->count[d] == xs->dim[d] && s->by_step[d] == 1)
            continue;
        axes[n] = d;
        start[n] = s->start[d];
        step_[n] = s->by_step[d];
        end[n] = s->start[d] + s->by_step[d] * s->count[d];
        if (end[n] < 0)
            end[n] = INT64_MIN + 1; /* -1 would be the last one */
        n++;
    }
    if (n == 0)
        return x;
    y = export_name(w->e, "slice");
    const char *in[5] = {x, export_list(w->e, "starts", start, n), export_list(w->e, "ends", end, n),
                         export_list(w->e, "axes", axes, n), export_list(w->e, "steps", step_, n)};
    export_node(w->e, w->n, "Slice", y, 5, in);
    return y;
}

/* x's dimensions in the order of y's, those that y has not behind; *shape: what comes out. */
static const char *order_of(struct writer *w, const char *x, const struct strides *s,
                            const struct strided_attr *a, int rank, struct ocelli_shape *shape)
{
    int perm[OCELLI_MAX_RANK], n = 0;
    bool sorted = true;
    const char *y;

    for (int k = 0; k < a->shape.rank; k++)
        if (s->of[k] >= 0)
            perm[n++] = s->of[k];
    for (int i = 1; i < n; i++)
        sorted = sorted && perm[i - 1] < perm[i];
    for (int d = 0; d < rank; d++)
        if (s->by[d] < 0)
            perm[n++] = d;
    *shape = (struct ocelli_shape){.rank = rank};
    for (int i = 0; i < rank; i++)
        shape->dim[i] = s->count[sorted ? i : perm[i]];
    if (sorted)
        return x;
    y = export_name(w->e, "transposed");
    export_ints(w->e, export_node(w->e, w->n, "Transpose", y, 1, &x), "perm", perm, rank);
    return y;
}

/* Elements in any order: by their places in x, for this batch only. */
static void write_places(struct writer *w, const struct strided_attr *a)
{
    int64_t count = shape_count(&a->shape), at[OCELLI_MAX_RANK] = {0}, place = a->offset;
    int64_t *places;
    const int64_t all = -1;

    if (w->e->batch_name || (size_t)count > ONNX_MAX_FILE / sizeof(*places)) {
        refuse(w, w->e->batch_name ? "these strides and an open batch"
                                   : "these strides of so many elements");
        return;
    }
    if (!(places = arena_alloc(&w->e->arena, (size_t)count * sizeof(*places)))) {
        export_fail(w->e, OCELLI_ERR_MEMORY);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        places[i] = place;
        for (int d = a->shape.rank - 1; d >= 0; d--) {
            place += a->stride[d];
            if (++at[d] < a->shape.dim[d])
                break;
            place -= a->stride[d] * a->shape.dim[d];
            at[d] = 0;
        }
    }
    struct desc d = {OCELLI_I64, a->shape};
    const char *flat = step(w, "Reshape", in(w, 0), export_list(w->e, "shape", &all, 1));
    last(w, "Gather", flat, export_tensor(w->e, "places", &d, places));
}

static void write_strided(struct writer *w)
{
    const struct strided_attr *a = w->n->attr;
    const struct ocelli_shape *x = &w->x->desc.shape;
    struct ocelli_shape now, flat = a->shape;
    struct strides s;
    bool repeats = false;

    if (!find_strides(x, a, &s)) {
        write_places(w, a);
        return;
    }
    for (int k = 0; k < flat.rank; k++)
        if (s.of[k] < 0) {
            repeats = repeats || flat.dim[k] > 1;
            flat.dim[k] = 1;
        }
    const char *y = order_of(w, slice_of(w, in(w, 0), x, &s), &s, a, x->rank, &now);
    if (!shape_equal(&now, &flat))
        y = step(w, "Reshape", y, reshape_list(w, &now, &flat));
    if (repeats) {
        int64_t want[OCELLI_MAX_RANK];
        for (int k = 0; k < flat.rank; k++)
            want[k] = s.of[k] < 0 ? a->shape.dim[k] : 1;
        last(w, "Expand", y, export_list(w->e, "shape", want, flat.rank));
    } else {
        last(w, "Identity", y, NULL);
    }
}

/* ---- Resize ---- */

static const char *const resize_modes[] = {"nearest", "linear", "cubic"};
static const char *const resize_coords[] = {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric",
                                            "tf_crop_and_resize"};
static const char *const resize_nearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};

static void write_resize(struct writer *w)
{
    const struct ocelli_resize_params *p = w->n->attr;
    const struct ocelli_shape *x = &w->x->desc.shape;
    bool crop = p->coord == OCELLI_TF_CROP_AND_RESIZE, scaled = false;
    struct desc list = {OCELLI_F32, {1, {x->rank}}}, ends = {OCELLI_F32, {1, {2 * x->rank}}};
    float scale[OCELLI_MAX_RANK], roi[2 * OCELLI_MAX_RANK];

    for (int d = 0; d < x->rank; d++) {
        scaled = scaled || p->scale[d] != 0;
        scale[d] = p->scale[d] != 0 ? p->scale[d] : (float)p->shape.dim[d] / (float)x->dim[d];
        roi[d] = p->roi[d];
        roi[x->rank + d] = p->roi[x->rank + d];
    }
    const char *in_[4] = {in(w, 0), crop ? export_tensor(w->e, "roi", &ends, roi) : "", "", ""};
    if (scaled || w->e->batch_name)
        in_[2] = export_tensor(w->e, "scales", &list, scale);
    else
        in_[3] = export_list(w->e, "sizes", p->shape.dim, x->rank);
    Onnx__Node *n = export_node(w->e, w->n, "Resize", w->out, *in_[3] ? 4 : 3, in_);
    export_s(w->e, n, "mode", resize_modes[p->mode]);
    export_s(w->e, n, "coordinate_transformation_mode", resize_coords[p->coord]);
    if (p->mode == OCELLI_RESIZE_NEAREST)
        export_s(w->e, n, "nearest_mode", resize_nearest[p->nearest]);
    if (p->mode == OCELLI_RESIZE_CUBIC)
        export_f(w->e, n, "cubic_coeff_a", p->cubic_a != 0 ? p->cubic_a : -0.75f);
    if (p->exclude_outside)
        export_i(w->e, n, "exclude_outside", 1);
    if (crop)
        export_f(w->e, n, "extrapolation_value", p->extrapolation);
}

/* ---- Reductions, normalisations, losses ---- */

static void write_reduce(struct writer *w)
{
    static const char *const types[] = {
        [OCELLI_REDUCE_SUM] = "ReduceSum",         [OCELLI_REDUCE_MEAN] = "ReduceMean",
        [OCELLI_REDUCE_MAX] = "ReduceMax",         [OCELLI_REDUCE_MIN] = "ReduceMin",
        [OCELLI_REDUCE_PROD] = "ReduceProd",       [OCELLI_REDUCE_L1] = "ReduceL1",
        [OCELLI_REDUCE_L2] = "ReduceL2",           [OCELLI_REDUCE_SUM_SQUARE] = "ReduceSumSquare",
        [OCELLI_REDUCE_LOG_SUM] = "ReduceLogSum",  [OCELLI_REDUCE_LOG_SUM_EXP] = "ReduceLogSumExp",
    };
    const struct ocelli_reduce_params *p = w->n->attr;
    int axes[OCELLI_MAX_RANK], n = 0;
    int64_t list[OCELLI_MAX_RANK];

    for (int d = 0; d < w->x->desc.shape.rank; d++)
        if (p->axes >> d & 1)
            list[n] = axes[n] = d, n++;
    bool as_input = p->kind == OCELLI_REDUCE_SUM && n > 0; /* the others' axes are attributes until 18 */
    Onnx__Node *node = last(w, types[p->kind], in(w, 0), as_input ? export_list(w->e, "axes", list, n) : NULL);
    if (n > 0 && !as_input)
        export_ints(w->e, node, "axes", axes, n);
    export_i(w->e, node, "keepdims", p->keepdims);
}

static void write_argmax(struct writer *w)
{
    const struct ocelli_argmax_params *p = w->n->attr;
    Onnx__Node *n = last(w, p->smallest ? "ArgMin" : "ArgMax", in(w, 0), NULL);

    export_i(w->e, n, "axis", p->axis);
    export_i(w->e, n, "keepdims", p->keepdims);
    if (p->last)
        export_i(w->e, n, "select_last_index", 1);
}

static void write_softmax(struct writer *w)
{
    const struct softmax_attr *p = w->n->attr;

    export_i(w->e, last(w, p->log ? "LogSoftmax" : "Softmax", in(w, 0), NULL), "axis", -1 - p->behind);
}

/* Scale, shift and mean may be absent here. */
static void write_batchnorm(struct writer *w)
{
    const struct ocelli_batchnorm_params *p = w->n->attr;
    const struct ocelli_shape *s = in_shape(w, 4);
    const char *x[5] = {in(w, 0)};

    for (int i = 1; i < 5; i++)
        x[i] = has_in(w, i) ? in(w, i) : export_filled(w->e, s, i == 1);
    export_f(w->e, export_node(w->e, w->n, "BatchNormalization", w->out, 5, x), "epsilon", p->epsilon);
}

static void write_standardize(struct writer *w)
{
    const struct ocelli_standardize_params *p = w->n->attr;
    const struct ocelli_shape *s = &w->x->desc.shape;
    const char *x[3] = {in(w, 0)};
    Onnx__Node *n;

    if (p->axis == 2 && s->rank > 2) {
        struct ocelli_shape c = OCELLI_SHAPE(s->dim[1]);
        x[1] = export_filled(w->e, &c, 1);
        x[2] = export_filled(w->e, &c, 0);
        n = export_node(w->e, w->n, "InstanceNormalization", w->out, 3, x);
    } else {
        struct ocelli_shape rest = {.rank = s->rank - p->axis};
        for (int d = 0; d < rest.rank; d++)
            rest.dim[d] = s->dim[p->axis + d];
        x[1] = export_filled(w->e, &rest, 1);
        n = export_node(w->e, w->n, "LayerNormalization", w->out, 2, x);
        export_i(w->e, n, "axis", p->axis);
    }
    export_f(w->e, n, "epsilon", p->epsilon);
}

static void write_lrn(struct writer *w)
{
    const struct ocelli_lrn_params *p = w->n->attr;
    Onnx__Node *n = last(w, "LRN", in(w, 0), NULL);

    export_i(w->e, n, "size", p->size);
    export_f(w->e, n, "alpha", p->alpha);
    export_f(w->e, n, "beta", p->beta);
    export_f(w->e, n, "bias", p->bias);
}

static void write_nll(struct writer *w)
{
    const struct ocelli_nll_params *p = w->n->attr;
    const char *x[3] = {in(w, 0), in(w, 1), has_in(w, 2) ? in(w, 2) : ""};

    if (p->weights_only && (p->has_ignore || !has_in(w, 2))) {
        refuse(w, "the weights alone");
    } else if (p->weights_only) {
        last(w, "Gather", x[2], x[1]);
    } else {
        Onnx__Node *n = export_node(w->e, w->n, "NegativeLogLikelihoodLoss", w->out, *x[2] ? 3 : 2, x);
        export_s(w->e, n, "reduction", "none");
        if (p->has_ignore)
            export_i(w->e, n, "ignore_index", p->ignore);
    }
}

static void write_softmax_xent(struct writer *w)
{
    export_s(w->e, last(w, "SoftmaxCrossEntropyLoss", in(w, 0), in(w, 1)), "reduction", "none");
}

/* ---- All of them ---- */

static const struct {
    const char *op;
    void (*write)(struct writer *w);
    bool bias; /* ONNX's operator has it as a third input */
} writers[] = {
    {"conv2d", write_conv2d, true},
    {"conv2d_bwd_data", write_conv_transpose, true},
    {"gemm", write_gemm, true},
    {"pool2d", write_pool2d, false},
    {"gap", write_gap, false},
    {"bias", write_bias, false},
    {"scale", write_scale, false},
    {"add", write_add, false},
    {"unary", write_unary, false},
    {"binary", write_binary, false},
    {"cast", write_cast, false},
    {"reshape", write_reshape, false},
    {"concat", write_concat, false},
    {"pad", write_pad, false},
    {"gather", write_gather, false},
    {"strided", write_strided, false},
    {"resize", write_resize, false},
    {"reduce", write_reduce, false},
    {"argmax", write_argmax, false},
    {"softmax", write_softmax, false},
    {"batchnorm", write_batchnorm, false},
    {"standardize", write_standardize, false},
    {"lrn", write_lrn, false},
    {"nll", write_nll, false},
    {"softmax_xent", write_softmax_xent, false},
};

bool export_takes_bias(const struct op *op)
{
    for (size_t i = 0; i < COUNT(writers); i++)
        if (strcmp(writers[i].op, op->name) == 0)
            return writers[i].bias;
    return false;
}

void export_op(struct export *e, int i)
{
    const struct node *n = &e->g->node[i];
    struct writer w = {.e = e, .g = e->g, .n = n};
    int joined = e->bias[i];

    if (strcmp(n->op->name, "bias") == 0) { /* written with the node before it? */
        const struct value *x = &e->g->value[n->in[0]];
        if (x->node >= 0 && e->bias[x->node] == i)
            return;
    }
    w.x = &e->g->value[n->in[0]];
    w.y = &e->g->value[n->out[0]];
    w.out = export_value(e, joined < 0 ? n->out[0] : e->g->node[joined].out[0]);
    for (size_t k = 0; k < COUNT(writers); k++)
        if (strcmp(writers[k].op, n->op->name) == 0) {
            writers[k].write(&w);
            return;
        }
    refuse(&w, "");
}
