/* Products, and what is done to each element. */
#include <float.h>
#include <math.h>

#include "graph/onnx_writer.h"

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

const struct op_writer onnx_writers_element[] = {
    {"gemm", write_gemm, true},    {"bias", write_bias, false},
    {"scale", write_scale, false}, {"add", write_add, false},
    {"unary", write_unary, false}, {"binary", write_binary, false},
    {"cast", write_cast, false},   {0},
};
