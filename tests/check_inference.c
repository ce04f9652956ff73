/* What a plan for inference does less than its network says: normalisations folded into weights,
 * once; concat and split without copies. The numbers stay those of the plan that does everything.
 */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include <ocelli/ops.h>
#include <ocelli/plan.h>

#include "base/hash.h"
#include "base/shape.h"
#include "graph/passes.h"

static struct ocelli_device *dev;

static void open_device(void)
{
    assert_ok(ocelli_device_open(&dev, NULL));
}

static void close_device(void)
{
    ocelli_device_close(&dev);
}

/* ---- Networks ---- */

static ocelli_value weight(struct ocelli_graph *g, const char *name, int n)
{
    return ocelli_weight(g, name, &OCELLI_SHAPE(n),
                         &(struct ocelli_init){.kind = OCELLI_INIT_UNIFORM, .value = 1});
}

static ocelli_value normalised(struct ocelli_graph *g, ocelli_value x)
{
    int c = (int)ocelli_value_shape(g, x).dim[1];
    ocelli_value variance = ocelli_weight(g, "variance", &OCELLI_SHAPE(c),
                                          &(struct ocelli_init){OCELLI_INIT_CONSTANT, 0.7f, 0, 0});
    return ocelli_batchnorm(g, x, weight(g, "scale", c), weight(g, "shift", c),
                            weight(g, "mean", c), variance, NULL);
}

static ocelli_value conv(struct ocelli_graph *g, const char *name, ocelli_value x, int out)
{
    int in = (int)ocelli_value_shape(g, x).dim[1];
    return ocelli_conv2d(g, x, ocelli_weight(g, name, &OCELLI_SHAPE(out, in, 3, 3), NULL),
                         &(struct ocelli_conv2d_params){.pad = {1, 1, 1, 1}});
}

static ocelli_value input(struct ocelli_graph *g, int n, int c)
{
    return ocelli_input(g, "x", OCELLI_F32, &OCELLI_SHAPE(n, c, 8, 8));
}

static ocelli_value net_plain(struct ocelli_graph *g, int n)
{
    return ocelli_relu(g, normalised(g, conv(g, "w", input(g, n, 3), 8)));
}

static ocelli_value net_biased(struct ocelli_graph *g, int n)
{
    ocelli_value x = conv(g, "w", input(g, n, 3), 8);
    x = normalised(g, ocelli_bias(g, x, weight(g, "b", 8)));
    return ocelli_relu(g, ocelli_bias(g, ocelli_scale(g, x, weight(g, "s", 8)), weight(g, "t", 8)));
}

static ocelli_value net_residual(struct ocelli_graph *g, int n)
{
    ocelli_value x = conv(g, "w0", input(g, n, 3), 8);
    ocelli_value y = normalised(g, conv(g, "w1", x, 8));
    return ocelli_relu(g, ocelli_add(g, y, x));
}

static ocelli_value net_dense(struct ocelli_graph *g, int n)
{
    ocelli_value x = ocelli_layer_dense(g, "fc", input(g, n, 3), 10);
    return normalised(g, x);
}

static ocelli_value net_transposed(struct ocelli_graph *g, int n)
{
    ocelli_value w = ocelli_weight(g, "w", &OCELLI_SHAPE(3, 8, 2, 2), NULL);
    ocelli_value x = ocelli_conv_transpose(
        g, input(g, n, 3), w, &(struct ocelli_conv_transpose_params){.conv = {.stride = {2, 2}}});
    return normalised(g, x);
}

/* Factors as ONNX files carry them: 1 x C x 1 x 1 and C x 1 x 1. */
static ocelli_value net_factors(struct ocelli_graph *g, int n)
{
    ocelli_value s = ocelli_weight(g, "s", &OCELLI_SHAPE(1, 8, 1, 1), NULL);
    ocelli_value t = ocelli_weight(g, "t", &OCELLI_SHAPE(8, 1, 1), NULL);
    ocelli_value x = conv(g, "w", input(g, n, 3), 8);
    return ocelli_binary(g, t, ocelli_binary(g, x, s, OCELLI_MUL), OCELLI_ADD);
}

static ocelli_value net_padded(struct ocelli_graph *g, int n)
{
    const struct ocelli_pad_params p = {.begin = {0, 0, 0, 1}, .end = {0, 0, 2, 1}};
    return conv(g, "w", ocelli_pad(g, input(g, n, 3), &p), 8);
}

/* What is normalised is wanted besides, or its factors are not fixed: nothing to fold. */
static ocelli_value net_read_twice(struct ocelli_graph *g, int n)
{
    ocelli_value x = conv(g, "w", input(g, n, 3), 8);
    return ocelli_add(g, normalised(g, x),
                      ocelli_unary(g, x, &(struct ocelli_unary_params){.kind = OCELLI_TANH}));
}

static ocelli_value net_gated(struct ocelli_graph *g, int n)
{
    ocelli_value gate = ocelli_input(g, "gate", OCELLI_F32, &OCELLI_SHAPE(8));
    return ocelli_scale(g, conv(g, "w", input(g, n, 3), 8), gate);
}

/* An inception block: four branches, the input read by all, their results side by side. */
static ocelli_value net_inception(struct ocelli_graph *g, int n)
{
    ocelli_value x = ocelli_relu(g, conv(g, "w0", input(g, n, 3), 8));
    ocelli_value y[4] = {
        ocelli_relu(g, conv(g, "w1", x, 4)),
        ocelli_relu(g, conv(g, "w3", ocelli_relu(g, conv(g, "w2", x, 6)), 8)),
        ocelli_pool2d(
            g, x,
            &(struct ocelli_pool2d_params){.kernel = {3}, .stride = {1}, .pad = {1, 1, 1, 1}}),
        x,
    };
    return conv(g, "w5", ocelli_concat(g, y, 4, 1), 4);
}

/* A concat of concats, and one of the same value twice. */
static ocelli_value net_nested(struct ocelli_graph *g, int n)
{
    ocelli_value x = ocelli_relu(g, conv(g, "w0", input(g, n, 3), 8));
    ocelli_value y = conv(g, "w1", x, 8);
    ocelli_value a = ocelli_concat(g, (ocelli_value[]){x, y}, 2, 1);
    ocelli_value b = ocelli_concat(g, (ocelli_value[]){conv(g, "w2", a, 8), a}, 2, 1);
    ocelli_value c = ocelli_concat(g, (ocelli_value[]){b, y, y}, 3, 1);
    return conv(g, "w3", c, 4);
}

/* Split in the middle of the channels; one half is changed, and both are joined again. */
static ocelli_value net_split(struct ocelli_graph *g, int n)
{
    const int64_t start[2][4] = {{0}, {0, 4, 0, 0}}, count[4] = {n, 4, 8, 8},
                  step[4] = {1, 1, 1, 1};
    ocelli_value x = ocelli_relu(g, conv(g, "w0", input(g, n, 3), 8));
    ocelli_value a = ocelli_slice(g, x, start[0], step, count);
    ocelli_value b = ocelli_slice(g, x, start[1], step, count);
    a = ocelli_unary(g, a, &(struct ocelli_unary_params){.kind = OCELLI_TANH});
    return conv(g, "w1", ocelli_concat(g, (ocelli_value[]){b, a}, 2, 1), 4);
}

/* The weight itself is worth a computation that no run has to repeat. */
static ocelli_value net_computed_weight(struct ocelli_graph *g, int n)
{
    ocelli_value w = ocelli_weight(g, "w", &OCELLI_SHAPE(8, 3, 3, 3), NULL);
    w = ocelli_unary(g, ocelli_binary(g, w, w, OCELLI_MUL),
                     &(struct ocelli_unary_params){.kind = OCELLI_TANH});
    return ocelli_conv2d(g, input(g, n, 3), w, NULL);
}

static const struct net {
    const char *name;
    ocelli_value (*build)(struct ocelli_graph *g, int n);
    const char *once, *run; /* the operations of a plan, one for each launch, batch 1 */
    int copies;             /* of those, launches of concat and strided: batch 1 and 2 */
    int copies2;
} nets[] = {
    {"plain", net_plain, "fold fold", "conv2d", 0, 0},
    {"biased", net_biased, "fold fold fold fold", "conv2d bias", 0, 0},
    {"residual", net_residual, "fold fold", "conv2d conv2d", 0, 0},
    {"dense", net_dense, "fold fold", "gemm", 0, 0},
    {"transposed", net_transposed, "fold fold",
     "conv2d_bwd_data conv2d_bwd_data conv2d_bwd_data conv2d_bwd_data", 0, 0},
    {"factors", net_factors, "fold fold", "conv2d bias", 0, 0},
    {"padded", net_padded, "", "conv2d", 0, 0},
    {"read twice", net_read_twice, "", "conv2d unary batchnorm", 0, 0},
    {"gated", net_gated, "", "conv2d scale", 0, 0},
    {"inception", net_inception, "", "conv2d conv2d conv2d conv2d pool2d conv2d", 0, 4},
    {"nested", net_nested, "", "conv2d conv2d concat conv2d concat conv2d", 2, 7},
    {"split", net_split, "", "conv2d strided unary conv2d", 1, 4},
    {"computed weight", net_computed_weight, "binary unary", "conv2d", 0, 0},
};
#define N_NETS ((int)COUNT(nets))

static const struct net *find_net(const char *name)
{
    int i = 0;
    while (strcmp(nets[i].name, name) != 0)
        i++;
    return &nets[i];
}

static struct ocelli_graph *make(const struct net *net, int n)
{
    struct ocelli_graph *g;
    assert_ok(ocelli_graph_create(&g));
    ocelli_output(g, "y", net->build(g, n));
    assert_ok(ocelli_graph_status(g));
    return g;
}

/* ---- Running ---- */

static float *numbers(size_t n, uint64_t seed)
{
    float *x = malloc(n * sizeof(*x));
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(2 * random_uniform(seed, 5, i) - 1);
    return x;
}

static void fill(struct ocelli_tensor *t, uint64_t seed)
{
    float *x = numbers(ocelli_tensor_bytes(t) / sizeof(float), seed);
    assert_ok(ocelli_tensor_write(t, x, ocelli_tensor_bytes(t)));
    free(x);
}

static float *result(struct ocelli_plan *p, size_t *n)
{
    struct ocelli_tensor *y = ocelli_plan_tensor(p, "y");
    float *v = malloc(ocelli_tensor_bytes(y));
    *n = ocelli_tensor_bytes(y) / sizeof(float);
    fill(ocelli_plan_tensor(p, "x"), 1);
    if (ocelli_plan_tensor(p, "gate"))
        fill(ocelli_plan_tensor(p, "gate"), 2);
    assert_ok(ocelli_plan_run(p));
    assert_ok(ocelli_tensor_read(y, v, ocelli_tensor_bytes(y)));
    return v;
}

/* The plan gives what a plan without any rewriting gives. */
static void assert_right(struct ocelli_plan *p, const struct ocelli_graph *g,
                         struct ocelli_weights *w, const char *what)
{
    const struct ocelli_plan_params plain = {
        .weights = w, .seed = 3, .no_fusion = true, .no_reuse = true, .variant = "ref"};
    struct ocelli_plan *q;
    size_t n, m;
    double most = 0;
    assert_ok(ocelli_plan_create(&q, dev, g, &plain));
    float *a = result(p, &n), *b = result(q, &m);
    ck_assert_uint_eq(n, m);
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)b[i]));
        ck_assert_msg(fabs((double)(a[i] - b[i])) <= 1e-5 * (1 + fabs((double)b[i])),
                      "%s: element %zu is %g, not %g", what, i, (double)a[i], (double)b[i]);
    }
    ck_assert_msg(most > 1e-3, "%s: nothing but zeros", what);
    ocelli_plan_destroy(&q);
    free(a);
    free(b);
}

START_TEST(same_numbers)
{
    for (int n = 1; n <= 2; n++) {
        struct ocelli_graph *g = make(&nets[_i], n);
        struct ocelli_plan *p;
        struct ocelli_weights *w;
        assert_ok(ocelli_plan_create(&p, dev, g, &(struct ocelli_plan_params){.seed = 3}));
        assert_right(p, g, NULL, nets[_i].name);
        ocelli_plan_destroy(&p);
        assert_ok(ocelli_weights_create(&w, dev, g, 3));
        assert_ok(ocelli_plan_create(&p, dev, g, &(struct ocelli_plan_params){.weights = w}));
        assert_right(p, g, w, nets[_i].name);
        ocelli_plan_destroy(&p);
        ocelli_weights_destroy(&w);
        ocelli_graph_destroy(&g);
    }
}
END_TEST

/* ---- What is left to do ---- */

static void add_word(struct text *t, const char *word)
{
    text_add(t, "%s%s", t->s && *t->s ? " " : "", word);
}

START_TEST(nothing_superfluous)
{
    const struct net *net = &nets[_i];
    struct ocelli_device *null;
    assert_ok(ocelli_device_open(&null, &(struct ocelli_device_params){.device = "null"}));
    for (int n = 1; n <= 2; n++) {
        struct ocelli_graph *g = make(net, n);
        struct ocelli_plan *p;
        struct text once = {0}, run = {0};
        int copies = 0;
        assert_ok(ocelli_plan_create(&p, null, g, NULL));
        for (int i = 0; i < ocelli_plan_steps(p); i++) {
            struct ocelli_step s;
            assert_ok(ocelli_plan_step(p, i, &s));
            add_word(s.once ? &once : &run, s.op);
            copies += strcmp(s.op, "concat") == 0 || strcmp(s.op, "strided") == 0;
        }
        ck_assert_str_eq(once.s ? once.s : "", net->once);
        if (n == 1)
            ck_assert_str_eq(run.s, net->run);
        ck_assert_int_eq(copies, n == 1 ? net->copies : net->copies2);
        text_free(&once);
        text_free(&run);
        ocelli_plan_destroy(&p);
        ocelli_graph_destroy(&g);
    }
    ocelli_device_close(&null);
}
END_TEST

/* ---- Memory ---- */

static struct ocelli_device_stats stats(void)
{
    struct ocelli_device_stats s;
    ocelli_device_get_stats(dev, &s);
    return s;
}

/* Folded weights take the place of the file's, and the prediction covers the way there. */
START_TEST(weights_are_held_once)
{
    struct ocelli_graph *g = make(&nets[0], 1);
    struct ocelli_plan *p;
    struct ocelli_plan_memory m;
    struct ocelli_device *d = dev;
    assert_ok(ocelli_device_open(&dev, NULL)); /* one whose peak is this plan's */
    assert_ok(ocelli_plan_create(&p, dev, g, NULL));
    ocelli_plan_get_memory(p, &m);
    ck_assert_uint_eq(m.weights, 0);
    ck_assert_uint_eq(m.prepared, (8 * 3 * 9 + 8) * sizeof(float));
    ck_assert_uint_gt(m.setup, 0);
    ck_assert_uint_eq(m.peak, m.weights + m.prepared + m.io + m.arena + m.setup);
    ck_assert_uint_eq(stats().bytes_peak, m.peak);
    ck_assert_uint_eq(stats().bytes_allocated, m.peak - m.setup);
    fill(ocelli_plan_tensor(p, "x"), 1);
    assert_ok(ocelli_plan_run(p));
    ck_assert_uint_eq(stats().bytes_peak, m.peak);
    ocelli_plan_destroy(&p);
    ck_assert_uint_eq(stats().bytes_allocated, 0);
    ocelli_device_close(&dev);
    dev = d;
    ocelli_graph_destroy(&g);
}
END_TEST

/* ---- Weights that change ---- */

/* Shared weights are prepared when they are there, and anew when they were written. */
START_TEST(prepared_anew)
{
    struct ocelli_graph *g = make(&nets[0], 1);
    struct ocelli_weights *w;
    struct ocelli_plan *p;
    assert_ok(ocelli_weights_create(&w, dev, g, 3));
    assert_ok(ocelli_plan_create(&p, dev, g, &(struct ocelli_plan_params){.weights = w}));
    assert_right(p, g, w, "first");
    fill(ocelli_weights_tensor(w, "w"), 7);
    assert_right(p, g, w, "filter changed");
    fill(ocelli_weights_tensor(w, "shift"), 8);
    assert_right(p, g, w, "shift changed");
    uint64_t before = stats().launches;
    assert_ok(ocelli_plan_run(p));
    ck_assert_uint_eq(stats().launches - before, 1);
    ocelli_plan_destroy(&p);
    ocelli_weights_destroy(&w);
    ocelli_graph_destroy(&g);
}
END_TEST

/* A plan that trains changes what a plan that predicts has prepared. */
START_TEST(trained_besides)
{
    struct ocelli_graph *g = make(&nets[0], 1), *t = make(&nets[0], 1);
    struct ocelli_weights *w;
    struct ocelli_plan *p, *trains;
    assert_ok(ocelli_optimize(t, ocelli_find(t, "y"), NULL));
    assert_ok(ocelli_weights_create(&w, dev, g, 3));
    assert_ok(ocelli_plan_create(&p, dev, g, &(struct ocelli_plan_params){.weights = w}));
    assert_ok(ocelli_plan_create(&trains, dev, t, &(struct ocelli_plan_params){.weights = w}));
    fill(ocelli_plan_tensor(trains, "x"), 4);
    assert_ok(ocelli_tensor_write(ocelli_plan_tensor(trains, "lr"), &(float){30}, sizeof(float)));
    for (int i = 0; i < 2; i++) {
        size_t n;
        float *before = result(p, &n);
        assert_ok(ocelli_plan_run(trains));
        assert_right(p, g, w, "after a training step");
        float *after = result(p, &n);
        ck_assert_mem_ne(before, after, n * sizeof(float));
        free(before);
        free(after);
    }
    ocelli_plan_destroy(&trains);
    ocelli_plan_destroy(&p);
    ocelli_weights_destroy(&w);
    ocelli_graph_destroy(&t);
    ocelli_graph_destroy(&g);
}
END_TEST

/* ---- Lanes ---- */

/* The branches of an inception block do not wait for each other: they run on both lanes. */
START_TEST(branches_run_side_by_side)
{
    const char *path = "check_inference_trace.json";
    struct ocelli_graph *g = make(find_net("inception"), 1);
    struct ocelli_device *d = dev;
    struct ocelli_plan *p;
    bool seen[2] = {false};
    size_t i;
    json_t *event;
    assert_ok(
        ocelli_device_open(&dev, &(struct ocelli_device_params){.lanes = 2, .profile = true}));
    assert_ok(ocelli_plan_create(&p, dev, g, &(struct ocelli_plan_params){.seed = 3}));
    assert_right(p, g, NULL, "two lanes");
    assert_ok(ocelli_device_write_trace(dev, path));
    json_t *trace = json_load_file(path, 0, NULL);
    ck_assert_ptr_nonnull(trace);
    json_array_foreach(json_object_get(trace, "traceEvents"), i, event)
    {
        const char *name = json_string_value(json_object_get(event, "name"));
        json_int_t lane = json_integer_value(json_object_get(event, "tid"));
        if (strstr(name, "conv2d") && lane < 2)
            seen[lane] = true;
    }
    ck_assert(seen[0] && seen[1]);
    json_decref(trace);
    remove(path);
    ocelli_plan_destroy(&p);
    ocelli_device_close(&dev);
    dev = d;
    ocelli_graph_destroy(&g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("inference");
    TCase *t = tcase_create("inference");
    tcase_set_timeout(t, 300);
    tcase_add_unchecked_fixture(t, open_device, close_device);
    tcase_add_loop_test(t, same_numbers, 0, N_NETS);
    tcase_add_loop_test(t, nothing_superfluous, 0, N_NETS);
    tcase_add_test(t, weights_are_held_once);
    tcase_add_test(t, prepared_anew);
    tcase_add_test(t, trained_besides);
    tcase_add_test(t, branches_run_side_by_side);
    suite_add_tcase(s, t);
    return run_suite(s);
}
