/* Reductions, normalisations, losses. */
#include "graph/onnx_writer.h"

static void write_reduce(struct writer *w)
{
    static const char *const types[] = {
        [OCELLI_REDUCE_SUM] = "ReduceSum",        [OCELLI_REDUCE_MEAN] = "ReduceMean",
        [OCELLI_REDUCE_MAX] = "ReduceMax",        [OCELLI_REDUCE_MIN] = "ReduceMin",
        [OCELLI_REDUCE_PROD] = "ReduceProd",      [OCELLI_REDUCE_L1] = "ReduceL1",
        [OCELLI_REDUCE_L2] = "ReduceL2",          [OCELLI_REDUCE_SUM_SQUARE] = "ReduceSumSquare",
        [OCELLI_REDUCE_LOG_SUM] = "ReduceLogSum", [OCELLI_REDUCE_LOG_SUM_EXP] = "ReduceLogSumExp",
    };
    const struct ocelli_reduce_params *p = w->n->attr;
    int axes[OCELLI_MAX_RANK], n = 0;
    int64_t list[OCELLI_MAX_RANK];

    for (int d = 0; d < w->x->desc.shape.rank; d++)
        if (p->axes >> d & 1)
            list[n] = axes[n] = d, n++;
    bool as_input =
        p->kind == OCELLI_REDUCE_SUM && n > 0; /* the others' axes are attributes until 18 */
    Onnx__Node *node =
        last(w, types[p->kind], in(w, 0), as_input ? export_list(w->e, "axes", list, n) : NULL);
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

    export_i(w->e, last(w, p->log ? "LogSoftmax" : "Softmax", in(w, 0), NULL), "axis",
             -1 - p->behind);
}

/* Scale, shift and mean may be absent here. */
static void write_batchnorm(struct writer *w)
{
    const struct ocelli_batchnorm_params *p = w->n->attr;
    const struct ocelli_shape *s = in_shape(w, 4);
    const char *x[5] = {in(w, 0)};

    for (int i = 1; i < 5; i++)
        x[i] = has_in(w, i) ? in(w, i) : export_filled(w->e, s, i == 1);
    export_f(w->e, export_node(w->e, w->n, "BatchNormalization", w->out, 5, x), "epsilon",
             p->epsilon);
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

/* The weights alone are the loss of -1 everywhere. */
static void write_nll(struct writer *w)
{
    const struct ocelli_nll_params *p = w->n->attr;
    const char *x[3] = {in(w, 0), in(w, 1), has_in(w, 2) ? in(w, 2) : ""};

    if (p->weights_only)
        x[0] = step(w, "Expand", scalar(w, -1), step(w, "Shape", x[0], NULL));
    Onnx__Node *n = export_node(w->e, w->n, "NegativeLogLikelihoodLoss", w->out, *x[2] ? 3 : 2, x);
    export_s(w->e, n, "reduction", "none");
    if (p->has_ignore)
        export_i(w->e, n, "ignore_index", p->ignore);
}

static void write_softmax_xent(struct writer *w)
{
    const struct softmax_xent_attr *p = w->n->attr;
    if (p->smoothing != 0)
        export_fail(w->e, fail(OCELLI_ERR_UNSUPPORTED, "ONNX's cross-entropy has no label smoothing"));
    export_s(w->e, last(w, "SoftmaxCrossEntropyLoss", in(w, 0), in(w, 1)), "reduction", "none");
}

const struct op_writer onnx_writers_norm[] = {
    {"reduce", write_reduce, false},
    {"argmax", write_argmax, false},
    {"softmax", write_softmax, false},
    {"batchnorm", write_batchnorm, false},
    {"standardize", write_standardize, false},
    {"lrn", write_lrn, false},
    {"nll", write_nll, false},
    {"softmax_xent", write_softmax_xent, false},
    {0},
};
