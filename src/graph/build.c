/* The public builder: values, operations, layers. */
#include <ocelli/graph.h>
#include <ocelli/ops.h>

#include <string.h>

#include "ops/attrs.h"
#include "ops/graph.h"

int ocelli_graph_status(const struct ocelli_graph *g)
{
    if (g->g.status && g->g.why)
        return fail(g->g.status, "%s", g->g.why);
    return g->g.status;
}

/* A named value that no node makes. */
static ocelli_value named(struct graph *g, enum value_kind kind, const char *name,
                          enum ocelli_dtype dtype, const struct ocelli_shape *shape)
{
    if (g->status)
        return OCELLI_NONE;
    if (!name || !*name || !shape)
        return graph_fail(g, fail(OCELLI_ERR_INVALID, "a value needs a name and a shape"));
    return graph_value(g, kind, name, &(struct desc){dtype, *shape});
}

ocelli_value ocelli_input(struct ocelli_graph *g, const char *name, enum ocelli_dtype dtype,
                          const struct ocelli_shape *shape)
{
    return named(&g->g, VALUE_INPUT, name, dtype, shape);
}

static ocelli_value persistent(struct graph *g, enum value_kind kind, const char *name,
                               const struct ocelli_shape *shape, const struct ocelli_init *init)
{
    ocelli_value v = named(g, kind, name, OCELLI_F32, shape);
    if (v == OCELLI_NONE)
        return v;
    struct ocelli_init *w = &g->value[v].init;
    if (init)
        *w = *init;
    else if (kind == VALUE_STATE)
        w->kind = OCELLI_INIT_CONSTANT;
    if (w->kind < 0 || w->kind > OCELLI_INIT_NORMAL || w->fan_in < 0 || w->fan_out < 0)
        return graph_fail(g, fail(OCELLI_ERR_INVALID, "%s: no such initialiser", name));
    if (w->kind == OCELLI_INIT_DEFAULT)
        w->kind = g->init == OCELLI_INIT_DEFAULT ? OCELLI_INIT_HE_UNIFORM : g->init;
    return v;
}

ocelli_value ocelli_weight(struct ocelli_graph *g, const char *name,
                           const struct ocelli_shape *shape, const struct ocelli_init *init)
{
    return persistent(&g->g, VALUE_WEIGHT, name, shape, init);
}

int graph_weight(struct graph *g, const char *name, const struct desc *desc, const void *data)
{
    int v = named(g, VALUE_WEIGHT, name, desc->dtype, &desc->shape);
    if (v != OCELLI_NONE)
        g->value[v].data = data;
    return v;
}

ocelli_value ocelli_weight_data(struct ocelli_graph *g, const char *name, enum ocelli_dtype dtype,
                                const struct ocelli_shape *shape, const void *data)
{
    ocelli_value v = named(&g->g, VALUE_WEIGHT, name, dtype, shape);
    if (v == OCELLI_NONE)
        return v;
    if (!data)
        return graph_fail(&g->g, fail(OCELLI_ERR_INVALID, "%s: no data", name));
    g->g.value[v].data = arena_copy(&g->g.arena, data, desc_bytes(&g->g.value[v].desc));
    return g->g.value[v].data ? v : graph_fail(&g->g, OCELLI_ERR_MEMORY);
}

ocelli_value ocelli_state(struct ocelli_graph *g, const char *name,
                          const struct ocelli_shape *shape, const struct ocelli_init *init)
{
    return persistent(&g->g, VALUE_STATE, name, shape, init);
}

ocelli_value ocelli_const(struct ocelli_graph *g, const char *name, enum ocelli_dtype dtype,
                          const struct ocelli_shape *shape, const void *data)
{
    if (g->g.status)
        return OCELLI_NONE;
    if (!shape || !data)
        return graph_fail(&g->g, fail(OCELLI_ERR_INVALID, "a constant needs a shape and data"));
    return graph_const(&g->g, name, &(struct desc){dtype, *shape}, data);
}

void ocelli_graph_set_preprocess(struct ocelli_graph *g, const char *words)
{
    g->g.preprocess = words ? arena_str(&g->g.arena, words) : NULL;
    if (words && !g->g.preprocess)
        graph_fail(&g->g, OCELLI_ERR_MEMORY);
}

const char *ocelli_graph_get_preprocess(const struct ocelli_graph *g)
{
    return g->g.preprocess;
}

void ocelli_graph_set_init(struct ocelli_graph *g, enum ocelli_init_kind kind)
{
    if (kind < 0 || kind > OCELLI_INIT_NORMAL)
        graph_fail(&g->g, fail(OCELLI_ERR_INVALID, "%d is no initialiser", (int)kind));
    else
        g->g.init = kind;
}

static bool is_value(const struct graph *g, ocelli_value v)
{
    return v >= 0 && v < g->n_values;
}

struct ocelli_shape ocelli_value_shape(const struct ocelli_graph *g, ocelli_value v)
{
    if (!is_value(&g->g, v))
        return (struct ocelli_shape){.rank = -1};
    return g->g.value[v].desc.shape;
}

ocelli_value ocelli_find(const struct ocelli_graph *g, const char *name)
{
    return graph_find(&g->g, name);
}

void ocelli_output(struct ocelli_graph *g, const char *name, ocelli_value v)
{
    if (g->g.status)
        return;
    if (!name || !*name || !is_value(&g->g, v)) {
        graph_fail(&g->g, fail(OCELLI_ERR_INVALID, "output %s: no value of this graph",
                               name ? name : "without a name"));
        return;
    }
    if (ocelli_find(g, name) != OCELLI_NONE) {
        graph_fail(&g->g, fail(OCELLI_ERR_INVALID, "%s: the name is in use", name));
        return;
    }
    /* A value has one output name; a second one goes to an alias of it. */
    if (g->g.value[v].output) {
        struct ocelli_shape same = g->g.value[v].desc.shape;
        if ((v = ocelli_reshape(g, v, &same)) == OCELLI_NONE)
            return;
    }
    char *copy = arena_str(&g->g.arena, name);
    if (!copy)
        graph_fail(&g->g, OCELLI_ERR_MEMORY);
    else
        graph_mark(&g->g, v, copy);
}

/* ---- Operations ---- */

static ocelli_value add1(struct ocelli_graph *g, const struct op *op, const void *attr,
                         ocelli_value x)
{
    return graph_add(&g->g, op, attr, (int[OP_MAX_IN]){x, OCELLI_NONE, OCELLI_NONE, OCELLI_NONE});
}

static ocelli_value add2(struct ocelli_graph *g, const struct op *op, const void *attr,
                         ocelli_value a, ocelli_value b)
{
    return graph_add(&g->g, op, attr, (int[OP_MAX_IN]){a, b, OCELLI_NONE, OCELLI_NONE});
}

ocelli_value ocelli_conv2d(struct ocelli_graph *g, ocelli_value x, ocelli_value w,
                           const struct ocelli_conv2d_params *p)
{
    struct ocelli_conv2d_params q = {0};
    if (p)
        q = *p;
    q.kernel[0] = q.kernel[1] = 0; /* the weight's shape says it */
    return add2(g, &op_conv2d, &q, x, w);
}

ocelli_value ocelli_pool2d(struct ocelli_graph *g, ocelli_value x,
                           const struct ocelli_pool2d_params *p)
{
    return add1(g, &op_pool2d, p, x);
}

ocelli_value ocelli_gap(struct ocelli_graph *g, ocelli_value x)
{
    return add1(g, &op_gap, NULL, x);
}

ocelli_value ocelli_gemm(struct ocelli_graph *g, ocelli_value a, ocelli_value b,
                         const struct ocelli_gemm_params *p)
{
    return add2(g, &op_gemm, p, a, b);
}

ocelli_value ocelli_bias(struct ocelli_graph *g, ocelli_value x, ocelli_value b)
{
    return add2(g, &op_bias, NULL, x, b);
}

ocelli_value ocelli_scale(struct ocelli_graph *g, ocelli_value x, ocelli_value s)
{
    return add2(g, &op_scale, NULL, x, s);
}

ocelli_value ocelli_unary(struct ocelli_graph *g, ocelli_value x,
                          const struct ocelli_unary_params *p)
{
    return add1(g, &op_unary, p, x);
}

static ocelli_value function(struct ocelli_graph *g, ocelli_value x, enum ocelli_unary_kind kind)
{
    return ocelli_unary(g, x, &(struct ocelli_unary_params){.kind = kind});
}

ocelli_value ocelli_relu(struct ocelli_graph *g, ocelli_value x)
{
    return function(g, x, OCELLI_RELU);
}

ocelli_value ocelli_sigmoid(struct ocelli_graph *g, ocelli_value x)
{
    return function(g, x, OCELLI_SIGMOID);
}

ocelli_value ocelli_tanh(struct ocelli_graph *g, ocelli_value x)
{
    return function(g, x, OCELLI_TANH);
}

ocelli_value ocelli_add(struct ocelli_graph *g, ocelli_value a, ocelli_value b)
{
    return add2(g, &op_add, NULL, a, b);
}

ocelli_value ocelli_reshape(struct ocelli_graph *g, ocelli_value x,
                            const struct ocelli_shape *shape)
{
    if (g->g.status)
        return OCELLI_NONE;
    if (!shape)
        return graph_fail(&g->g, fail(OCELLI_ERR_INVALID, "reshape: no shape"));
    return add1(g, &op_reshape, &(struct reshape_attr){.shape = *shape}, x);
}

ocelli_value ocelli_flatten(struct ocelli_graph *g, ocelli_value x)
{
    struct ocelli_shape s = ocelli_value_shape(g, x);
    int64_t n = s.rank > 0 ? s.dim[0] : 1;
    return ocelli_reshape(g, x, &OCELLI_SHAPE(n, -1));
}

ocelli_value ocelli_softmax(struct ocelli_graph *g, ocelli_value x)
{
    return add1(g, &op_softmax, NULL, x);
}

ocelli_value ocelli_softmax_xent(struct ocelli_graph *g, ocelli_value logits, ocelli_value labels)
{
    return add2(g, &op_softmax_xent, NULL, logits, labels);
}

ocelli_value ocelli_softmax_xent_smoothed(struct ocelli_graph *g, ocelli_value logits,
                                          ocelli_value labels, float smoothing)
{
    return add2(g, &op_softmax_xent, &(struct softmax_xent_attr){smoothing}, logits, labels);
}

ocelli_value ocelli_in_top_k(struct ocelli_graph *g, ocelli_value logits, ocelli_value labels,
                             const struct ocelli_in_top_k_params *p)
{
    return add2(g, &op_in_top_k, p, logits, labels);
}

/* ---- Layers ---- */

static const struct ocelli_init zeros = {.kind = OCELLI_INIT_CONSTANT};
static const struct ocelli_init ones = {.kind = OCELLI_INIT_CONSTANT, .value = 1};

/* Nodes added until layer_end() belong to layer `name`. */
static bool layer_begin(struct ocelli_graph *g, const char *name, ocelli_value x, int min_rank)
{
    if (g->g.status)
        return false;
    if (!name || !*name) {
        graph_fail(&g->g, fail(OCELLI_ERR_INVALID, "a layer needs a name"));
        return false;
    }
    struct ocelli_shape s = ocelli_value_shape(g, x);
    if (s.rank < min_rank) {
        char text[SHAPE_TEXT];
        graph_fail(&g->g, s.rank < 0 ? fail(OCELLI_ERR_INVALID, "%s: no value of this graph", name)
                                     : fail(OCELLI_ERR_SHAPE,
                                            "%s: input %s has less than %d "
                                            "dimensions",
                                            name, shape_text(&s, text), min_rank));
        return false;
    }
    if (!(g->g.layer = arena_str(&g->g.arena, name)))
        graph_fail(&g->g, OCELLI_ERR_MEMORY);
    return g->g.status == 0;
}

static ocelli_value layer_end(struct ocelli_graph *g, ocelli_value y)
{
    g->g.layer = NULL;
    return y;
}

/* The weight "<layer>.<what>". */
static ocelli_value layer_weight(struct ocelli_graph *g, const char *what,
                                 const struct ocelli_shape *shape, const struct ocelli_init *init)
{
    char *name = arena_printf(&g->g.arena, "%s.%s", g->g.layer, what);
    return name ? ocelli_weight(g, name, shape, init) : graph_fail(&g->g, OCELLI_ERR_MEMORY);
}

/* The state "<layer>.<what>". */
static ocelli_value layer_state(struct ocelli_graph *g, const char *what,
                                const struct ocelli_shape *shape, const struct ocelli_init *init)
{
    char *name = arena_printf(&g->g.arena, "%s.%s", g->g.layer, what);
    return name ? ocelli_state(g, name, shape, init) : graph_fail(&g->g, OCELLI_ERR_MEMORY);
}

static void run_average(struct ocelli_graph *g, ocelli_value s, ocelli_value x, float keep, float take)
{
    graph_add(&g->g, &op_running, &(struct running_attr){.keep = keep, .take = take}, (int[OP_MAX_IN]){s, x, OCELLI_NONE});
}

ocelli_value ocelli_layer_batchnorm(struct ocelli_graph *g, const char *name, ocelli_value x,
                                    const struct ocelli_layer_batchnorm_params *p)
{
    if (!layer_begin(g, name, x, 2))
        return OCELLI_NONE;
    const struct ocelli_shape s = ocelli_value_shape(g, x), channels = OCELLI_SHAPE(s.dim[1]);
    ocelli_value scale = layer_weight(g, "weight", &channels, &ones);
    ocelli_value shift = layer_weight(g, "bias", &channels, &zeros);
    ocelli_value mean = layer_state(g, "mean", &channels, &zeros);
    ocelli_value variance = layer_state(g, "variance", &channels, &ones);
    if (p && p->training && !g->g.status) {
        float keep = p->norm.momentum != 0 ? p->norm.momentum : 0.9f;
        double count = (double)(shape_count(&s) / s.dim[1]);
        double unbiased = count > 1 ? count / (count - 1) : 1;
        ocelli_value m = graph_add(&g->g, &op_batchnorm_stats, NULL, (int[OP_MAX_IN]){x});
        if (m == OCELLI_NONE)
            return layer_end(g, m);
        ocelli_value v = m + 1; /* a node's results follow each other */
        run_average(g, mean, m, keep, 1 - keep);
        run_average(g, variance, v, keep, (float)((1 - (double)keep) * unbiased));
        mean = m;
        variance = v;
    }
    return layer_end(g, ocelli_batchnorm(g, x, scale, shift, mean, variance, p ? &p->norm : NULL));
}

ocelli_value ocelli_layer_conv2d(struct ocelli_graph *g, const char *name, ocelli_value x,
                                 int out_channels, const struct ocelli_conv2d_params *p)
{
    if (!layer_begin(g, name, x, 4))
        return OCELLI_NONE;
    struct ocelli_shape s = ocelli_value_shape(g, x);
    int groups = p && p->groups ? p->groups : 1;
    int kh = p ? p->kernel[0] : 0, kw = p && p->kernel[1] ? p->kernel[1] : kh;
    if (out_channels < 1 || kh < 1 || kw < 1)
        return layer_end(g, graph_fail(&g->g, fail(OCELLI_ERR_INVALID, "%s: %d filters of %dx%d",
                                                   name, out_channels, kh, kw)));
    if (groups < 1 || s.dim[1] % groups || out_channels % groups)
        return layer_end(
            g, graph_fail(&g->g, fail(OCELLI_ERR_SHAPE, "%s: %lld to %d channels in %d groups",
                                      name, (long long)s.dim[1], out_channels, groups)));
    struct ocelli_shape ws = OCELLI_SHAPE(out_channels, s.dim[1] / groups, kh, kw);
    ocelli_value w = layer_weight(g, "weight", &ws, NULL);
    x = ocelli_conv2d(g, x, w, p);
    if (!p->no_bias)
        x = ocelli_bias(g, x, layer_weight(g, "bias", &OCELLI_SHAPE(out_channels), &zeros));
    return layer_end(g, x);
}

ocelli_value ocelli_layer_dense(struct ocelli_graph *g, const char *name, ocelli_value x,
                                int out_features)
{
    if (!layer_begin(g, name, x, 2))
        return OCELLI_NONE;
    if (out_features < 1)
        return layer_end(
            g, graph_fail(&g->g, fail(OCELLI_ERR_INVALID, "%s: %d features", name, out_features)));
    if (ocelli_value_shape(g, x).rank > 2)
        x = ocelli_flatten(g, x);
    struct ocelli_shape s = ocelli_value_shape(g, x);
    ocelli_value w = layer_weight(g, "weight", &OCELLI_SHAPE(out_features, s.dim[1]), NULL);
    ocelli_value b = layer_weight(g, "bias", &OCELLI_SHAPE(out_features), &zeros);
    ocelli_value y = ocelli_gemm(g, x, w, &(struct ocelli_gemm_params){.trans_b = true});
    return layer_end(g, ocelli_bias(g, y, b));
}

ocelli_value ocelli_layer_subsample(struct ocelli_graph *g, const char *name, ocelli_value x,
                                    int window)
{
    if (!layer_begin(g, name, x, 4))
        return OCELLI_NONE;
    int64_t c = ocelli_value_shape(g, x).dim[1];
    ocelli_value s = layer_weight(g, "weight", &OCELLI_SHAPE(c), &ones);
    ocelli_value b = layer_weight(g, "bias", &OCELLI_SHAPE(c), &zeros);
    struct ocelli_pool2d_params pool = {.kind = OCELLI_POOL_AVERAGE, .kernel = {window, window}};
    ocelli_value y = ocelli_pool2d(g, x, &pool);
    return layer_end(g, ocelli_bias(g, ocelli_scale(g, y, s), b));
}
