/* Losses, and dropout. */
#include <string.h>

#include "graph/onnx_import.h"

static const char *const reductions[] = {"none", "sum", "mean", NULL};
enum { NONE, SUM, MEAN };

/* The loss of log-probabilities, reduced as the node says. */
static ocelli_value loss(struct onnx_node *n, ocelli_value log_prob)
{
    struct ocelli_graph *g = n->m->g;
    struct ocelli_nll_params p = {.has_ignore = has_attr(n, "ignore_index")};
    struct ocelli_reduce_params sum = {.kind = OCELLI_REDUCE_SUM};
    int reduction = attr_word(n, "reduction", reductions, MEAN);
    int64_t ignore = attr_int(n, "ignore_index", 0);
    ocelli_value target = in(n, 1), weight = in_or_none(n, 2), y, w;

    if (!stopped(n) && (ignore < INT32_MIN || ignore > INT32_MAX))
        attr_refuse(n, "ignore_index", ignore);
    p.ignore = (int)ignore;
    y = ocelli_nll(g, log_prob, target, weight, &p);
    if (reduction == NONE)
        return y;
    if (reduction == MEAN && weight == OCELLI_NONE && !p.has_ignore) {
        sum.kind = OCELLI_REDUCE_MEAN;
        return ocelli_reduce(g, y, &sum);
    }
    y = ocelli_reduce(g, y, &sum);
    if (reduction == SUM)
        return y;
    p.weights_only = true;
    w = ocelli_nll(g, log_prob, target, weight, &p);
    return ocelli_binary(g, y, ocelli_reduce(g, w, &sum), OCELLI_DIV);
}

static void build_nll(struct onnx_node *n)
{
    out(n, 0, loss(n, in(n, 0)));
}

static void build_cross_entropy(struct onnx_node *n)
{
    struct ocelli_softmax_params p = {.axis = 1, .log = true};
    ocelli_value log_prob = ocelli_softmax_axis(n->m->g, in(n, 0), &p);

    out(n, 0, loss(n, log_prob));
    out(n, 1, log_prob);
}

/* ---- Dropout: where nothing is trained, nothing is dropped ---- */

/* Is it certain that nothing is dropped? */
static bool kept(struct onnx_node *n)
{
    const struct host *ratio, *training;

    if (n->opset < 12) {
        attr_ignore(n, "ratio");
        if (n->opset < 7 && !attr_flag(n, "is_test", false))
            attr_refuse(n, "is_test", 0);
        return !stopped(n);
    }
    attr_ignore(n, "seed");
    if (!has_in(n, 2))
        return true;
    training = in_known(n, 2);
    if (!training || training->count != 1 || host_i(training, 0) == 0)
        return !stopped(n);
    ratio = has_in(n, 1) ? in_known(n, 1) : NULL;
    if (!stopped(n) && (!ratio || ratio->count != 1 || host_f(ratio, 0) != 0))
        stop(n, fail(OCELLI_ERR_UNSUPPORTED, "input training_mode = 1 with a ratio that is not 0"));
    return !stopped(n);
}

static void build_dropout(struct onnx_node *n)
{
    attr_ignore(n, "consumed_inputs");
    if (!kept(n))
        return;
    out_same(n);
    if (has_out(n, 1)) {
        struct ocelli_shape s = in_shape(n, 0);
        enum ocelli_dtype mask = n->opset < 10 ? in_dtype(n, 0) : OCELLI_BOOL;
        if (!stopped(n))
            out(n, 1, filled(n, mask, &s, 1));
    }
}

const struct onnx_op onnx_ops_loss[] = {
    {"Dropout", 1, build_dropout, false},
    {"NegativeLogLikelihoodLoss", 12, build_nll, false},
    {"SoftmaxCrossEntropyLoss", 12, build_cross_entropy, false},
    {0},
};
