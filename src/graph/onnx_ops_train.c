/* ai.onnx.preview.training: steps of optimisers, as the specification's formulas, and gradients. */
#include <math.h>
#include <string.h>

#include "graph/onnx_import.h"

static ocelli_value mul(struct onnx_node *n, ocelli_value a, ocelli_value b)
{
    return ocelli_binary(n->m->g, a, b, OCELLI_MUL);
}

static ocelli_value add(struct onnx_node *n, ocelli_value a, ocelli_value b)
{
    return ocelli_binary(n->m->g, a, b, OCELLI_ADD);
}

static ocelli_value times(struct onnx_node *n, ocelli_value a, double s)
{
    return s == 1 ? a : with_scalar(n, a, OCELLI_MUL, s);
}

/* Inputs are R, T and then `kinds` groups of as many tensors: the weights, their gradients, states.
 */
static int groups(struct onnx_node *n, int kinds)
{
    int count = (inputs(n) - 2) / kinds;

    if (!stopped(n) && (count < 1 || inputs(n) != 2 + kinds * count))
        stop(n, fail(OCELLI_ERR_FORMAT, "%d inputs", inputs(n)));
    return stopped(n) ? 0 : count;
}

/* T as float. */
static ocelli_value steps(struct onnx_node *n)
{
    return ocelli_cast(n->m->g, in(n, 1), OCELLI_F32);
}

/* 0 in the first step, 1 in later ones. */
static ocelli_value later(struct onnx_node *n, ocelli_value t)
{
    return with_scalar(n, t, OCELLI_MIN, 1);
}

/* norm X + G */
static ocelli_value regularised(struct onnx_node *n, ocelli_value x, ocelli_value g, double norm)
{
    return norm == 0 ? g : add(n, times(n, x, norm), g);
}

static const char *const modes[] = {"standard", "nesterov", NULL};
static void build_momentum(struct onnx_node *n)
{
    double alpha = attr_float(n, "alpha", 0), beta = attr_float(n, "beta", 0);
    double norm = attr_float(n, "norm_coefficient", 0);
    int mode = attr_word(n, "mode", modes, 0), count = groups(n, 3);
    ocelli_value r = in(n, 0), b;

    /* beta, but 1 in the first step */
    b = with_scalar(n, times(n, later(n, steps(n)), beta - 1), OCELLI_ADD, 1);
    for (int i = 0; i < count; i++) {
        ocelli_value x = in(n, 2 + i);
        ocelli_value g = regularised(n, x, in(n, 2 + count + i), norm);
        ocelli_value v = add(n, times(n, in(n, 2 + 2 * count + i), alpha), mul(n, g, b));
        ocelli_value step = mode == 0 ? v : add(n, g, times(n, v, alpha));
        out(n, i, ocelli_binary(n->m->g, x, mul(n, step, r), OCELLI_SUB));
        out(n, count + i, v);
    }
}

static void build_adagrad(struct onnx_node *n)
{
    double decay = attr_float(n, "decay_factor", 0), epsilon = attr_float(n, "epsilon", 0);
    double norm = attr_float(n, "norm_coefficient", 0);
    int count = groups(n, 3);
    ocelli_value r = in(n, 0);

    if (decay != 0) {
        ocelli_value slower = with_scalar(n, times(n, steps(n), decay), OCELLI_ADD, 1);
        r = ocelli_binary(n->m->g, r, slower, OCELLI_DIV);
    }
    for (int i = 0; i < count; i++) {
        ocelli_value x = in(n, 2 + i);
        ocelli_value g = regularised(n, x, in(n, 2 + count + i), norm);
        ocelli_value h = add(n, in(n, 2 + 2 * count + i), mul(n, g, g));
        ocelli_value down = with_scalar(n, function_of(n, h, OCELLI_SQRT), OCELLI_ADD, epsilon);
        ocelli_value step = ocelli_binary(n->m->g, mul(n, g, r), down, OCELLI_DIV);
        out(n, i, ocelli_binary(n->m->g, x, step, OCELLI_SUB));
        out(n, count + i, h);
    }
}

/* 1 - rate^T, but 1 in the first step. */
static ocelli_value correction(struct onnx_node *n, ocelli_value t, double rate)
{
    ocelli_value p = ocelli_binary(n->m->g, scalar_like(n, t, rate), t, OCELLI_POW);

    p = ocelli_binary(n->m->g, later(n, t), p, OCELLI_SUB); /* 0 - 1, or 1 - rate^T */
    /* and 2 more where T is 0 */
    return add(n, p, with_scalar(n, times(n, later(n, t), -2), OCELLI_ADD, 2));
}

static void build_adam(struct onnx_node *n)
{
    double alpha = attr_float(n, "alpha", 0.9f), beta = attr_float(n, "beta", 0.999f);
    double norm = attr_float(n, "norm_coefficient", 0);
    double after = attr_float(n, "norm_coefficient_post", 0);
    double epsilon = attr_float(n, "epsilon", 1e-6f);
    int count = groups(n, 4);
    ocelli_value t = steps(n), r = in(n, 0);

    r = mul(n, r, function_of(n, correction(n, t, beta), OCELLI_SQRT));
    r = ocelli_binary(n->m->g, r, correction(n, t, alpha), OCELLI_DIV);
    for (int i = 0; i < count; i++) {
        ocelli_value x = in(n, 2 + i);
        ocelli_value g = regularised(n, x, in(n, 2 + count + i), norm);
        ocelli_value v = add(n, times(n, in(n, 2 + 2 * count + i), alpha), times(n, g, 1 - alpha));
        ocelli_value h =
            add(n, times(n, in(n, 2 + 3 * count + i), beta), times(n, mul(n, g, g), 1 - beta));
        ocelli_value down = with_scalar(n, function_of(n, h, OCELLI_SQRT), OCELLI_ADD, epsilon);
        ocelli_value step = ocelli_binary(n->m->g, mul(n, v, r), down, OCELLI_DIV);
        ocelli_value y = ocelli_binary(n->m->g, x, step, OCELLI_SUB);
        out(n, i, times(n, y, 1 - after));
        out(n, count + i, v);
        out(n, 2 * count + i, h);
    }
}

/* ---- Gradient ---- */

#define GRADIENT_MAX 256

/* The slot that a name in an attribute means. */
static struct slot *named(struct onnx_node *n, const ProtobufCBinaryData *s)
{
    char name[PLAIN_TEXT], text[PLAIN_TEXT];
    struct slot *slot;

    if (s->len >= sizeof(name)) {
        stop(n, fail(OCELLI_ERR_UNSUPPORTED, "a name of %zu bytes", s->len));
        return NULL;
    }
    memcpy(name, s->data, s->len);
    name[s->len] = 0;
    slot = slot_find(n->m, name);
    if (!slot)
        stop(n, fail(OCELLI_ERR_FORMAT, "\"%s\" is made by no node before it", plain(name, text)));
    return slot;
}

/* d y / d x for the x given as inputs, which have to be the ones that attribute xs names: y is the
 * one already computed. */
static void build_gradient(struct onnx_node *n)
{
    struct ocelli_graph *g = n->m->g;
    const Onnx__Attribute *xs = attr_find(n, "xs"), *ya = attr_find(n, "y");
    const Onnx__Attribute *zs = attr_find(n, "zs");
    ocelli_value x[GRADIENT_MAX], dx[GRADIENT_MAX], y;
    struct slot *s;

    if (!xs || !ya || !ya->has_s || xs->n_strings < 1 || xs->n_strings > GRADIENT_MAX)
        stop(n, fail(OCELLI_ERR_FORMAT, "attributes xs and y are not as they should be"));
    if (stopped(n) || !(s = named(n, &ya->s)))
        return;
    y = slot_value(n->m, s);
    for (size_t i = 0; i < xs->n_strings && !stopped(n); i++) {
        if (!(s = named(n, &xs->strings[i])))
            return;
        x[i] = slot_value(n->m, s);
        if (in(n, (int)i) != x[i])
            stop(n, fail(OCELLI_ERR_UNSUPPORTED, "the gradient at another place than xs"));
    }
    for (size_t i = 0; zs && i < zs->n_strings && !stopped(n); i++)
        if ((s = named(n, &zs->strings[i])) &&
            in(n, (int)(xs->n_strings + i)) != slot_value(n->m, s))
            stop(n, fail(OCELLI_ERR_UNSUPPORTED, "the gradient at another place than zs"));
    if (stopped(n))
        return;
    /* Of the sum: ocelli_gradients() takes the mean of what it is given. */
    y = ocelli_reduce(g, y, &(struct ocelli_reduce_params){.kind = OCELLI_REDUCE_SUM});
    if (stopped(n))
        return;
    int err = ocelli_gradients(g, y, x, (int)xs->n_strings, dx);
    for (size_t i = 0; i < xs->n_strings && !stopped(n); i++) {
        struct ocelli_shape xshape = ocelli_value_shape(g, x[i]);
        if (err)
            stop(n, err);
        else
            out(n, (int)i, dx[i] != OCELLI_NONE ? dx[i] : filled(n, dtype_of(n, x[i]), &xshape, 0));
    }
}

const struct onnx_op onnx_ops_train[] = {
    {"Adagrad", 1, build_adagrad, true},
    {"Adam", 1, build_adam, true},
    {"Gradient", 1, build_gradient, true},
    {"Momentum", 1, build_momentum, true},
    {0},
};
