/* Analytic gradients, computed by plans on the device, against central differences of the loss in
 * double precision, computed by the oracles from the operations' definitions. */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <ocelli/ops.h>
#include <ocelli/plan.h>

#include "interpreter.h"
#include "ops/attrs.h"
#include "ops/graph.h"

#define BOUND 1e-4 /* of a tensor's gradient, relative */

static struct ocelli_device *dev;

static void open_device(void)
{
    assert_ok(ocelli_device_open(&dev, NULL));
}

static void close_device(void)
{
    ocelli_device_close(&dev);
}

/* ---- The networks ---- */

static struct ocelli_graph *g;

static ocelli_value input(const char *name, struct ocelli_shape shape)
{
    return ocelli_input(g, name, OCELLI_F32, &shape);
}

static ocelli_value weight(const char *name, struct ocelli_shape shape)
{
    return ocelli_weight(g, name, &shape, &(struct ocelli_init){OCELLI_INIT_UNIFORM, 1, 0, 0});
}

/* Cross-entropy over whatever comes: a loss that depends on every element in its own way. */
static ocelli_value tail(ocelli_value y)
{
    y = ocelli_flatten(g, y);
    struct ocelli_shape s = ocelli_value_shape(g, y);
    ocelli_value l = ocelli_input(g, "labels", OCELLI_I32, &OCELLI_SHAPE(s.dim[0]));
    return ocelli_softmax_xent(g, y, l);
}

static ocelli_value net_conv(void)
{
    ocelli_value y = ocelli_conv2d(g, input("x", OCELLI_SHAPE(2, 3, 7, 6)),
                                   weight("w", OCELLI_SHAPE(4, 3, 3, 2)),
                                   &(struct ocelli_conv2d_params){.pad = {1, 0, 2, 1}});
    return tail(ocelli_tanh(g, ocelli_bias(g, y, weight("b", OCELLI_SHAPE(4)))));
}
static ocelli_value net_conv_stride_dilation(void)
{
    const struct ocelli_conv2d_params p = {
        .stride = {2, 1}, .dilation = {1, 2}, .pad = {1, 2, 0, 1}};
    ocelli_value y = ocelli_conv2d(g, input("x", OCELLI_SHAPE(2, 2, 9, 8)),
                                   weight("w", OCELLI_SHAPE(3, 2, 3, 3)), &p);
    return tail(ocelli_sigmoid(g, y));
}
static ocelli_value net_conv_groups(void)
{
    ocelli_value y = ocelli_conv2d(
        g, input("x", OCELLI_SHAPE(2, 4, 5, 5)), weight("w", OCELLI_SHAPE(6, 2, 3, 3)),
        &(struct ocelli_conv2d_params){.groups = 2, .pad = {1, 1, 1, 1}});
    y = ocelli_conv2d(g, ocelli_relu(g, y), weight("depthwise", OCELLI_SHAPE(6, 1, 2, 2)),
                      &(struct ocelli_conv2d_params){.groups = 6, .stride = {2}});
    return tail(y);
}
static ocelli_value net_conv_pointwise(void)
{
    ocelli_value y = ocelli_conv2d(g, input("x", OCELLI_SHAPE(2, 5, 4, 3)),
                                   weight("w", OCELLI_SHAPE(3, 5, 1, 1)), NULL);
    return tail(ocelli_tanh(g, y));
}
static ocelli_value net_pool_max(void)
{
    const struct ocelli_pool2d_params p = {.kernel = {3, 2}, .stride = {2, 1}, .pad = {1, 0, 1, 1}};
    return tail(ocelli_pool2d(g, ocelli_tanh(g, input("x", OCELLI_SHAPE(2, 3, 7, 6))), &p));
}
static ocelli_value net_pool_max_ceil(void)
{
    const struct ocelli_pool2d_params p = {.kernel = {2}, .stride = {2}, .ceil_mode = true};
    return tail(ocelli_pool2d(g, input("x", OCELLI_SHAPE(2, 2, 5, 7)), &p));
}
static ocelli_value net_pool_max_dilation(void)
{
    const struct ocelli_pool2d_params p = {.kernel = {2}, .stride = {1}, .dilation = {2}};
    return tail(ocelli_pool2d(g, input("x", OCELLI_SHAPE(1, 2, 6, 5)), &p));
}
static ocelli_value net_pool_average(void)
{
    const struct ocelli_pool2d_params p = {
        .kind = OCELLI_POOL_AVERAGE, .kernel = {3}, .stride = {2}, .pad = {1, 1, 1, 1}};
    return tail(ocelli_pool2d(g, ocelli_tanh(g, input("x", OCELLI_SHAPE(2, 3, 7, 6))), &p));
}
static ocelli_value net_pool_average_padded(void)
{
    const struct ocelli_pool2d_params p = {.kind = OCELLI_POOL_AVERAGE,
                                           .kernel = {3, 2},
                                           .stride = {2},
                                           .pad = {1, 1, 0, 1},
                                           .ceil_mode = true,
                                           .count_include_pad = true};
    return tail(ocelli_pool2d(g, ocelli_sigmoid(g, input("x", OCELLI_SHAPE(2, 2, 6, 7))), &p));
}
static ocelli_value net_gap(void)
{
    ocelli_value y = ocelli_gap(g, ocelli_tanh(g, input("x", OCELLI_SHAPE(3, 5, 4, 3))));
    return tail(y);
}
static ocelli_value gemm(bool trans_a, bool trans_b)
{
    ocelli_value a = input("x", trans_a ? OCELLI_SHAPE(7, 5) : OCELLI_SHAPE(5, 7));
    ocelli_value b = weight("w", trans_b ? OCELLI_SHAPE(6, 7) : OCELLI_SHAPE(7, 6));
    return tail(ocelli_gemm(g, a, b, &(struct ocelli_gemm_params){trans_a, trans_b}));
}
static ocelli_value net_gemm_nn(void)
{
    return gemm(false, false);
}
static ocelli_value net_gemm_nt(void)
{
    return gemm(false, true);
}
static ocelli_value net_gemm_tn(void)
{
    return gemm(true, false);
}
static ocelli_value net_gemm_tt(void)
{
    return gemm(true, true);
}
static ocelli_value net_bias_scale(void)
{
    ocelli_value y = ocelli_scale(g, input("x", OCELLI_SHAPE(3, 4)), weight("s", OCELLI_SHAPE(4)));
    return tail(ocelli_sigmoid(g, ocelli_bias(g, y, weight("b", OCELLI_SHAPE(4)))));
}
static ocelli_value net_bias_scale_image(void)
{
    ocelli_value y = ocelli_scale(g, ocelli_tanh(g, input("x", OCELLI_SHAPE(2, 3, 3, 5))),
                                  weight("s", OCELLI_SHAPE(3)));
    return tail(ocelli_tanh(g, ocelli_bias(g, y, weight("b", OCELLI_SHAPE(3)))));
}
static ocelli_value net_relu(void)
{
    ocelli_value y =
        ocelli_gemm(g, input("x", OCELLI_SHAPE(4, 5)), weight("w", OCELLI_SHAPE(5, 9)), NULL);
    return tail(ocelli_relu(g, y));
}
static ocelli_value net_tanh_lecun(void)
{
    const struct ocelli_unary_params p = {OCELLI_TANH, 1.7159f, 2.0f / 3};
    return tail(ocelli_unary(g, input("x", OCELLI_SHAPE(3, 7)), &p));
}
/* One value read four times, twice by one node. */
static ocelli_value net_add(void)
{
    ocelli_value x = ocelli_sigmoid(g, input("x", OCELLI_SHAPE(2, 3, 4, 4)));
    ocelli_value y = ocelli_conv2d(g, x, weight("w", OCELLI_SHAPE(3, 3, 3, 3)),
                                   &(struct ocelli_conv2d_params){.pad = {1, 1, 1, 1}});
    y = ocelli_relu(g, ocelli_add(g, y, x));
    return tail(ocelli_tanh(g, ocelli_add(g, y, ocelli_add(g, x, x))));
}
/* One weight used twice, and a reshape between. */
static ocelli_value net_shared(void)
{
    ocelli_value w = weight("w", OCELLI_SHAPE(6, 6));
    ocelli_value y = ocelli_tanh(g, ocelli_gemm(g, input("x", OCELLI_SHAPE(4, 6)), w, NULL));
    y = ocelli_reshape(g, y, &OCELLI_SHAPE(2, 2, 2, 3));
    y = ocelli_sigmoid(g, y);
    y = ocelli_reshape(g, y, &OCELLI_SHAPE(4, -1));
    return tail(ocelli_gemm(g, y, w, &(struct ocelli_gemm_params){.trans_b = true}));
}
static ocelli_value net_softmax(void)
{
    ocelli_value y = ocelli_softmax(g, input("x", OCELLI_SHAPE(3, 6)));
    return tail(ocelli_gemm(g, y, weight("w", OCELLI_SHAPE(6, 4)), NULL));
}
/* No cross-entropy: the mean over all elements is the loss. */
static ocelli_value net_mean(void)
{
    ocelli_value y = ocelli_layer_dense(g, "fc", input("x", OCELLI_SHAPE(3, 2, 2, 2)), 5);
    return ocelli_sigmoid(g, y);
}
static ocelli_value net_lenet(void)
{
    ocelli_graph_set_init(g, OCELLI_INIT_XAVIER);
    const struct ocelli_pool2d_params pool = {.kernel = {2, 2}};
    ocelli_value y =
        ocelli_layer_conv2d(g, "conv1", input("x", OCELLI_SHAPE(2, 1, 12, 12)), 3,
                            &(struct ocelli_conv2d_params){.kernel = {5}, .pad = {2, 2, 2, 2}});
    y = ocelli_pool2d(g, ocelli_relu(g, y), &pool);
    y = ocelli_layer_conv2d(g, "conv2", y, 4, &(struct ocelli_conv2d_params){.kernel = {3}});
    y = ocelli_pool2d(g, ocelli_relu(g, y), &pool);
    y = ocelli_relu(g, ocelli_layer_dense(g, "fc1", y, 6));
    return tail(ocelli_layer_dense(g, "fc2", y, 4));
}
static ocelli_value net_lecun(void)
{
    const struct ocelli_unary_params f = {OCELLI_TANH, 1.7159f, 2.0f / 3};
    ocelli_graph_set_init(g, OCELLI_INIT_LECUN);
    ocelli_value y = ocelli_layer_conv2d(g, "c1", input("x", OCELLI_SHAPE(2, 1, 8, 8)), 3,
                                         &(struct ocelli_conv2d_params){.kernel = {3}});
    y = ocelli_unary(g, ocelli_layer_subsample(g, "s2", ocelli_unary(g, y, &f), 2), &f);
    return tail(ocelli_layer_dense(g, "f3", y, 5));
}

static ocelli_value positive(ocelli_value x)
{
    return ocelli_unary(g, x, &(struct ocelli_unary_params){.kind = OCELLI_EXP});
}
/* Each kind with operands of other shapes. */
static ocelli_value net_binary(void)
{
    ocelli_value a = input("x", OCELLI_SHAPE(3, 1, 4)), b = weight("w", OCELLI_SHAPE(2, 4));
    ocelli_value y = ocelli_binary(g, a, weight("s", (struct ocelli_shape){0}), OCELLI_MUL);
    for (int kind = OCELLI_ADD; kind <= OCELLI_PRELU; kind++) {
        ocelli_value z = ocelli_binary(g, kind == OCELLI_POW ? positive(a) : a,
                                       kind == OCELLI_DIV ? positive(b) : b,
                                       (enum ocelli_binary_kind)kind);
        y = ocelli_binary(g, y, z, OCELLI_ADD);
    }
    return tail(y);
}
/* Each function behind a matrix product, which may take it over, and its derivative. */
static ocelli_value net_functions(void)
{
    ocelli_value x = input("x", OCELLI_SHAPE(3, 4)), sum = x, w = weight("w", OCELLI_SHAPE(4, 4));
    for (int kind = OCELLI_CLIP; kind <= OCELLI_RECIPROCAL; kind++) {
        struct ocelli_unary_params p = {(enum ocelli_unary_kind)kind, 0.7f, 1.2f};
        ocelli_value y = ocelli_gemm(g, x, w, &(struct ocelli_gemm_params){.trans_b = kind & 1});
        if (kind == OCELLI_CLIP)
            p.alpha = -0.5f;
        if (kind == OCELLI_SQRT || kind == OCELLI_LOG || kind == OCELLI_RECIPROCAL)
            y = positive(y);
        sum = ocelli_binary(g, sum, ocelli_unary(g, y, &p), OCELLI_ADD);
    }
    return tail(sum);
}
static ocelli_value net_reduce(void)
{
    ocelli_value x = input("x", OCELLI_SHAPE(3, 2, 5, 2)), sum = OCELLI_NONE;
    for (int kind = OCELLI_REDUCE_SUM; kind <= OCELLI_REDUCE_LOG_SUM_EXP; kind++) {
        const struct ocelli_reduce_params p = {(enum ocelli_reduce_kind)kind, kind & 1 ? 4 : 10, true};
        ocelli_value y = ocelli_reduce(g, kind == OCELLI_REDUCE_LOG_SUM ? positive(x) : x, &p);
        sum = sum == OCELLI_NONE ? y : ocelli_binary(g, sum, y, OCELLI_ADD);
    }
    return tail(sum);
}
static ocelli_value net_softmax_axis(void)
{
    ocelli_value x = input("x", OCELLI_SHAPE(3, 4, 2));
    ocelli_value a = ocelli_softmax_axis(g, x, &(struct ocelli_softmax_params){1, false});
    ocelli_value b = ocelli_softmax_axis(g, x, &(struct ocelli_softmax_params){1, true});
    ocelli_value c = ocelli_softmax_axis(g, x, &(struct ocelli_softmax_params){-1, true});
    return tail(ocelli_add(g, a, ocelli_add(g, b, c)));
}
static ocelli_value net_batchnorm(void)
{
    ocelli_value y = ocelli_batchnorm(g, input("x", OCELLI_SHAPE(3, 4, 2, 2)),
                                      weight("scale", OCELLI_SHAPE(4)), weight("b", OCELLI_SHAPE(4)),
                                      weight("m", OCELLI_SHAPE(4)),
                                      positive(weight("v", OCELLI_SHAPE(4))), NULL);
    return tail(ocelli_tanh(g, y));
}
/* Running averages are not trained. */
static ocelli_value running(const char *name, float first)
{
    const float v[4] = {first, first + 0.25f, first + 0.5f, first + 1};
    return ocelli_const(g, name, OCELLI_F32, &OCELLI_SHAPE(4), v);
}
static ocelli_value net_dropout(void)
{
    ocelli_value y = ocelli_scale(g, input("x", OCELLI_SHAPE(6, 5)), weight("w", OCELLI_SHAPE(5)));
    y = ocelli_dropout(g, y, &(struct ocelli_dropout_params){.ratio = 0.4f, .seed = 3});
    return tail(ocelli_tanh(g, y));
}
static ocelli_value net_batchnorm_train(void)
{
    ocelli_value m = running("m", -0.5f), v = running("v", 0.5f);
    ocelli_value y = ocelli_conv2d(g, input("x", OCELLI_SHAPE(3, 2, 4, 4)),
                                   weight("w", OCELLI_SHAPE(4, 2, 3, 3)), NULL);
    y = ocelli_batchnorm_train(g, y, weight("scale", OCELLI_SHAPE(4)), weight("b", OCELLI_SHAPE(4)), &m,
                               &v, &(struct ocelli_batchnorm_params){.epsilon = 0.01f});
    return tail(ocelli_relu(g, y));
}
static ocelli_value net_standardize(void)
{
    ocelli_value y = ocelli_standardize(g, input("x", OCELLI_SHAPE(3, 4, 2, 3)),
                                        &(struct ocelli_standardize_params){.axis = 2});
    y = ocelli_standardize(g, ocelli_tanh(g, y), &(struct ocelli_standardize_params){.axis = -3});
    return tail(y);
}
static ocelli_value net_lrn(void)
{
    const struct ocelli_lrn_params p = {.size = 4, .alpha = 2};
    return tail(ocelli_lrn(g, input("x", OCELLI_SHAPE(2, 7, 3)), &p));
}
static ocelli_value net_nll(void)
{
    ocelli_value y = ocelli_softmax_axis(g, input("x", OCELLI_SHAPE(4, 3, 5)),
                                         &(struct ocelli_softmax_params){1, true});
    ocelli_value t = ocelli_input(g, "target", OCELLI_I32, &OCELLI_SHAPE(4, 5));
    const struct ocelli_nll_params p = {.has_ignore = true, .ignore = 1};
    return ocelli_nll(g, y, t, OCELLI_NONE, &p);
}

/* Everything that moves elements, more values than one concatenation takes. */
static ocelli_value net_move(void)
{
    ocelli_value x = input("x", OCELLI_SHAPE(2, 3, 5)), w = weight("w", OCELLI_SHAPE(3, 1)), part[18];
    ocelli_value y = ocelli_add(g, x, ocelli_expand(g, w, &OCELLI_SHAPE(2, 3, 5)));
    y = ocelli_transpose(g, ocelli_tanh(g, y), (const int[]){2, 0, 1});
    y = ocelli_slice(g, y, (const int64_t[]){4, 0, 1}, (const int64_t[]){-2, 1, 1},
                     (const int64_t[]){3, 2, 2});
    y = ocelli_pad(g, y, &(struct ocelli_pad_params){.begin = {1, -1, 0}, .end = {0, 2, 1}});
    for (int i = 0; i < 18; i++)
        part[i] = i % 3 ? y : ocelli_sigmoid(g, y);
    return tail(ocelli_tanh(g, ocelli_concat(g, part, 18, 1)));
}

static const struct {
    const char *name;
    ocelli_value (*build)(void);
} nets[] = {
    {"moving elements", net_move},
    {"conv", net_conv},
    {"conv, stride and dilation", net_conv_stride_dilation},
    {"conv, groups", net_conv_groups},
    {"conv, 1x1", net_conv_pointwise},
    {"max pool", net_pool_max},
    {"max pool, ceil", net_pool_max_ceil},
    {"max pool, dilation", net_pool_max_dilation},
    {"average pool", net_pool_average},
    {"average pool, padding counted", net_pool_average_padded},
    {"gap", net_gap},
    {"gemm", net_gemm_nn},
    {"gemm, b transposed", net_gemm_nt},
    {"gemm, a transposed", net_gemm_tn},
    {"gemm, both transposed", net_gemm_tt},
    {"bias and scale", net_bias_scale},
    {"bias and scale of an image", net_bias_scale_image},
    {"relu", net_relu},
    {"scaled tanh", net_tanh_lecun},
    {"add", net_add},
    {"shared weight, reshape", net_shared},
    {"softmax", net_softmax},
    {"mean", net_mean},
    {"binary", net_binary},
    {"functions", net_functions},
    {"reduce", net_reduce},
    {"softmax along axes", net_softmax_axis},
    {"batchnorm", net_batchnorm},
    {"batchnorm, training", net_batchnorm_train},
    {"dropout", net_dropout},
    {"standardize", net_standardize},
    {"lrn", net_lrn},
    {"nll", net_nll},
    {"small lenet", net_lenet},
    {"small lenet of 1998", net_lecun},
};

/* ---- Comparing ---- */

static const struct {
    const char *name;
    struct ocelli_plan_params p;
} ways[] = {
    {"default", {0}},
    {"ref", {.variant = "ref"}},
    {"ref, not fused", {.no_fusion = true, .variant = "ref"}},
    {"no reuse", {.no_reuse = true}},
};

enum { MAX_WRT = 16 };
struct subject {
    int n, value[MAX_WRT];
    char *name[MAX_WRT]; /* of the output that has the gradient */
    double *want[MAX_WRT];
};

/* Numbers that float holds exactly, so that both sides start from the same. */
static void fill(struct interpreter *x, int v, uint64_t seed)
{
    const struct value *u = &x->g->value[v];
    int64_t n = shape_count(&u->desc.shape);
    for (int64_t i = 0; i < n; i++) {
        double r = random_uniform(seed, (uint64_t)v, (uint64_t)i);
        x->value[v][i] = u->desc.dtype == OCELLI_I32 ? floor(3 * r) : (float)(2 * r - 1);
    }
}

static void write_value(struct ocelli_tensor *t, const double *x)
{
    const int64_t n = shape_count(ocelli_tensor_shape(t));
    int32_t *host = calloc((size_t)n, 4);
    ck_assert_ptr_nonnull(host);
    for (int64_t i = 0; i < n; i++) {
        if (ocelli_tensor_dtype(t) == OCELLI_I32)
            host[i] = (int32_t)x[i];
        else
            ((float *)host)[i] = (float)x[i];
    }
    assert_ok(ocelli_tensor_write(t, host, (size_t)n * 4));
    free(host);
}

static void compare(const char *net, const char *way, const struct ocelli_plan *plan,
                    const char *name, const double *want)
{
    struct ocelli_tensor *t = ocelli_plan_tensor(plan, name);
    ck_assert_ptr_nonnull(t);
    int64_t n = shape_count(ocelli_tensor_shape(t));
    float *got = calloc((size_t)n, sizeof(float));
    double error = 0, size = 0;
    assert_ok(ocelli_tensor_read(t, got, (size_t)n * sizeof(float)));
    for (int64_t i = 0; i < n; i++) {
        error += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        size += want[i] * want[i];
    }
    free(got);
    ck_assert_msg(size > 0, "%s: %s: all differences are 0", net, name);
    ck_assert_msg(sqrt(error) <= BOUND * sqrt(size), "%s, %s: %s: relative error %g", net, way,
                  name, sqrt(error / size));
}

static void run_way(int net, int way, const struct interpreter *x, struct subject *s)
{
    struct ocelli_weights *w;
    struct ocelli_plan *plan;
    struct ocelli_plan_params p = ways[way].p;
    assert_ok(ocelli_weights_create(&w, dev, g, 0));
    p.weights = w;
    assert_ok(ocelli_plan_create(&plan, dev, g, &p));
    for (int v = 0; v < x->values; v++) {
        const struct value *u = &x->g->value[v];
        if (u->kind == VALUE_INPUT)
            write_value(ocelli_plan_tensor(plan, u->name), x->value[v]);
        else if (u->kind == VALUE_WEIGHT)
            write_value(ocelli_weights_tensor(w, u->name), x->value[v]);
    }
    assert_ok(ocelli_plan_run(plan));
    for (int i = 0; i < s->n; i++)
        compare(nets[net].name, ways[way].name, plan, s->name[i], s->want[i]);
    ocelli_plan_destroy(&plan);
    ocelli_weights_destroy(&w);
}

START_TEST(gradients)
{
    struct interpreter x;
    struct subject s = {0};
    ocelli_value grads[MAX_WRT];
    assert_ok(ocelli_graph_create(&g));
    int loss = nets[_i].build();
    assert_ok(ocelli_graph_status(g));
    interpreter_create(&x, &g->g);
    for (int v = 0; v < x.values; v++) {
        const struct value *u = &g->g.value[v];
        if (u->kind != VALUE_INPUT && u->kind != VALUE_WEIGHT)
            continue;
        fill(&x, v, 11 + (uint64_t)_i);
        if (u->desc.dtype == OCELLI_F32) {
            ck_assert_int_lt(s.n, MAX_WRT);
            s.value[s.n++] = v;
        }
    }
    for (int i = 0; i < s.n; i++) {
        s.want[i] = calloc((size_t)shape_count(&g->g.value[s.value[i]].desc.shape), sizeof(double));
        differences(&x, loss, s.value[i], s.want[i]);
    }
    assert_ok(ocelli_gradients(g, loss, s.value, s.n, grads));
    for (int i = 0; i < s.n; i++) {
        ck_assert(asprintf(&s.name[i], "d.%s", g->g.value[s.value[i]].name) > 0);
        ocelli_output(g, s.name[i], grads[i]);
    }
    assert_ok(ocelli_graph_status(g));
    x.g = &g->g;
    /* As planned by default, and in one of the other ways, in turn: each is other kernels to compile. */
    run_way(_i, 0, &x, &s);
    run_way(_i, 1 + _i % ((int)COUNT(ways) - 1), &x, &s);
    interpreter_destroy(&x);
    for (int i = 0; i < s.n; i++) {
        free(s.name[i]);
        free(s.want[i]);
    }
    ocelli_graph_destroy(&g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gradient");
    TCase *tc = tcase_create("gradient");
    tcase_add_unchecked_fixture(tc, open_device, close_device);
    tcase_set_timeout(tc, 0);
    tcase_add_loop_test(tc, gradients, 0, (int)COUNT(nets));
    suite_add_tcase(s, tc);
    return run_suite(s);
}
