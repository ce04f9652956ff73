/* Arithmetic on shapes, done while importing: the chains of Shape, Gather, Concat and their like
 * that exporters write where the file format has no place for a computed shape. */
#include <string.h>

#include "graph/onnx_fold.h"

static const struct fold {
    const char *name;
    void (*fold)(struct onnx_node *n);
    bool first; /* input 0 is what it works on, the others say how */
} folds[] = {
    {"Abs", fold_abs, false},
    {"Add", fold_add, false},
    {"And", fold_and, false},
    {"Cast", fold_cast, true},
    {"Ceil", fold_ceil, false},
    {"Concat", fold_concat, false},
    {"Div", fold_div, false},
    {"Equal", fold_equal, false},
    {"Expand", fold_expand, true},
    {"Floor", fold_floor, false},
    {"Gather", fold_gather, true},
    {"Greater", fold_greater, false},
    {"Less", fold_less, false},
    {"Max", fold_max, false},
    {"Min", fold_min, false},
    {"Mod", fold_mod, false},
    {"Mul", fold_mul, false},
    {"Neg", fold_neg, false},
    {"Not", fold_not, false},
    {"Or", fold_or, false},
    {"Pow", fold_pow, false},
    {"Range", fold_range, false},
    {"ReduceMax", fold_reduce_max, true},
    {"ReduceMin", fold_reduce_min, true},
    {"ReduceProd", fold_reduce_prod, true},
    {"ReduceSum", fold_reduce_sum, true},
    {"Reshape", fold_reshape, true},
    {"Round", fold_round, false},
    {"Slice", fold_slice, true},
    {"Split", fold_split, true},
    {"Sqrt", fold_sqrt, false},
    {"Squeeze", fold_squeeze, true},
    {"Sub", fold_sub, false},
    {"Transpose", fold_transpose, true},
    {"Unsqueeze", fold_unsqueeze, true},
    {"Where", fold_where, false},
};

/* Every input is known, and not all are float initialisers: arithmetic on those is the network's
 * own, and they are its weights. */
static bool to_be_folded(struct onnx_node *n, const struct fold *f)
{
    bool shapes = false;

    for (int i = 0; i < inputs(n); i++) {
        struct slot *s = has_in(n, i) ? slot_find(n->m, n->n->input[i]) : NULL;
        if (!has_in(n, i))
            continue;
        if (!s || s->source == FROM_INPUT || !slot_host(n->m, s))
            return false;
        if (i == 0 || !f->first)
            shapes = shapes || !s->weight || !dtype_is_float(s->host->d.dtype);
    }
    return shapes;
}

bool onnx_fold(struct onnx_node *n)
{
    for (size_t i = 0; i < COUNT(folds); i++)
        if (strcmp(folds[i].name, n->op->name) == 0) {
            if (!has_in(n, 0) || n->opset < 7 || !to_be_folded(n, &folds[i]))
                return false;
            folds[i].fold(n);
            return true;
        }
    return false;
}

static void not_known(struct onnx_node *n)
{
    for (int i = 0; i < inputs(n) && !stopped(n); i++)
        if (has_in(n, i))
            in_known(n, i);
    if (!stopped(n))
        stop(n, fail(OCELLI_ERR_UNSUPPORTED, "on other than constants"));
}

/* Those that exist only so. */
const struct onnx_op onnx_ops_fold[] = {
    {"And", 7, not_known, false},
    {"Equal", 7, not_known, false},
    {"Greater", 7, not_known, false},
    {"Less", 7, not_known, false},
    {"Mod", 10, not_known, false},
    {"Not", 1, not_known, false},
    {"Or", 7, not_known, false},
    {"Range", 11, not_known, false},
    {"Round", 11, not_known, false},
    {"Where", 9, not_known, false},
    {0},
};
