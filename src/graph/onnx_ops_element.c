/* Operators on each element, and products of matrices. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "graph/onnx_import.h"

/* ---- Of one value ---- */

static const struct function {
    const char *name;
    enum ocelli_unary_kind kind;
    const char *alpha, *beta; /* attributes, NULL: none */
    float alpha_default, beta_default;
} functions[] = {
    {"Abs", OCELLI_ABS, NULL, NULL, 0, 0},
    {"Ceil", OCELLI_CEIL, NULL, NULL, 0, 0},
    {"Celu", OCELLI_CELU, "alpha", NULL, 1, 0},
    {"Elu", OCELLI_ELU, "alpha", NULL, 1, 0},
    {"Erf", OCELLI_ERF, NULL, NULL, 0, 0},
    {"Exp", OCELLI_EXP, NULL, NULL, 0, 0},
    {"Floor", OCELLI_FLOOR, NULL, NULL, 0, 0},
    {"HardSigmoid", OCELLI_HARD_SIGMOID, "alpha", "beta", 0.2f, 0.5f},
    {"HardSwish", OCELLI_HARD_SWISH, NULL, NULL, 0, 0},
    {"LeakyRelu", OCELLI_LEAKY_RELU, "alpha", NULL, 0.01f, 0},
    {"Log", OCELLI_LOG, NULL, NULL, 0, 0},
    {"Mish", OCELLI_MISH, NULL, NULL, 0, 0},
    {"Neg", OCELLI_NEG, NULL, NULL, 0, 0},
    {"Reciprocal", OCELLI_RECIPROCAL, NULL, NULL, 0, 0},
    {"Relu", OCELLI_RELU, NULL, NULL, 0, 0},
    {"Selu", OCELLI_SELU, "alpha", "gamma", 1.67326319217681884765625f, 1.05070102214813232421875f},
    {"Sigmoid", OCELLI_SIGMOID, NULL, NULL, 0, 0},
    {"Sign", OCELLI_SIGN, NULL, NULL, 0, 0},
    {"Softplus", OCELLI_SOFTPLUS, NULL, NULL, 0, 0},
    {"Softsign", OCELLI_SOFTSIGN, NULL, NULL, 0, 0},
    {"Sqrt", OCELLI_SQRT, NULL, NULL, 0, 0},
    {"Tanh", OCELLI_TANH, NULL, NULL, 0, 0},
    {"ThresholdedRelu", OCELLI_THRESHOLDED_RELU, "alpha", NULL, 1, 0},
};

static void build_function(struct onnx_node *n)
{
    const struct function *f = functions;
    struct ocelli_unary_params p;

    while (strcmp(f->name, n->op->name) != 0)
        f++;
    attr_ignore(n, "consumed_inputs");
    p = (struct ocelli_unary_params){.kind = f->kind};
    if (f->alpha)
        p.alpha = attr_float(n, f->alpha, f->alpha_default);
    if (f->beta)
        p.beta = attr_float(n, f->beta, f->beta_default);
    out(n, 0, ocelli_unary(n->m->g, in(n, 0), &p));
}

static const char *const gelu_forms[] = {"none", "tanh", NULL};
static void build_gelu(struct onnx_node *n)
{
    struct ocelli_graph *g = n->m->g;
    ocelli_value x = in(n, 0), y;

    if (attr_word(n, "approximate", gelu_forms, 0) == 0) {
        out(n, 0, function_of(n, x, OCELLI_GELU));
        return;
    }
    /* x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2; Hendrycks and Gimpel 2016 */
    y = ocelli_binary(g, x, ocelli_binary(g, x, x, OCELLI_MUL), OCELLI_MUL);
    y = ocelli_binary(g, x, with_scalar(n, y, OCELLI_MUL, 0.044715), OCELLI_ADD);
    y = ocelli_tanh(g, with_scalar(n, y, OCELLI_MUL, sqrt(M_2_PI)));
    y = with_scalar(n, with_scalar(n, y, OCELLI_ADD, 1), OCELLI_MUL, 0.5);
    out(n, 0, ocelli_binary(g, x, y, OCELLI_MUL));
}

/* One bound of a clip: known or not. */
static ocelli_value bounded(struct onnx_node *n, ocelli_value x, int i,
                            enum ocelli_binary_kind kind)
{
    return has_in(n, i) ? ocelli_binary(n->m->g, x, in(n, i), kind) : x;
}

static void build_clip(struct onnx_node *n)
{
    struct ocelli_unary_params p = {OCELLI_CLIP, -FLT_MAX, FLT_MAX};
    const struct host *low = NULL, *high = NULL;
    bool attributes = n->opset < 11;

    attr_ignore(n, "consumed_inputs");
    if (attributes) {
        p.alpha = attr_float(n, "min", p.alpha);
        p.beta = attr_float(n, "max", p.beta);
    } else if (!has_in(n, 1) && !has_in(n, 2)) {
        out_same(n);
        return;
    } else {
        low = has_in(n, 1) ? in_host(n, 1) : NULL;
        high = has_in(n, 2) ? in_host(n, 2) : NULL;
        if (low && low->count == 1)
            p.alpha = (float)host_f(low, 0);
        if (high && high->count == 1)
            p.beta = (float)host_f(high, 0);
    }
    bool known = attributes || ((low || !has_in(n, 1)) && (high || !has_in(n, 2)));
    ocelli_value x = in(n, 0);
    if (known && in_dtype(n, 0) == OCELLI_F32 && p.alpha <= p.beta) {
        bool relu = p.alpha == 0 && p.beta >= FLT_MAX;
        out(n, 0, relu ? ocelli_relu(n->m->g, x) : ocelli_unary(n->m->g, x, &p));
    } else if (attributes) {
        x = with_scalar(n, x, OCELLI_MAX, p.alpha);
        out(n, 0, with_scalar(n, x, OCELLI_MIN, p.beta));
    } else {
        out(n, 0, bounded(n, bounded(n, x, 1, OCELLI_MAX), 2, OCELLI_MIN));
    }
}

/* ---- Of two and more ---- */

/* Before opset 7 the second operand was placed by an attribute: its dimensions begin at `axis`. */
static ocelli_value placed(struct onnx_node *n, ocelli_value b)
{
    struct ocelli_shape x = in_shape(n, 0), s = ocelli_value_shape(n->m->g, b);
    struct ocelli_shape y = {.rank = x.rank};

    if (stopped(n) || !attr_flag(n, "broadcast", false) || !has_attr(n, "axis"))
        return b;
    int64_t axis = attr_int(n, "axis", 0);
    axis += axis < 0 ? x.rank : 0;
    if (axis < 0 || axis + s.rank > x.rank)
        return stop(n, fail(OCELLI_ERR_FORMAT, "attribute axis = %lld", (long long)axis));
    for (int i = 0; i < y.rank; i++)
        y.dim[i] = i < axis || i >= axis + s.rank ? 1 : s.dim[i - axis];
    return shaped(n, b, &y);
}

static void binary(struct onnx_node *n, enum ocelli_binary_kind kind)
{
    ocelli_value a = in(n, 0), b = in(n, 1);

    attr_ignore(n, "consumed_inputs");
    if (n->opset < 7)
        b = placed(n, b);
    if (dtype_of(n, a) != dtype_of(n, b) && kind == OCELLI_POW)
        b = ocelli_cast(n->m->g, b, dtype_of(n, a));
    out(n, 0, combine(n, a, b, kind));
}

static void build_add(struct onnx_node *n)
{
    binary(n, OCELLI_ADD);
}

static void build_sub(struct onnx_node *n)
{
    binary(n, OCELLI_SUB);
}

static void build_mul(struct onnx_node *n)
{
    binary(n, OCELLI_MUL);
}

static void build_div(struct onnx_node *n)
{
    binary(n, OCELLI_DIV);
}

static void build_pow(struct onnx_node *n)
{
    binary(n, OCELLI_POW);
}

/* The slope is stretched to the input; before opset 7 a list of them was one a channel. */
static void build_prelu(struct onnx_node *n)
{
    ocelli_value x = in(n, 0), slope = in(n, 1);
    struct ocelli_shape xs = in_shape(n, 0), s = in_shape(n, 1);

    attr_ignore(n, "consumed_inputs");
    if (!stopped(n) && n->opset < 7 && s.rank == 1 && s.dim[0] > 1 && xs.rank > 2) {
        struct ocelli_shape y = {.rank = xs.rank - 1};
        for (int i = 0; i < y.rank; i++)
            y.dim[i] = i == 0 ? s.dim[0] : 1;
        slope = shaped(n, slope, &y);
    }
    out(n, 0, ocelli_binary(n->m->g, x, slope, OCELLI_PRELU));
}

/* All inputs, one after the other. */
static ocelli_value chain(struct onnx_node *n, enum ocelli_binary_kind kind)
{
    ocelli_value y = in(n, 0);

    attr_ignore(n, "consumed_inputs");
    for (int i = 1; i < inputs(n) && !stopped(n); i++)
        y = combine(n, y, in(n, i), kind);
    return y;
}

static void build_sum(struct onnx_node *n)
{
    out(n, 0, chain(n, OCELLI_ADD));
}

static void build_min(struct onnx_node *n)
{
    out(n, 0, chain(n, OCELLI_MIN));
}

static void build_max(struct onnx_node *n)
{
    out(n, 0, chain(n, OCELLI_MAX));
}

static void build_mean(struct onnx_node *n)
{
    ocelli_value y = chain(n, OCELLI_ADD);

    out(n, 0, inputs(n) > 1 ? with_scalar(n, y, OCELLI_DIV, inputs(n)) : y);
}

/* ---- Products of matrices ---- */

static void build_gemm(struct onnx_node *n)
{
    struct ocelli_graph *g = n->m->g;
    struct ocelli_gemm_params p = {.trans_a = attr_flag(n, "transA", false),
                                   .trans_b = attr_flag(n, "transB", false)};
    float alpha = attr_float(n, "alpha", 1), beta = attr_float(n, "beta", 1);
    ocelli_value y = ocelli_gemm(g, in(n, 0), in(n, 1), &p);

    if (n->opset < 7)
        attr_ignore(n, "broadcast");
    if (alpha != 1)
        y = with_scalar(n, y, OCELLI_MUL, alpha);
    if (has_in(n, 2) && beta != 0) {
        ocelli_value c = in(n, 2);
        y = combine(n, y, beta == 1 ? c : with_scalar(n, c, OCELLI_MUL, beta), OCELLI_ADD);
    }
    out(n, 0, y);
}

/* Matrix i of the batch `s`, or the only one where the batch repeats it. */
static ocelli_value matrix(struct onnx_node *n, ocelli_value x, const struct ocelli_shape *s,
                           int64_t i, const struct ocelli_shape *batch)
{
    int64_t start[OCELLI_MAX_RANK], step[OCELLI_MAX_RANK], count[OCELLI_MAX_RANK];

    for (int d = 0; d < s->rank; d++) {
        start[d] = 0;
        step[d] = 1;
        count[d] = s->dim[d];
    }
    for (int k = batch->rank - 1; k >= 0; k--) {
        int d = k - (batch->rank - (s->rank - 2));
        int64_t at = i % batch->dim[k];
        i /= batch->dim[k];
        if (d < 0)
            continue;
        start[d] = s->dim[d] == 1 ? 0 : at;
        count[d] = 1;
    }
    x = ocelli_slice(n->m->g, x, start, step, count);
    return shaped(n, x, &OCELLI_SHAPE(s->dim[s->rank - 2], s->dim[s->rank - 1]));
}

#define MATMUL_MAX 256
static ocelli_value batched(struct onnx_node *n, ocelli_value a, const struct ocelli_shape *as,
                            ocelli_value b, const struct ocelli_shape *bs,
                            const struct ocelli_shape *batch)
{
    ocelli_value y[MATMUL_MAX];
    int64_t count = shape_count(batch);

    if (count > MATMUL_MAX)
        return stop(
            n, fail(OCELLI_ERR_UNSUPPORTED, "a batch of more than %d matrix products", MATMUL_MAX));
    for (int64_t i = 0; i < count && !stopped(n); i++)
        y[i] = ocelli_gemm(n->m->g, matrix(n, a, as, i, batch), matrix(n, b, bs, i, batch), NULL);
    return stopped(n) ? OCELLI_NONE : count == 1 ? y[0] : ocelli_concat(n->m->g, y, (int)count, 0);
}

static void build_matmul(struct onnx_node *n)
{
    struct ocelli_graph *g = n->m->g;
    struct ocelli_shape as = in_shape(n, 0), bs = in_shape(n, 1), a0, b0, batch, ys;
    ocelli_value a = in(n, 0), b = in(n, 1), y;

    if (stopped(n))
        return;
    if (as.rank < 1 || bs.rank < 1) {
        stop(n, fail(OCELLI_ERR_SHAPE, "a scalar"));
        return;
    }
    bool row = as.rank == 1, column = bs.rank == 1;
    if (row)
        as = OCELLI_SHAPE(1, as.dim[0]);
    if (column)
        bs = OCELLI_SHAPE(bs.dim[0], 1);
    a0 = as, a0.rank -= 2;
    b0 = bs, b0.rank -= 2;
    if (!broadcast(&a0, &b0, &batch)) {
        stop(n, fail(OCELLI_ERR_SHAPE, "the batches do not fit each other"));
        return;
    }
    int64_t rows = as.dim[as.rank - 2], inner = as.dim[as.rank - 1], columns = bs.dim[bs.rank - 1];
    if (bs.rank == 2) { /* one matrix for all rows */
        a = shaped(n, a, &OCELLI_SHAPE(shape_count(&a0) * rows, inner));
        y = ocelli_gemm(g, a, shaped(n, b, &bs), NULL);
    } else {
        y = batched(n, shaped(n, a, &as), &as, b, &bs, &batch);
    }
    ys = batch;
    if (!row)
        ys.dim[ys.rank++] = rows;
    if (!column)
        ys.dim[ys.rank++] = columns;
    out(n, 0, shaped(n, y, &ys));
}

const struct onnx_op onnx_ops_element[] = {
    {"Abs", 1, build_function, false},
    {"Add", 1, build_add, false},
    {"Ceil", 1, build_function, false},
    {"Celu", 12, build_function, false},
    {"Clip", 1, build_clip, false},
    {"Div", 1, build_div, false},
    {"Elu", 1, build_function, false},
    {"Erf", 9, build_function, false},
    {"Exp", 1, build_function, false},
    {"Floor", 1, build_function, false},
    {"Gelu", 20, build_gelu, false},
    {"Gemm", 1, build_gemm, false},
    {"HardSigmoid", 1, build_function, false},
    {"HardSwish", 14, build_function, false},
    {"LeakyRelu", 1, build_function, false},
    {"Log", 1, build_function, false},
    {"MatMul", 1, build_matmul, false},
    {"Max", 1, build_max, false},
    {"Mean", 1, build_mean, false},
    {"Min", 1, build_min, false},
    {"Mish", 18, build_function, false},
    {"Mul", 1, build_mul, false},
    {"Neg", 1, build_function, false},
    {"PRelu", 1, build_prelu, false},
    {"Pow", 1, build_pow, false},
    {"Reciprocal", 1, build_function, false},
    {"Relu", 1, build_function, false},
    {"Selu", 1, build_function, false},
    {"Sigmoid", 1, build_function, false},
    {"Sign", 9, build_function, false},
    {"Softplus", 1, build_function, false},
    {"Softsign", 1, build_function, false},
    {"Sqrt", 1, build_function, false},
    {"Sub", 1, build_sub, false},
    {"Sum", 1, build_sum, false},
    {"Tanh", 1, build_function, false},
    {"ThresholdedRelu", 10, build_function, false},
    {0},
};
