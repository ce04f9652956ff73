/* Reductions and normalisations. */
#include <string.h>

#include "graph/onnx_import.h"

/* ---- Reductions ---- */

static const struct reduction {
    const char *name;
    enum ocelli_reduce_kind kind;
    int axes_since; /* the opset from which axes are an input */
} reductions[] = {
    {"ReduceL1", OCELLI_REDUCE_L1, 18},          {"ReduceL2", OCELLI_REDUCE_L2, 18},
    {"ReduceLogSum", OCELLI_REDUCE_LOG_SUM, 18}, {"ReduceLogSumExp", OCELLI_REDUCE_LOG_SUM_EXP, 18},
    {"ReduceMax", OCELLI_REDUCE_MAX, 18},        {"ReduceMean", OCELLI_REDUCE_MEAN, 18},
    {"ReduceMin", OCELLI_REDUCE_MIN, 18},        {"ReduceProd", OCELLI_REDUCE_PROD, 18},
    {"ReduceSum", OCELLI_REDUCE_SUM, 13},        {"ReduceSumSquare", OCELLI_REDUCE_SUM_SQUARE, 18},
};

static void build_reduce(struct onnx_node *n)
{
    const struct reduction *r = reductions;
    struct ocelli_reduce_params p;
    int64_t axes[OCELLI_MAX_RANK];
    int rank = in_shape(n, 0).rank, count;

    while (strcmp(r->name, n->op->name) != 0)
        r++;
    p = (struct ocelli_reduce_params){.kind = r->kind, .keepdims = attr_flag(n, "keepdims", true)};
    count = ints(n, 1, "axes", r->axes_since, axes, OCELLI_MAX_RANK);
    if (attr_flag(n, "noop_with_empty_axes", false) && count <= 0) {
        out_same(n);
        return;
    }
    if (stopped(n))
        return;
    p.axes = axes_mask(n, axes, MAX(count, 0), rank);
    out(n, 0, ocelli_reduce(n->m->g, in(n, 0), &p));
}

static void build_arg(struct onnx_node *n)
{
    struct ocelli_argmax_params p = {.keepdims = attr_flag(n, "keepdims", true),
                                     .smallest = strcmp(n->op->name, "ArgMin") == 0,
                                     .last = attr_flag(n, "select_last_index", false)};
    int rank = in_shape(n, 0).rank;

    if (stopped(n))
        return;
    p.axis = axis_of(n, attr_int(n, "axis", 0), rank);
    out(n, 0, ocelli_argmax(n->m->g, in(n, 0), &p));
}

/* Before opset 13 everything from the axis on was one row. */
static void softmax(struct onnx_node *n, bool log)
{
    struct ocelli_graph *g = n->m->g;
    struct ocelli_shape s = in_shape(n, 0), flat = OCELLI_SHAPE(1, 1);
    struct ocelli_softmax_params p = {.log = log};
    int axis;

    if (stopped(n))
        return;
    axis = axis_of(n, attr_int(n, "axis", n->opset < 13 ? 1 : -1), s.rank);
    p.axis = axis;
    if (n->opset >= 13 || axis == s.rank - 1) {
        out(n, 0, ocelli_softmax_axis(g, in(n, 0), &p));
        return;
    }
    for (int i = 0; i < s.rank; i++)
        flat.dim[i >= axis] *= s.dim[i];
    p.axis = 1;
    out(n, 0, shaped(n, ocelli_softmax_axis(g, shaped(n, in(n, 0), &flat), &p), &s));
}

static void build_softmax(struct onnx_node *n)
{
    softmax(n, false);
}

static void build_log_softmax(struct onnx_node *n)
{
    softmax(n, true);
}

/* ---- Batch normalisation ---- */

/* running momentum + batch (1 - momentum) */
static ocelli_value running(struct onnx_node *n, ocelli_value old, ocelli_value batch,
                            float momentum)
{
    return ocelli_binary(n->m->g, with_scalar(n, old, OCELLI_MUL, momentum),
                         with_scalar(n, batch, OCELLI_MUL, 1 - (double)momentum), OCELLI_ADD);
}

/* With the batch's own mean and variance, from which the running ones follow. */
static void training_form(struct onnx_node *n, int rank, const struct ocelli_batchnorm_params *p)
{
    struct ocelli_graph *g = n->m->g;
    struct ocelli_reduce_params mean = {.kind = OCELLI_REDUCE_MEAN, .axes = ((1 << rank) - 1) & ~2};
    ocelli_value x = in(n, 0), mu, variance, away;

    mean.keepdims = true;
    mu = ocelli_reduce(g, x, &mean);
    away = ocelli_binary(g, x, mu, OCELLI_SUB);
    mean.keepdims = false;
    variance = ocelli_reduce(g, ocelli_binary(g, away, away, OCELLI_MUL), &mean);
    mu = shaped(n, mu, &OCELLI_SHAPE(in_shape(n, 0).dim[1]));
    out(n, 0, ocelli_batchnorm(g, x, in(n, 1), in(n, 2), mu, variance, p));
    if (has_out(n, 1))
        out(n, 1, running(n, in(n, 3), mu, p->momentum));
    if (has_out(n, 2))
        out(n, 2, running(n, in(n, 4), variance, p->momentum));
    if (n->opset < 14) { /* the batch's own */
        out(n, 3, mu);
        out(n, 4, variance);
    }
}

static void build_batchnorm(struct onnx_node *n)
{
    struct ocelli_batchnorm_params p = {.epsilon = not_zero(attr_float(n, "epsilon", 1e-5f)),
                                        .momentum = attr_float(n, "momentum", 0.9f)};
    struct ocelli_shape x = in_shape(n, 0);
    bool training;

    attr_ignore(n, "consumed_inputs");
    if (n->opset < 9 && !attr_flag(n, "spatial", true) && x.rank > 2)
        attr_refuse(n, "spatial", 0);
    if (n->opset < 7)
        training = !attr_flag(n, "is_test", false);
    else
        training = n->opset < 14 ? outputs(n) > 1 : attr_flag(n, "training_mode", false);
    if (!stopped(n) && x.rank < 2)
        stop(n, fail(OCELLI_ERR_SHAPE, "rank %d", x.rank));
    if (stopped(n))
        return;
    if (training)
        training_form(n, x.rank, &p);
    else
        out(n, 0, ocelli_batchnorm(n->m->g, in(n, 0), in(n, 1), in(n, 2), in(n, 3), in(n, 4), &p));
}

/* ---- Normalisation within a sample ---- */

/* y scale[c] + shift[c], c along dimension 1. */
static ocelli_value affine(struct onnx_node *n, ocelli_value y)
{
    return ocelli_bias(n->m->g, ocelli_scale(n->m->g, y, in(n, 1)), in(n, 2));
}

static void build_instance(struct onnx_node *n)
{
    struct ocelli_standardize_params p = {.axis = 2,
                                          .epsilon = not_zero(attr_float(n, "epsilon", 1e-5f))};

    attr_ignore(n, "consumed_inputs");
    if (!stopped(n) && in_shape(n, 0).rank < 3)
        stop(n, fail(OCELLI_ERR_SHAPE, "rank %d", in_shape(n, 0).rank));
    out(n, 0, affine(n, ocelli_standardize(n->m->g, in(n, 0), &p)));
}

/* The mean and 1 / sqrt(variance + epsilon), where they are asked for. */
static void moments(struct onnx_node *n, const struct ocelli_standardize_params *p, int rank)
{
    struct ocelli_graph *g = n->m->g;
    struct ocelli_reduce_params r = {.kind = OCELLI_REDUCE_MEAN, .keepdims = true};
    ocelli_value x = in(n, 0), mu, away, v;

    if (!has_out(n, 1) && !has_out(n, 2))
        return;
    r.axes = ((1 << rank) - 1) & ~((1 << p->axis) - 1);
    mu = ocelli_reduce(g, x, &r);
    out(n, 1, mu);
    if (has_out(n, 2)) {
        away = ocelli_binary(g, x, mu, OCELLI_SUB);
        v = ocelli_reduce(g, ocelli_binary(g, away, away, OCELLI_MUL), &r);
        v = function_of(n, with_scalar(n, v, OCELLI_ADD, p->epsilon), OCELLI_SQRT);
        out(n, 2, function_of(n, v, OCELLI_RECIPROCAL));
    }
}

static void build_layer(struct onnx_node *n)
{
    struct ocelli_standardize_params p = {.epsilon = not_zero(attr_float(n, "epsilon", 1e-5f))};
    int rank = in_shape(n, 0).rank;
    int64_t stash = attr_int(n, "stash_type", 1);
    ocelli_value y;

    if (!stopped(n) && stash != 1)
        attr_refuse(n, "stash_type", stash);
    if (stopped(n))
        return;
    p.axis = axis_of(n, attr_int(n, "axis", -1), rank);
    y = ocelli_standardize(n->m->g, in(n, 0), &p);
    y = ocelli_binary(n->m->g, y, in(n, 1), OCELLI_MUL);
    out(n, 0, has_in(n, 2) ? ocelli_binary(n->m->g, y, in(n, 2), OCELLI_ADD) : y);
    moments(n, &p, rank);
}

/* Wu and He 2018. Scale and shift: one a group in opset 18, one a channel from 21 on. */
static void build_group(struct onnx_node *n)
{
    struct ocelli_graph *g = n->m->g;
    struct ocelli_standardize_params p = {.axis = 2,
                                          .epsilon = not_zero(attr_float(n, "epsilon", 1e-5f))};
    struct ocelli_shape x = in_shape(n, 0);
    int64_t groups = attr_int(n, "num_groups", 0), stash = attr_int(n, "stash_type", 1);
    ocelli_value y;

    if (!stopped(n) && stash != 1)
        attr_refuse(n, "stash_type", stash);
    if (stopped(n))
        return;
    if (x.rank < 3 || groups < 1 || x.dim[1] % groups) {
        stop(n, fail(OCELLI_ERR_SHAPE, "%lld groups", (long long)groups));
        return;
    }
    int64_t rest = shape_count(&x) / x.dim[0] / groups;
    y = ocelli_standardize(g, shaped(n, in(n, 0), &OCELLI_SHAPE(x.dim[0], groups, rest)), &p);
    if (n->opset < 21)
        y = affine(n, y);
    y = shaped(n, y, &x);
    out(n, 0, n->opset < 21 ? y : affine(n, y));
}

static void build_lrn(struct onnx_node *n)
{
    struct ocelli_lrn_params p = {.alpha = not_zero(attr_float(n, "alpha", 1e-4f)),
                                  .beta = not_zero(attr_float(n, "beta", 0.75f)),
                                  .bias = not_zero(attr_float(n, "bias", 1))};

    int64_t size = attr_int(n, "size", 0);
    if (!stopped(n) && (size < 1 || size > 1 << 30))
        stop(n, fail(OCELLI_ERR_FORMAT, "attribute size = %lld", (long long)size));
    p.size = (int)size;
    out(n, 0, ocelli_lrn(n->m->g, in(n, 0), &p));
}

const struct onnx_op onnx_ops_norm[] = {
    {"ArgMax", 1, build_arg, false},
    {"ArgMin", 1, build_arg, false},
    {"BatchNormalization", 1, build_batchnorm, false},
    {"GroupNormalization", 18, build_group, false},
    {"InstanceNormalization", 1, build_instance, false},
    {"LRN", 1, build_lrn, false},
    {"LayerNormalization", 17, build_layer, false},
    {"LogSoftmax", 1, build_log_softmax, false},
    {"ReduceL1", 1, build_reduce, false},
    {"ReduceL2", 1, build_reduce, false},
    {"ReduceLogSum", 1, build_reduce, false},
    {"ReduceLogSumExp", 1, build_reduce, false},
    {"ReduceMax", 1, build_reduce, false},
    {"ReduceMean", 1, build_reduce, false},
    {"ReduceMin", 1, build_reduce, false},
    {"ReduceProd", 1, build_reduce, false},
    {"ReduceSum", 1, build_reduce, false},
    {"ReduceSumSquare", 1, build_reduce, false},
    {"Softmax", 1, build_softmax, false},
    {0},
};
