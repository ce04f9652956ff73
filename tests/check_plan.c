/* Plans: the same numbers however they are planned, the memory that was promised, weights, binding, and
 * the plan's text. */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ocelli/ops.h>
#include <ocelli/plan.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/shape.h"

static struct ocelli_device *dev;

static void open_device(void)
{
    assert_ok(ocelli_device_open(&dev, &(struct ocelli_device_params){.profile = true}));
}

static void close_device(void)
{
    ocelli_device_close(&dev);
}

/* ---- Networks ---- */

enum mode { FORWARD, LOSS, TRAIN };

static ocelli_value with_loss(struct ocelli_graph *g, ocelli_value logits, enum mode mode)
{
    ocelli_output(g, "logits", logits);
    if (mode == FORWARD)
        return logits;
    struct ocelli_shape s = ocelli_value_shape(g, logits);
    ocelli_value labels = ocelli_input(g, "labels", OCELLI_I32, &OCELLI_SHAPE(s.dim[0]));
    ocelli_value loss = ocelli_softmax_xent(g, logits, labels);
    ocelli_output(g, "loss", loss);
    ocelli_output(g, "correct", ocelli_in_top_k(g, logits, labels, NULL));
    if (mode == TRAIN) {
        const struct ocelli_optimizer_params p = {.momentum = 0.9f, .weight_decay = 1e-3f};
        ocelli_optimize(g, loss, &p);
    }
    return loss;
}

static void net_lenet(struct ocelli_graph *g, int batch, enum mode mode)
{
    const struct ocelli_pool2d_params pool = {.kernel = {2, 2}};
    ocelli_value x = ocelli_input(g, "image", OCELLI_F32, &OCELLI_SHAPE(batch, 1, 28, 28));
    x = ocelli_layer_conv2d(g, "conv1", x, 6,
                            &(struct ocelli_conv2d_params){.kernel = {5, 5}, .pad = {2, 2, 2, 2}});
    x = ocelli_pool2d(g, ocelli_relu(g, x), &pool);
    x = ocelli_layer_conv2d(g, "conv2", x, 16, &(struct ocelli_conv2d_params){.kernel = {5}});
    x = ocelli_pool2d(g, ocelli_relu(g, x), &pool);
    x = ocelli_relu(g, ocelli_layer_dense(g, "fc1", x, 120));
    x = ocelli_relu(g, ocelli_layer_dense(g, "fc2", x, 84));
    with_loss(g, ocelli_layer_dense(g, "fc3", x, 10), mode);
}

static ocelli_value conv3(struct ocelli_graph *g, const char *name, ocelli_value x, int channels,
                          int stride)
{
    return ocelli_layer_conv2d(g, name, x, channels,
                               &(struct ocelli_conv2d_params){.kernel = {3, 3},
                                                              .stride = {stride, stride},
                                                              .pad = {1, 1, 1, 1}});
}

/* Two residual blocks, one with a projection, and global average pooling. */
static void net_residual(struct ocelli_graph *g, int batch, enum mode mode)
{
    ocelli_value x = ocelli_input(g, "image", OCELLI_F32, &OCELLI_SHAPE(batch, 3, 12, 12));
    x = ocelli_relu(g, conv3(g, "stem", x, 8, 1));
    ocelli_value y = ocelli_relu(g, conv3(g, "a1", x, 8, 1));
    x = ocelli_relu(g, ocelli_add(g, conv3(g, "a2", y, 8, 1), x));
    y = conv3(g, "b2", ocelli_relu(g, conv3(g, "b1", x, 12, 2)), 12, 1);
    ocelli_value side = ocelli_layer_conv2d(g, "side", x, 12,
                                            &(struct ocelli_conv2d_params){.kernel = {1, 1},
                                                                           .stride = {2, 2}});
    x = ocelli_relu(g, ocelli_add(g, y, side));
    with_loss(g, ocelli_layer_dense(g, "fc", ocelli_gap(g, x), 5), mode);
}

/* Two heads over one body, tanh and sigmoid, average pooling: values that live long. */
static void net_forked(struct ocelli_graph *g, int batch, enum mode mode)
{
    const struct ocelli_unary_params f = {OCELLI_TANH, 1.7159f, 2.0f / 3};
    ocelli_value x = ocelli_input(g, "image", OCELLI_F32, &OCELLI_SHAPE(batch, 2, 10, 10));
    x = ocelli_unary(g, conv3(g, "body", x, 6, 1), &f);
    ocelli_value a = ocelli_sigmoid(g, ocelli_layer_subsample(g, "a", x, 2));
    ocelli_value b = ocelli_sigmoid(g, conv3(g, "b", x, 6, 2));
    ocelli_output(g, "features", a);
    x = ocelli_add(g, ocelli_layer_dense(g, "fa", a, 7), ocelli_layer_dense(g, "fb", b, 7));
    ocelli_output(g, "probabilities", ocelli_softmax(g, x));
    with_loss(g, x, mode);
}

static const struct {
    const char *name;
    void (*build)(struct ocelli_graph *g, int batch, enum mode mode);
} nets[] = {{"lenet", net_lenet}, {"residual", net_residual}, {"forked", net_forked}};

static struct ocelli_graph *make(int net, int batch, enum mode mode)
{
    struct ocelli_graph *g;
    assert_ok(ocelli_graph_create(&g));
    nets[net].build(g, batch, mode);
    assert_ok(ocelli_graph_status(g));
    return g;
}

/* ---- Numbers in and out ---- */

static void fill_input(struct ocelli_tensor *t, uint64_t seed)
{
    size_t n = ocelli_tensor_bytes(t) / 4;
    int32_t *host = malloc(n * 4 + 4);
    for (size_t i = 0; i < n; i++) {
        double u = random_uniform(seed, 5, i);
        if (ocelli_tensor_dtype(t) == OCELLI_I32)
            host[i] = (int32_t)(5 * u);
        else
            ((float *)host)[i] = (float)(2 * u - 1);
    }
    assert_ok(ocelli_tensor_write(t, host, n * 4));
    free(host);
}

static void fill_inputs(const struct ocelli_plan *p, uint64_t seed)
{
    fill_input(ocelli_plan_tensor(p, "image"), seed);
    if (ocelli_plan_tensor(p, "labels"))
        fill_input(ocelli_plan_tensor(p, "labels"), seed);
    struct ocelli_tensor *lr = ocelli_plan_tensor(p, "lr");
    if (lr)
        assert_ok(ocelli_tensor_write(lr, &(float){0.05f}, 4));
}

static float *values(struct ocelli_tensor *t, size_t *n)
{
    ck_assert_ptr_nonnull(t);
    *n = ocelli_tensor_bytes(t) / 4;
    float *x = malloc(*n * 4 + 4);
    assert_ok(ocelli_tensor_read(t, x, *n * 4));
    return x;
}

/* Largest difference relative to the largest value; both must be more than zeros. */
static double distance(struct ocelli_tensor *a, struct ocelli_tensor *b)
{
    size_t n, m;
    float *x = values(a, &n), *y = values(b, &m);
    double worst = 0, size = 0;
    ck_assert_uint_eq(n, m);
    for (size_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs((double)x[i] - (double)y[i]));
        size = fmax(size, fabs((double)x[i]));
        ck_assert(isfinite(x[i]) && isfinite(y[i]));
    }
    ck_assert_double_gt(size, 0);
    free(x);
    free(y);
    return worst / size;
}

/* ---- One result however it is planned ---- */

/* One batch for most tests: every other one is another set of kernels to compile. */
enum { BATCH = 4 };

static const struct ocelli_plan_params ways[] = {
    {.seed = 3, .variant = "ref"},
    {.seed = 3, .no_fusion = true},
    {.seed = 3, .no_reuse = true},
    {.seed = 3, .no_fusion = true, .no_reuse = true, .variant = "ref"},
};
static struct ocelli_weights *train(const struct ocelli_graph *g,
                                    const struct ocelli_plan_params *p, int steps,
                                    struct ocelli_plan **plan)
{
    struct ocelli_weights *w;
    struct ocelli_plan_params q = *p;
    assert_ok(ocelli_weights_create(&w, dev, g, p->seed));
    q.weights = w;
    assert_ok(ocelli_plan_create(plan, dev, g, &q));
    for (int i = 0; i < steps; i++) {
        fill_inputs(*plan, 40 + (uint64_t)i);
        assert_ok(ocelli_plan_run(*plan));
    }
    return w;
}

START_TEST(planned_in_any_way)
{
    int net = _i / (int)COUNT(ways), way = _i % (int)COUNT(ways);
    struct ocelli_graph *g = make(net, BATCH, LOSS);
    struct ocelli_plan *p, *q;
    struct ocelli_weights *w = train(g, &(struct ocelli_plan_params){.seed = 3}, 1, &p);
    struct ocelli_weights *v = train(g, &ways[way], 1, &q);
    double d = fmax(distance(ocelli_plan_tensor(p, "logits"), ocelli_plan_tensor(q, "logits")),
                    distance(ocelli_plan_tensor(p, "loss"), ocelli_plan_tensor(q, "loss")));
    ck_assert_msg(d < 1e-5, "%s, way %d: %g", nets[net].name, way, d);
    ocelli_plan_destroy(&p);
    ocelli_plan_destroy(&q);
    ocelli_weights_destroy(&w);
    ocelli_weights_destroy(&v);
    ocelli_graph_destroy(&g);
}
END_TEST

/* The images of a batch do not know of each other: the first ones of a larger batch give what a smaller one
 * gives. */
START_TEST(batch_sizes)
{
    const int sizes[] = {1, 3, 7};
    float *seen[COUNT(sizes)];
    size_t n[COUNT(sizes)];
    for (int b = 0; b < (int)COUNT(sizes); b++) {
        struct ocelli_graph *g = make(_i, sizes[b], FORWARD);
        struct ocelli_plan *p;
        struct ocelli_weights *w = train(g, &(struct ocelli_plan_params){.seed = 3}, 1, &p);
        seen[b] = values(ocelli_plan_tensor(p, "logits"), &n[b]);
        ocelli_plan_destroy(&p);
        ocelli_weights_destroy(&w);
        ocelli_graph_destroy(&g);
    }
    for (int b = 1; b < (int)COUNT(sizes); b++)
        for (size_t i = 0; i < n[b - 1]; i++)
            ck_assert_double_eq_tol((double)seen[b][i], (double)seen[b - 1][i],
                                    1e-5 * (1 + fabs((double)seen[b][i])));
    for (int b = 0; b < (int)COUNT(sizes); b++)
        free(seen[b]);
}
END_TEST

/* Three training steps: every weight and every velocity. */
START_TEST(trained_in_any_way)
{
    int net = _i / (int)COUNT(ways), way = _i % (int)COUNT(ways);
    struct ocelli_graph *g = make(net, BATCH, TRAIN);
    struct ocelli_plan *p, *q;
    struct ocelli_weights *w = train(g, &(struct ocelli_plan_params){.seed = 3}, 3, &p);
    struct ocelli_weights *v = train(g, &ways[way], 3, &q);
    ck_assert_int_gt(ocelli_weights_count(w), 8);
    for (int i = 0; i < ocelli_weights_count(w); i++) {
        const char *name = ocelli_weights_name(w, i);
        double d = distance(ocelli_weights_tensor(w, name), ocelli_weights_tensor(v, name));
        ck_assert_msg(d < 2e-4, "%s, way %d: %s: %g", nets[net].name, way, name, d);
    }
    ocelli_plan_destroy(&p);
    ocelli_plan_destroy(&q);
    ocelli_weights_destroy(&w);
    ocelli_weights_destroy(&v);
    ocelli_graph_destroy(&g);
}
END_TEST

START_TEST(runs_repeat_bit_for_bit)
{
    struct ocelli_graph *g = make(0, BATCH, TRAIN);
    struct ocelli_plan *p, *q;
    const struct ocelli_plan_params params = {.seed = 9};
    struct ocelli_weights *w = train(g, &params, 4, &p), *v = train(g, &params, 4, &q);
    for (int i = 0; i < ocelli_weights_count(w); i++) {
        size_t n;
        float *a = values(ocelli_weights_tensor(w, ocelli_weights_name(w, i)), &n);
        float *b = values(ocelli_weights_tensor(v, ocelli_weights_name(w, i)), &n);
        ck_assert_mem_eq(a, b, n * 4);
        free(a);
        free(b);
    }
    ocelli_plan_destroy(&p);
    ocelli_plan_destroy(&q);
    ocelli_weights_destroy(&w);
    ocelli_weights_destroy(&v);
    ocelli_graph_destroy(&g);
}
END_TEST

/* ---- The step of the optimiser, against the formula ---- */

static const struct ocelli_optimizer_params optimizers[] = {
    {0},
    {.weight_decay = 0.1f},
    {.momentum = 0.9f},
    {.momentum = 0.9f, .weight_decay = 0.1f},
    {.kind = OCELLI_NESTEROV, .momentum = 0.8f, .weight_decay = 0.05f},
};

/* loss = mean(x * w) over 2 x 3 values: dw[c] = sum_n x[n][c] / 6. */
START_TEST(optimizer_step)
{
    const struct ocelli_optimizer_params *o = &optimizers[_i];
    const float x[6] = {1, 2, 3, -4, 5, 6};
    const double lr[3] = {0.5, 0.25, 0.125};
    struct ocelli_graph *g;
    struct ocelli_plan *p;
    struct ocelli_weights *w;
    assert_ok(ocelli_graph_create(&g));
    ocelli_value in = ocelli_input(g, "image", OCELLI_F32, &OCELLI_SHAPE(2, 3));
    const struct ocelli_init one = {.kind = OCELLI_INIT_CONSTANT, .value = 1};
    ocelli_value y = ocelli_scale(g, in, ocelli_weight(g, "w", &OCELLI_SHAPE(3), &one));
    ocelli_output(g, "y", y);
    assert_ok(ocelli_optimize(g, y, o));
    assert_ok(ocelli_weights_create(&w, dev, g, 0));
    assert_ok(ocelli_plan_create(&p, dev, g, &(struct ocelli_plan_params){.weights = w}));
    assert_ok(ocelli_tensor_write(ocelli_plan_tensor(p, "image"), x, sizeof(x)));
    double want[3] = {1, 1, 1}, v[3] = {0};
    for (int t = 0; t < 3; t++) {
        assert_ok(ocelli_tensor_write(ocelli_plan_tensor(p, "lr"), &(float){(float)lr[t]}, 4));
        assert_ok(ocelli_plan_run(p));
        for (int c = 0; c < 3; c++) {
            double d = ((double)x[c] + (double)x[3 + c]) / 6 + (double)o->weight_decay * want[c];
            v[c] = (double)o->momentum * v[c] + d;
            want[c] -= lr[t] * (o->kind == OCELLI_NESTEROV ? d + (double)o->momentum * v[c] : v[c]);
        }
    }
    size_t n;
    float *got = values(ocelli_weights_tensor(w, "w"), &n);
    for (int c = 0; c < 3; c++)
        ck_assert_double_eq_tol((double)got[c], want[c], 1e-6);
    free(got);
    ocelli_plan_destroy(&p);
    ocelli_weights_destroy(&w);
    ocelli_graph_destroy(&g);
}
END_TEST

/* ---- Memory ---- */

static uint64_t allocated(void)
{
    struct ocelli_device_stats s;
    ocelli_device_get_stats(dev, &s);
    return s.bytes_allocated;
}

START_TEST(memory_is_as_predicted)
{
    enum mode modes[] = {FORWARD, TRAIN};
    for (int i = 0; i < 8; i++) {
        struct ocelli_graph *g = make(_i, BATCH, modes[i & 1]);
        struct ocelli_plan_params q = {.no_fusion = i & 2, .no_reuse = i & 4};
        struct ocelli_plan *p;
        struct ocelli_plan_memory m;
        uint64_t before = allocated();
        assert_ok(ocelli_plan_create(&p, dev, g, &q));
        ocelli_plan_get_memory(p, &m);
        ck_assert_uint_eq(allocated() - before, m.peak);
        ck_assert_uint_eq(m.peak, m.weights + m.io + m.arena);
        ck_assert_uint_ge(m.arena, m.live);
        ck_assert_uint_ge(m.live, m.scratch);
        ck_assert_uint_ge(m.weights, (uint64_t)ocelli_graph_parameters(g) * 4);
        if (!q.no_reuse) /* near what no plan can do without; small values pay for alignment */
            ck_assert_uint_le(m.arena, m.live + m.live / 20 + 4096);
        assert_ok(ocelli_plan_run(p));
        ck_assert_uint_eq(allocated() - before, m.peak);
        ocelli_plan_destroy(&p);
        ck_assert_uint_eq(allocated(), before);

        struct ocelli_weights *w;
        assert_ok(ocelli_weights_create(&w, dev, g, 1));
        ck_assert_uint_eq(allocated() - before, m.weights);
        q.weights = w;
        assert_ok(ocelli_plan_create(&p, dev, g, &q));
        ck_assert_uint_eq(allocated() - before, m.peak);
        ocelli_plan_destroy(&p);
        ocelli_weights_destroy(&w);
        ck_assert_uint_eq(allocated(), before);
        ocelli_graph_destroy(&g);
    }
}
END_TEST

START_TEST(reuse_saves)
{
    struct ocelli_graph *g = make(_i, BATCH, FORWARD);
    struct ocelli_plan_memory m[2];
    for (int i = 0; i < 2; i++) {
        struct ocelli_plan *p;
        const struct ocelli_plan_params q = {.no_reuse = i};
        assert_ok(ocelli_plan_create(&p, dev, g, &q));
        ocelli_plan_get_memory(p, &m[i]);
        ocelli_plan_destroy(&p);
    }
    ck_assert_uint_lt(m[0].arena, m[1].arena);
    ocelli_graph_destroy(&g);
}
END_TEST

/* ---- Binding ---- */

START_TEST(rebinding)
{
    struct ocelli_graph *g = make(0, BATCH, FORWARD);
    struct ocelli_plan *p;
    struct ocelli_tensor *in, *out, *wrong, *typed;
    assert_ok(ocelli_plan_create(&p, dev, g, &(struct ocelli_plan_params){.seed = 1}));
    fill_input(ocelli_plan_tensor(p, "image"), 1);
    assert_ok(ocelli_plan_run(p));
    assert_ok(ocelli_tensor_create(&in, dev, OCELLI_F32, &OCELLI_SHAPE(BATCH, 1, 28, 28)));
    assert_ok(ocelli_tensor_create(&out, dev, OCELLI_F32, &OCELLI_SHAPE(BATCH, 10)));
    assert_ok(ocelli_tensor_create(&wrong, dev, OCELLI_F32, &OCELLI_SHAPE(10, BATCH)));
    assert_ok(ocelli_tensor_create(&typed, dev, OCELLI_I32, &OCELLI_SHAPE(BATCH, 10)));
    struct ocelli_tensor *own = ocelli_plan_tensor(p, "logits");

    fill_input(in, 1);
    fill_input(out, 77);
    assert_ok(ocelli_plan_bind(p, "image", in));
    assert_ok(ocelli_plan_bind(p, "logits", out));
    ck_assert_ptr_eq(ocelli_plan_tensor(p, "logits"), out);
    assert_ok(ocelli_plan_run(p));
    ck_assert_double_eq(distance(own, out), 0); /* the same input, in another place */

    fill_input(in, 2);
    assert_ok(ocelli_plan_run(p));
    ck_assert_double_gt(distance(own, out), 1e-3);
    assert_ok(ocelli_plan_bind(p, "logits", own));
    assert_ok(ocelli_plan_run(p));
    ck_assert_double_eq(distance(own, out), 0);

    assert_fails(ocelli_plan_bind(p, "logits", wrong), OCELLI_ERR_SHAPE, "10x4");
    assert_fails(ocelli_plan_bind(p, "logits", typed), OCELLI_ERR_SHAPE, "i32");
    assert_fails(ocelli_plan_bind(p, "nothing", out), OCELLI_ERR_INVALID, "nothing");
    ck_assert_ptr_null(ocelli_plan_tensor(p, "nothing"));
    ocelli_plan_destroy(&p);
    ocelli_tensor_destroy(&in);
    ocelli_tensor_destroy(&out);
    ocelli_tensor_destroy(&wrong);
    ocelli_tensor_destroy(&typed);
    ocelli_graph_destroy(&g);
}
END_TEST

/* Outputs that are other names of one value, of an input, of a weight. */
START_TEST(shared_memory)
{
    struct ocelli_graph *g;
    struct ocelli_plan *p;
    struct ocelli_tensor *t;
    assert_ok(ocelli_graph_create(&g));
    ocelli_value x = ocelli_input(g, "x", OCELLI_F32, &OCELLI_SHAPE(2, 6));
    const struct ocelli_init two = {.kind = OCELLI_INIT_CONSTANT, .value = 2};
    ocelli_value w = ocelli_weight(g, "w", &OCELLI_SHAPE(6), &two);
    ocelli_value y = ocelli_scale(g, x, w);
    ocelli_output(g, "y", y);
    ocelli_output(g, "flat", ocelli_reshape(g, y, &OCELLI_SHAPE(12)));
    ocelli_output(g, "same", y);
    ocelli_output(g, "weight", w);
    ocelli_output(g, "in", ocelli_reshape(g, x, &OCELLI_SHAPE(3, 4)));
    assert_ok(ocelli_plan_create(&p, dev, g, NULL));
    fill_input(ocelli_plan_tensor(p, "x"), 1);
    assert_ok(ocelli_plan_run(p));
    ck_assert_double_eq(distance(ocelli_plan_tensor(p, "y"), ocelli_plan_tensor(p, "flat")), 0);
    ck_assert_double_eq(distance(ocelli_plan_tensor(p, "y"), ocelli_plan_tensor(p, "same")), 0);
    ck_assert_double_eq(distance(ocelli_plan_tensor(p, "x"), ocelli_plan_tensor(p, "in")), 0);
    ck_assert_int_eq(ocelli_tensor_shape(ocelli_plan_tensor(p, "flat"))->rank, 1);
    size_t n;
    float *f = values(ocelli_plan_tensor(p, "weight"), &n);
    ck_assert(n == 6 && f[0] == 2 && f[5] == 2);
    free(f);
    assert_ok(ocelli_tensor_create(&t, dev, OCELLI_F32, &OCELLI_SHAPE(2, 6)));
    assert_fails(ocelli_plan_bind(p, "y", t), OCELLI_ERR_UNSUPPORTED, "shares");
    ocelli_tensor_destroy(&t);
    assert_ok(ocelli_tensor_create(&t, dev, OCELLI_F32, &OCELLI_SHAPE(6)));
    assert_fails(ocelli_plan_bind(p, "weight", t), OCELLI_ERR_UNSUPPORTED, "weight");
    ocelli_tensor_destroy(&t);
    ocelli_plan_destroy(&p);
    ocelli_graph_destroy(&g);
}
END_TEST

START_TEST(bound_to_two_names)
{
    struct ocelli_graph *g;
    struct ocelli_plan *p;
    struct ocelli_tensor *t;
    assert_ok(ocelli_graph_create(&g));
    ocelli_value a = ocelli_input(g, "a", OCELLI_F32, &OCELLI_SHAPE(2, 6));
    ocelli_value b = ocelli_input(g, "b", OCELLI_F32, &OCELLI_SHAPE(2, 6));
    ocelli_output(g, "y", ocelli_add(g, a, b));
    assert_ok(ocelli_plan_create(&p, dev, g, NULL));
    assert_ok(ocelli_tensor_create(&t, dev, OCELLI_F32, &OCELLI_SHAPE(2, 6)));
    fill_input(t, 1);
    assert_ok(ocelli_plan_bind(p, "a", t));
    assert_ok(ocelli_plan_bind(p, "b", t));
    assert_fails(ocelli_plan_bind(p, "y", t), OCELLI_ERR_INVALID, "bound to a");
    assert_ok(ocelli_plan_run(p));
    size_t n;
    float *x = values(t, &n), *y = values(ocelli_plan_tensor(p, "y"), &n);
    for (size_t i = 0; i < n; i++)
        ck_assert(y[i] == 2 * x[i]);
    free(x);
    free(y);
    ocelli_plan_destroy(&p);
    ocelli_tensor_destroy(&t);
    ocelli_graph_destroy(&g);
}
END_TEST

/* ---- Weights ---- */

/* A plan that trains and one that predicts, over the same weights. */
START_TEST(weights_are_shared)
{
    struct ocelli_graph *t = make(0, BATCH, TRAIN), *f = make(0, BATCH, LOSS);
    struct ocelli_plan *p, *q;
    struct ocelli_weights *w = train(t, &(struct ocelli_plan_params){.seed = 5}, 0, &p);
    assert_ok(ocelli_plan_create(&q, dev, f, &(struct ocelli_plan_params){.weights = w}));
    double first = 0, last = 0;
    for (int i = 0; i < 30; i++) {
        size_t n;
        fill_inputs(p, 1);
        fill_inputs(q, 1);
        assert_ok(ocelli_plan_run(q));
        float *loss = values(ocelli_plan_tensor(q, "loss"), &n);
        last = (double)(loss[0] + loss[1] + loss[2] + loss[3]) / 4;
        first = i ? first : last;
        free(loss);
        assert_ok(ocelli_plan_run(p));
        ck_assert_double_eq_tol(distance(ocelli_plan_tensor(p, "loss"),
                                         ocelli_plan_tensor(q, "loss")), 0, 1e-5);
    }
    ck_assert_double_lt(last, first / 2);
    ocelli_plan_destroy(&p);
    ocelli_plan_destroy(&q);
    ocelli_weights_destroy(&w);
    ocelli_graph_destroy(&t);
    ocelli_graph_destroy(&f);
}
END_TEST

static struct ocelli_weights *weights_of(const char *const *names, int n, uint64_t seed)
{
    struct ocelli_graph *g;
    struct ocelli_weights *w;
    assert_ok(ocelli_graph_create(&g));
    for (int i = 0; i < n; i++)
        ocelli_weight(g, names[i], &OCELLI_SHAPE(20, 50), NULL);
    assert_ok(ocelli_weights_create(&w, dev, g, seed));
    ocelli_graph_destroy(&g);
    return w;
}

START_TEST(initial_weights)
{
    const char *const ab[] = {"a", "b"}, *const ba[] = {"b", "a"};
    struct ocelli_weights *w = weights_of(ab, 2, 1), *v = weights_of(ba, 2, 1);
    struct ocelli_weights *u = weights_of(ab, 1, 2);
    struct ocelli_tensor *a = ocelli_weights_tensor(w, "a");
    ck_assert_str_eq(ocelli_weights_name(w, 1), "b");
    ck_assert_ptr_null(ocelli_weights_name(w, 2));
    ck_assert_ptr_null(ocelli_weights_tensor(w, "c"));
    ck_assert_double_eq(distance(a, ocelli_weights_tensor(v, "a")), 0);
    ck_assert_double_gt(distance(a, ocelli_weights_tensor(w, "b")), 0.5);
    ck_assert_double_gt(distance(a, ocelli_weights_tensor(u, "a")), 0.5);
    ocelli_weights_destroy(&w);
    ocelli_weights_destroy(&v);
    ocelli_weights_destroy(&u);
}
END_TEST

/* Mean and standard deviation of 40,000 numbers, and the largest: 400 x 100. */
static const struct {
    struct ocelli_init init;
    double mean, deviation, largest; /* largest 0: no limit */
} inits[] = {
    {{0}, 0, 0.1414214, 0.2449490},                       /* sqrt(6/100) */
    {{.kind = OCELLI_INIT_HE_UNIFORM}, 0, 0.1414214, 0.2449490},
    {{.kind = OCELLI_INIT_HE}, 0, 0.1414214, 0},          /* sqrt(2/100) */
    {{.kind = OCELLI_INIT_XAVIER}, 0, 0.0632456, 0.1095445}, /* sqrt(6/500) */
    {{.kind = OCELLI_INIT_XAVIER_NORMAL}, 0, 0.0632456, 0},
    {{.kind = OCELLI_INIT_LECUN}, 0, 0.1, 0.1732051},     /* sqrt(3/100) */
    {{.kind = OCELLI_INIT_UNIFORM, .value = 3}, 0, 1.7320508, 3},
    {{.kind = OCELLI_INIT_NORMAL, .value = 2}, 0, 2, 0},
    {{.kind = OCELLI_INIT_CONSTANT, .value = 7}, 7, 0, 7},
    {{.kind = OCELLI_INIT_HE, .fan_in = 200}, 0, 0.1, 0},
};

START_TEST(initialisers)
{
    struct ocelli_graph *g;
    struct ocelli_weights *w;
    size_t n;
    assert_ok(ocelli_graph_create(&g));
    ocelli_weight(g, "m", &OCELLI_SHAPE(400, 100), &inits[_i].init);
    assert_ok(ocelli_weights_create(&w, dev, g, 12));
    float *x = values(ocelli_weights_tensor(w, "m"), &n);
    double sum = 0, squares = 0, largest = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i];
        squares += (double)x[i] * (double)x[i];
        largest = fmax(largest, fabs((double)x[i]));
    }
    double mean = sum / (double)n, deviation = sqrt(fmax(0, squares / (double)n - mean * mean));
    ck_assert_double_eq_tol(mean, inits[_i].mean, 0.02 * inits[_i].deviation + 1e-9);
    ck_assert_double_eq_tol(deviation, inits[_i].deviation, 0.02 * inits[_i].deviation + 1e-6);
    if (inits[_i].largest > 0) {
        ck_assert_double_le(largest, inits[_i].largest * (1 + 1e-6));
        ck_assert_double_gt(largest, inits[_i].largest * 0.99);
    }
    free(x);
    ocelli_weights_destroy(&w);
    ocelli_graph_destroy(&g);
}
END_TEST

START_TEST(save_and_load)
{
    char path[] = "/tmp/ocelli-weights-XXXXXX";
    ck_assert_int_ge(close(mkstemp(path)), 0);
    struct ocelli_graph *g = make(0, 1, TRAIN), *f = make(0, 1, FORWARD), *other = make(1, 1, FORWARD);
    struct ocelli_weights *w, *v, *u, *o;
    assert_ok(ocelli_weights_create(&w, dev, g, 1));
    assert_ok(ocelli_weights_create(&v, dev, g, 2));
    assert_ok(ocelli_weights_create(&u, dev, f, 3)); /* fewer than the file has */
    assert_ok(ocelli_weights_create(&o, dev, other, 4));
    fill_input(ocelli_weights_tensor(w, "fc1.weight.momentum"), 8);
    assert_ok(ocelli_weights_save(w, path));
    assert_ok(ocelli_weights_load(v, path));
    assert_ok(ocelli_weights_load(u, path));
    ck_assert_int_eq(ocelli_weights_count(w), 20);
    ck_assert_int_eq(ocelli_weights_count(u), 10);
    for (int i = 0; i < ocelli_weights_count(w); i++) {
        const char *name = ocelli_weights_name(w, i);
        size_t n;
        float *a = values(ocelli_weights_tensor(w, name), &n);
        float *b = values(ocelli_weights_tensor(v, name), &n);
        ck_assert_mem_eq(a, b, n * 4);
        free(a);
        free(b);
    }
    ck_assert_double_eq(distance(ocelli_weights_tensor(w, "conv1.weight"),
                                 ocelli_weights_tensor(u, "conv1.weight")), 0);
    assert_fails(ocelli_weights_load(o, path), OCELLI_ERR_FORMAT, "stem.weight");
    assert_fails(ocelli_weights_load(o, "/nowhere/at/all"), OCELLI_ERR_IO, "/nowhere");
    unlink(path);
    ocelli_weights_destroy(&w);
    ocelli_weights_destroy(&v);
    ocelli_weights_destroy(&u);
    ocelli_weights_destroy(&o);
    ocelli_graph_destroy(&g);
    ocelli_graph_destroy(&f);
    ocelli_graph_destroy(&other);
}
END_TEST

static struct ocelli_graph *one_weight(const char *name, int64_t n)
{
    struct ocelli_graph *g;
    assert_ok(ocelli_graph_create(&g));
    ocelli_value x = ocelli_input(g, "x", OCELLI_F32, &OCELLI_SHAPE(2, n));
    ocelli_value w = ocelli_weight(g, name, &OCELLI_SHAPE(n), NULL);
    ocelli_output(g, "y", ocelli_scale(g, x, w));
    assert_ok(ocelli_graph_status(g));
    return g;
}

START_TEST(refusals)
{
    struct ocelli_graph *a = one_weight("w", 4), *b = one_weight("w", 5), *c = one_weight("v", 4);
    struct ocelli_weights *w;
    struct ocelli_plan *p = NULL;
    char path[] = "/tmp/ocelli-weights-XXXXXX";
    uint64_t before = allocated();
    assert_ok(ocelli_weights_create(&w, dev, a, 1));
    const struct ocelli_plan_params q = {.weights = w};
    assert_fails(ocelli_plan_create(&p, dev, b, &q), OCELLI_ERR_SHAPE, "weight w");
    assert_fails(ocelli_plan_create(&p, dev, c, &q), OCELLI_ERR_SHAPE, "no v");
    assert_fails(ocelli_plan_create(&p, dev, a, &(struct ocelli_plan_params){.variant = "nonsense"}),
                 OCELLI_ERR_INVALID, "nonsense");
    ck_assert_ptr_null(p);
    ck_assert_int_ge(close(mkstemp(path)), 0);
    assert_ok(ocelli_weights_save(w, path));
    ocelli_weights_destroy(&w);
    assert_ok(ocelli_weights_create(&w, dev, b, 1));
    assert_fails(ocelli_weights_load(w, path), OCELLI_ERR_SHAPE, "w is f32 4");
    unlink(path);
    ocelli_weights_destroy(&w);
    ck_assert_uint_eq(allocated(), before);
    ocelli_graph_destroy(&b);
    ocelli_graph_destroy(&c);
    ocelli_relu(a, 99);
    assert_fails(ocelli_plan_create(&p, dev, a, NULL), OCELLI_ERR_INVALID, "unary");
    assert_fails(ocelli_weights_create(&w, dev, a, 0), OCELLI_ERR_INVALID, "unary");
    ocelli_graph_destroy(&a);
    assert_ok(ocelli_graph_create(&a));
    ocelli_relu(a, ocelli_input(a, "x", OCELLI_F32, &OCELLI_SHAPE(1)));
    assert_fails(ocelli_plan_create(&p, dev, a, NULL), OCELLI_ERR_INVALID, "nothing to compute");
    ocelli_graph_destroy(&a);
}
END_TEST

/* ---- Steps ---- */

START_TEST(steps)
{
    struct ocelli_graph *g = make(0, BATCH, TRAIN);
    struct ocelli_plan *p;
    struct ocelli_step s;
    struct ocelli_weights *w = train(g, &(struct ocelli_plan_params){.seed = 1}, 2, &p);
    double flops = 0, ms = 0;
    ck_assert_int_gt(ocelli_plan_steps(p), 20);
    for (int i = 0; i < ocelli_plan_steps(p); i++) {
        assert_ok(ocelli_plan_step(p, i, &s));
        ck_assert(s.text && s.layer && s.op && s.variant && s.kernel && s.global[0] > 0);
        ck_assert_ptr_nonnull(strstr(s.text, "gws="));
        flops += s.flops;
        ms += s.ms;
    }
    /* forward, and twice that backward but for the first layer's data: 2 * (3 * 416,520 - 117,600) an image */
    ck_assert_double_gt(flops, BATCH * 2 * (3 * 416520.0 - 117600));
    ck_assert_double_lt(flops, 1.2 * BATCH * 2 * (3 * 416520.0 - 117600));
    ck_assert_double_gt(ms, 0);
    assert_fails(ocelli_plan_step(p, ocelli_plan_steps(p), &s), OCELLI_ERR_INVALID, "step");
    ocelli_plan_destroy(&p);
    ocelli_weights_destroy(&w);
    ocelli_graph_destroy(&g);
}
END_TEST

/* ---- Without a device ---- */

static const struct {
    const char *name;
    int net, batch;
    enum mode mode;
    struct ocelli_plan_params p;
} goldens[] = {
    {"lenet", 0, 1, FORWARD, {0}},
    {"lenet-ref", 0, 1, FORWARD, {.variant = "ref"}},
    {"lenet-not-fused", 0, 1, FORWARD, {.no_fusion = true}},
    {"lenet-train", 0, 64, TRAIN, {0}},
    {"residual", 1, 2, FORWARD, {0}},
    {"residual-train", 1, 2, TRAIN, {0}},
    {"forked-train", 2, 3, TRAIN, {0}},
};

static void dump(const struct ocelli_plan *p, struct text *t)
{
    struct ocelli_plan_memory m;
    for (int i = 0; i < ocelli_plan_steps(p); i++) {
        struct ocelli_step s;
        assert_ok(ocelli_plan_step((struct ocelli_plan *)p, i, &s));
        text_add(t, "%s\n", s.text);
    }
    ocelli_plan_get_memory(p, &m);
    text_add(t, "weights %llu io %llu arena %llu scratch %llu live %llu peak %llu\n",
             (unsigned long long)m.weights, (unsigned long long)m.io, (unsigned long long)m.arena,
             (unsigned long long)m.scratch, (unsigned long long)m.live, (unsigned long long)m.peak);
}

/* Line by line, to show the one that changed. */
static void compare_lines(const char *file, const char *got, const char *want)
{
    for (int line = 1; *got || *want; line++) {
        int n = (int)strcspn(got, "\n"), m = (int)strcspn(want, "\n");
        ck_assert_msg(n == m && strncmp(got, want, (size_t)n) == 0, "%s:%d:\n#  is %.*s\n# not %.*s",
                      file, line, n, got, m, want);
        got += n + (got[n] != 0);
        want += m + (want[m] != 0);
    }
}

/* OCELLI_GOLDEN=write in the environment writes them anew; git shows what changed. */
START_TEST(golden)
{
    struct ocelli_device *null;
    struct ocelli_plan *p;
    struct ocelli_graph *g = make(goldens[_i].net, goldens[_i].batch, goldens[_i].mode);
    struct text t = {0};
    char path[512], *want;
    size_t bytes;
    assert_ok(ocelli_device_open(&null, &(struct ocelli_device_params){.device = "null"}));
    assert_ok(ocelli_plan_create(&p, null, g, &goldens[_i].p));
    dump(p, &t);
    snprintf(path, sizeof(path), "%s/%s.txt", GOLDEN_DIR, goldens[_i].name);
    if (getenv("OCELLI_GOLDEN") && strcmp(getenv("OCELLI_GOLDEN"), "write") == 0)
        assert_ok(file_replace(path, t.s, t.len, 0644));
    assert_ok(file_read(path, 1 << 20, &want, &bytes));
    compare_lines(goldens[_i].name, t.s, want);
    free(want);
    text_free(&t);
    ocelli_plan_destroy(&p);
    ocelli_device_close(&null);
    ocelli_graph_destroy(&g);
}
END_TEST

START_TEST(null_device_cannot_run)
{
    struct ocelli_device *null;
    struct ocelli_plan *p;
    struct ocelli_graph *g = make(0, 1, FORWARD);
    assert_ok(ocelli_device_open(&null, &(struct ocelli_device_params){.device = "null"}));
    assert_ok(ocelli_plan_create(&p, null, g, NULL));
    ck_assert_ptr_null(ocelli_plan_tensor(p, "image"));
    assert_fails(ocelli_plan_run(p), OCELLI_ERR_UNSUPPORTED, "null device");
    assert_fails(ocelli_plan_bind(p, "image", NULL), OCELLI_ERR_UNSUPPORTED, "null device");
    ocelli_plan_destroy(&p);
    ocelli_plan_destroy(&p);
    ocelli_plan_destroy(NULL);
    ocelli_device_close(&null);
    ocelli_graph_destroy(&g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("plan");
    TCase *tc = tcase_create("paper");
    tcase_add_loop_test(tc, golden, 0, (int)COUNT(goldens));
    tcase_add_test(tc, null_device_cannot_run);
    suite_add_tcase(s, tc);
    tc = tcase_create("device");
    tcase_add_unchecked_fixture(tc, open_device, close_device);
    tcase_add_loop_test(tc, planned_in_any_way, 0, (int)(COUNT(nets) * COUNT(ways)));
    tcase_add_loop_test(tc, batch_sizes, 0, (int)COUNT(nets));
    tcase_add_loop_test(tc, trained_in_any_way, 0, (int)(COUNT(nets) * COUNT(ways)));
    tcase_add_test(tc, runs_repeat_bit_for_bit);
    tcase_add_loop_test(tc, optimizer_step, 0, (int)COUNT(optimizers));
    tcase_add_loop_test(tc, memory_is_as_predicted, 0, (int)COUNT(nets));
    tcase_add_loop_test(tc, reuse_saves, 0, (int)COUNT(nets));
    tcase_add_test(tc, rebinding);
    tcase_add_test(tc, shared_memory);
    tcase_add_test(tc, bound_to_two_names);
    tcase_add_test(tc, weights_are_shared);
    tcase_add_test(tc, initial_weights);
    tcase_add_loop_test(tc, initialisers, 0, (int)COUNT(inits));
    tcase_add_test(tc, save_and_load);
    tcase_add_test(tc, refusals);
    tcase_add_test(tc, steps);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
