/* Networks to plan, and numbers for them: for the tests of plans. */
#ifndef TESTS_PLAN_NETS_H
#define TESTS_PLAN_NETS_H

#include "test.h"

#include <math.h>
#include <string.h>

#include <ocelli/ops.h>
#include <ocelli/plan.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/shape.h"

/* One batch for most tests: every other one is another set of kernels to compile. */
enum { BATCH = 4 };

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
    ocelli_value side = ocelli_layer_conv2d(
        g, "side", x, 12, &(struct ocelli_conv2d_params){.kernel = {1, 1}, .stride = {2, 2}});
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

static inline struct ocelli_graph *make(int net, int batch, enum mode mode)
{
    struct ocelli_graph *g;
    assert_ok(ocelli_graph_create(&g));
    nets[net].build(g, batch, mode);
    assert_ok(ocelli_graph_status(g));
    return g;
}

/* ---- Numbers in and out ---- */

static inline void fill_input(struct ocelli_tensor *t, uint64_t seed)
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

static inline void fill_inputs(const struct ocelli_plan *p, uint64_t seed)
{
    fill_input(ocelli_plan_tensor(p, "image"), seed);
    if (ocelli_plan_tensor(p, "labels"))
        fill_input(ocelli_plan_tensor(p, "labels"), seed);
    struct ocelli_tensor *lr = ocelli_plan_tensor(p, "lr");
    if (lr)
        assert_ok(ocelli_tensor_write(lr, &(float){0.05f}, 4));
}

static inline float *values(struct ocelli_tensor *t, size_t *n)
{
    ck_assert_ptr_nonnull(t);
    *n = ocelli_tensor_bytes(t) / 4;
    float *x = malloc(*n * 4 + 4);
    assert_ok(ocelli_tensor_read(t, x, *n * 4));
    return x;
}

/* Largest difference relative to the largest value; both must be more than zeros. */
static inline double distance(struct ocelli_tensor *a, struct ocelli_tensor *b)
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

/* Weights from the plan's seed, and so many runs with inputs that are the same each time. */
static inline struct ocelli_weights *train(struct ocelli_device *dev, const struct ocelli_graph *g,
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

static inline uint64_t allocated(const struct ocelli_device *dev)
{
    struct ocelli_device_stats s;
    ocelli_device_get_stats(dev, &s);
    return s.bytes_allocated;
}

#endif
