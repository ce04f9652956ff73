/* Layouts: which nodes work on blocked channels, and that they give what the plain ones give. */
#include "graph_nets.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <ocelli/plan.h>

#include "base/mem.h"

static const struct caps cpu = {
    .type = OCELLI_DEVICE_CPU,
    .cpu_style = true,
    .compute_units = 2,
    .vector_width = 16,
    .max_group = 4096,
    .max_item = {4096, 4096, 4096},
    .local_bytes = 1 << 20,
    .align = 128,
    .memory_bytes = (uint64_t)1 << 34,
    .max_alloc = (uint64_t)1 << 32,
};

static ocelli_value conv(const char *name, ocelli_value x, int channels, int kernel, int pad,
                         int groups)
{
    return ocelli_layer_conv2d(g, name, x, channels,
                               &(struct ocelli_conv2d_params){.kernel = {kernel, kernel},
                                                              .pad = {pad, pad, pad, pad},
                                                              .groups = groups});
}

/* ---- The rewritten graph ---- */

/* The nodes behind those that run once: "conv2d_blocked/winograd+relu reorder ..". */
static char *layout_of(const struct caps *caps, bool exact)
{
    struct graph *c;
    struct text t = {0};
    assert_ok(ocelli_graph_status(g));
    assert_ok(graph_clone(&g->g, &c));
    assert_ok(graph_prune(c));
    assert_ok(graph_fold(c));
    assert_ok(graph_fuse(c));
    assert_ok(graph_layout(c, caps, exact));
    assert_ok(graph_fuse_separable(c, caps));
    assert_ok(graph_hoist(c));
    for (int i = 0; i < c->n_nodes; i++) {
        const struct node *n = &c->node[i];
        struct problem p;
        node_problem(c, n, &p);
        assert_ok(problem_infer(&p));
        for (int j = 0; j < n->n_in; j++)
            if (n->in[j] != OCELLI_NONE)
                ck_assert_int_lt(c->value[n->in[j]].node, i);
        for (int k = 0; k < n->n_out; k++) {
            ck_assert_int_eq(c->value[n->out[k]].node, i);
            ck_assert(desc_equal(&c->value[n->out[k]].desc, &p.out[k]));
        }
        if (i < c->n_once)
            continue;
        text_add(&t, "%s%s", t.s ? " " : "", n->op->name);
        if (n->op == &op_conv2d_blocked && ((const struct conv2d_blocked_attr *)n->attr)->form == 2)
            text_add(&t, "/winograd");
        if (n->epi.residual >= 0)
            text_add(&t, "+add");
        if (n->epi.act.kind)
            text_add(&t, "+%s", act_info(n->epi.act.kind)->word);
        if (n->epi.grad_y >= 0)
            text_add(&t, "+grad");
    }
    graph_free(&c);
    return t.s;
}

static void assert_layout(const struct caps *caps, bool exact, const char *want)
{
    char *got = layout_of(caps, exact);
    ck_assert_str_eq(got ? got : "", want);
    free(got);
}

/* One reorder, at the end: what lies between convolutions follows them. */
static void chain(void)
{
    ocelli_value x = ocelli_relu(g, conv("c1", image(1, 3, 64, 64), 32, 3, 1, 1));
    ocelli_value y = ocelli_pool2d(g, x, &(struct ocelli_pool2d_params){.kernel = {2, 2}});
    x = ocelli_relu(g, ocelli_add(g, conv("c2", y, 32, 3, 1, 1), y));
    x = ocelli_lrn(g, ocelli_concat(g, (ocelli_value[]){x, y}, 2, 1),
                   &(struct ocelli_lrn_params){.size = 5});
    ocelli_output(g, "y", x);
}

START_TEST(stays_blocked)
{
    chain();
    assert_layout(
        &cpu, false,
        "conv2d_blocked+relu pool2d conv2d_blocked/winograd+add+relu concat lrn_blocked reorder");
    assert_layout(&cpu, true,
                  "conv2d_blocked+relu pool2d conv2d_blocked+add+relu concat lrn_blocked reorder");
}
END_TEST

START_TEST(only_on_cpus)
{
    struct caps gpu = cpu;
    chain();
    gpu.cpu_style = false;
    assert_layout(&gpu, false, "conv2d+relu pool2d conv2d+add+relu concat lrn");
}
END_TEST

START_TEST(small_ones_stay_plain)
{
    lenet(1, false);
    assert_layout(&cpu, false,
                  "conv2d+relu pool2d conv2d+relu pool2d reshape gemm+relu gemm+relu gemm");
}
END_TEST

/* Pixel by pixel the layouts are one, where there is one pixel. */
START_TEST(one_pixel_costs_nothing)
{
    ocelli_value x = conv("c", image(1, 3, 64, 64), 32, 3, 1, 1);
    ocelli_output(g, "y", ocelli_layer_dense(g, "fc", ocelli_gap(g, x), 10));
    char *got = layout_of(&cpu, false);
    ck_assert_str_eq(got, "conv2d_blocked gap reshape reshape gemm");
    free(got);
}
END_TEST

/* Layers of a MobileNet on c channels of n x n pixels. The second depthwise one keeps its result, the
 * last 1x1 convolution has a stride. */
static void separable(int n, int c)
{
    ocelli_value x = ocelli_relu(g, conv("stem", image(1, 3, n, n), c, 3, 1, 1));
    ocelli_value y = ocelli_relu(g, conv("d1", x, c, 3, 1, c));
    y = ocelli_relu(g, ocelli_add(g, conv("p1", y, c, 1, 0, 1), x));
    x = conv("d2", y, c, 3, 1, c);
    ocelli_output(g, "kept", x);
    x = ocelli_relu(g, conv("p2", x, c, 1, 0, 1));
    x = ocelli_relu(g, conv("d3", x, c, 3, 1, c));
    x = ocelli_layer_conv2d(
        g, "p3", x, c,
        &(struct ocelli_conv2d_params){.kernel = {1, 1}, .stride = {2, 2}});
    ocelli_output(g, "y", x);
}

START_TEST(depthwise_joins_the_next)
{
    separable(32, 32);
    assert_layout(&cpu, false,
                  "conv2d_blocked+relu separable_blocked+add+relu conv2d_blocked reorder "
                  "conv2d_blocked+relu conv2d_blocked+relu conv2d_blocked reorder");
}
END_TEST

/* Where the launch hardly counts. */
START_TEST(large_depthwise_stays_alone)
{
    separable(64, 256);
    char *got = layout_of(&cpu, false);
    ck_assert_ptr_null(strstr(got, "separable"));
    free(got);
}
END_TEST

/* 24 channels fill half of the second block with zeros, of which a sigmoid would make something
 * else. */
START_TEST(zeros_stay_zeros)
{
    ocelli_value x = ocelli_sigmoid(g, conv("c", image(1, 3, 64, 64), 24, 3, 1, 1));
    ocelli_output(g, "y", ocelli_tanh(g, x));
    assert_layout(&cpu, false, "conv2d+sigmoid unary");
}
END_TEST

/* What the caller has as halves: blocks are of floats. */
START_TEST(halves_stay_plain)
{
    const struct ocelli_conv2d_params same = {.kernel = {3, 3}, .pad = {1, 1, 1, 1}};
    ocelli_value x = ocelli_cast(g, image(1, 32, 64, 64), OCELLI_F16);
    ocelli_value w = ocelli_weight(g, "w", &OCELLI_SHAPE(32, 32, 3, 3), NULL);
    w = ocelli_cast(g, w, OCELLI_F16);
    x = ocelli_relu(g, ocelli_conv2d(g, x, w, &same));
    ocelli_output(g, "y", ocelli_cast(g, x, OCELLI_F32));
    assert_layout(&cpu, false, "cast conv2d+relu cast");
}
END_TEST

/* A convolution, whose bias would do nothing, and its normalisation. */
static ocelli_value norm(const char *name, ocelli_value x, int channels,
                         const struct ocelli_conv2d_params *p)
{
    struct ocelli_conv2d_params bare = *p;
    char conv[32];
    snprintf(conv, sizeof(conv), "%s.conv", name);
    bare.no_bias = true;
    x = ocelli_layer_conv2d(g, conv, x, channels, &bare);
    return ocelli_layer_batchnorm(g, name, x,
                                  &(struct ocelli_layer_batchnorm_params){.training = true});
}

static void minimise(ocelli_value logits)
{
    int batch = (int)ocelli_value_shape(g, logits).dim[0];
    ocelli_value labels = ocelli_input(g, "labels", OCELLI_I32, &OCELLI_SHAPE(batch));
    ocelli_value loss = ocelli_softmax_xent(g, logits, labels);
    ocelli_output(g, "loss", loss);
    assert_ok(ocelli_optimize(g, loss, &(struct ocelli_optimizer_params){.momentum = 0.9f}));
}

/* Neither on the way forward nor on the way back does anything change its layout. */
START_TEST(trains_in_blocks)
{
    const struct ocelli_conv2d_params same = {.kernel = {3, 3}, .pad = {1, 1, 1, 1}};
    ocelli_value x = ocelli_relu(g, norm("b1", image(4, 3, 64, 64), 32, &same));
    ocelli_value y = ocelli_pool2d(g, x, &(struct ocelli_pool2d_params){.kernel = {2, 2}});
    x = ocelli_relu(g, ocelli_add(g, norm("b2", y, 32, &same), y));
    minimise(ocelli_layer_dense(g, "fc", ocelli_gap(g, x), 10));
    char *got = layout_of(&cpu, false);
    ck_assert_ptr_null(strstr(got, "reorder"));
    ck_assert_ptr_null(strstr(got, "conv2d "));
    ck_assert_ptr_null(strstr(got, "conv2d_bwd"));
    ck_assert_ptr_null(strstr(got, "batchnorm_stats_bwd"));
    ck_assert_ptr_nonnull(strstr(got, "batchnorm+add+relu gap"));
    ck_assert_ptr_nonnull(strstr(got, "gap_bwd+grad batchnorm_sums batchnorm_bwd"));
    ck_assert_ptr_nonnull(strstr(got, "conv2d_blocked/winograd+add conv2d_blocked_bwd_weights "
                                      "pool2d_bwd+grad batchnorm_sums"));
    free(got);
}
END_TEST

/* ---- Results ---- */

static struct ocelli_device *dev;

/* All that the pass knows, with channels that fill no block, outputs inside, and readers of both
 * layouts. */
static void everything(int batch)
{
    const struct ocelli_pool2d_params average = {
        .kind = OCELLI_POOL_AVERAGE, .kernel = {3, 3}, .stride = {1, 1}, .pad = {1, 1, 1, 1}};
    ocelli_value x = ocelli_relu(g, conv("stem", image(batch, 3, 33, 31), 24, 5, 2, 1)), y, z;
    ocelli_output(g, "stem", x);
    x = ocelli_pool2d(
        g, x,
        &(struct ocelli_pool2d_params){.kernel = {3, 3}, .stride = {2, 2}, .ceil_mode = true});
    y = ocelli_relu(g, conv("wide", x, 48, 3, 1, 1));
    z = ocelli_tanh(g, conv("narrow", ocelli_pool2d(g, x, &average), 16, 1, 0, 1));
    x = ocelli_concat(g, (ocelli_value[]){y, z}, 2, 1);
    y = ocelli_relu(g, conv("depthwise", x, 64, 3, 1, 64));
    z = ocelli_relu(g, ocelli_add(g, conv("grouped", y, 64, 3, 1, 2), x));
    ocelli_output(g, "sum", ocelli_sigmoid(g, z));
    z = ocelli_binary(g, z, ocelli_lrn(g, y, &(struct ocelli_lrn_params){.size = 5, .alpha = 1}),
                      OCELLI_MUL);
    y = ocelli_reduce(g, z,
                      &(struct ocelli_reduce_params){.kind = OCELLI_REDUCE_MAX, .axes = 1 << 3});
    ocelli_output(g, "rows", y);
    ocelli_output(g, "score",
                  ocelli_layer_dense(g, "fc", ocelli_gap(g, conv("last", z, 40, 1, 0, 1)), 10));
}

static const char *const outputs[] = {"stem", "sum", "rows", "score"};

static struct ocelli_plan *run(const struct ocelli_plan_params *params)
{
    struct ocelli_plan *p;
    assert_ok(ocelli_plan_create(&p, dev, g, params));
    struct ocelli_tensor *x = ocelli_plan_tensor(p, "image");
    size_t bytes = ocelli_tensor_bytes(x);
    float *v = malloc(bytes);
    for (size_t i = 0; i < bytes / 4; i++)
        v[i] = (float)(i * 2654435761u % 256) / 128 - 1;
    assert_ok(ocelli_tensor_write(x, v, bytes));
    free(v);
    assert_ok(ocelli_plan_run(p));
    return p;
}

static float *values_of(struct ocelli_plan *p, const char *name, size_t *n)
{
    struct ocelli_tensor *t = ocelli_plan_tensor(p, name);
    *n = ocelli_tensor_bytes(t) / 4;
    float *v = malloc(*n * 4);
    assert_ok(ocelli_tensor_read(t, v, *n * 4));
    return v;
}

static void assert_close(struct ocelli_plan *p, struct ocelli_plan *q, double limit)
{
    for (int k = 0; k < (int)COUNT(outputs); k++) {
        size_t n, m;
        float *a = values_of(p, outputs[k], &n), *b = values_of(q, outputs[k], &m);
        double most = 0, largest = 0;
        ck_assert_uint_eq(n, m);
        for (size_t i = 0; i < n; i++) {
            most = fmax(most, fabs((double)a[i] - (double)b[i]));
            largest = fmax(largest, fabs((double)b[i]));
        }
        ck_assert_double_gt(largest, 0);
        ck_assert_msg(most <= limit * largest, "%s: %g of %g", outputs[k], most, largest);
        free(a);
        free(b);
    }
}

/* variant NULL: any */
static bool uses(struct ocelli_plan *p, const char *op, const char *variant)
{
    struct ocelli_step s;
    for (int i = 0; i < ocelli_plan_steps(p); i++) {
        assert_ok(ocelli_plan_step(p, i, &s));
        if (strcmp(s.op, op) == 0 && (!variant || strcmp(s.variant, variant) == 0))
            return true;
    }
    return false;
}

START_TEST(gives_what_plain_gives)
{
    const int batch = 1 + 2 * _i;
    everything(batch);
    struct ocelli_plan *plain = run(&(struct ocelli_plan_params){.seed = 5, .variant = "ref"});
    struct ocelli_plan *blocked = run(&(struct ocelli_plan_params){.seed = 5});
    struct ocelli_plan *exact = run(&(struct ocelli_plan_params){.seed = 5, .exact = true});
    ck_assert(!uses(plain, "conv2d_blocked", "ref"));
    ck_assert(!uses(exact, "conv2d_blocked", "winograd"));
    ck_assert(!uses(blocked, "concat", "ref")); /* its inputs are made in their places */
    assert_close(blocked, plain, 5e-5);
    assert_close(exact, plain, 1e-5);
    ocelli_plan_destroy(&plain);
    ocelli_plan_destroy(&blocked);
    ocelli_plan_destroy(&exact);
}
END_TEST

/* ---- Training ---- */

/* Every operation that follows, there and back, with channels that fill no block. */
static void everything_trained(void)
{
    const struct ocelli_pool2d_params average = {
        .kind = OCELLI_POOL_AVERAGE, .kernel = {3, 3}, .stride = {1, 1}, .pad = {1, 1, 1, 1}};
    const struct ocelli_pool2d_params halves = {.kernel = {3, 3}, .stride = {2, 2}};
    const struct ocelli_conv2d_params strided = {
        .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}};
    const struct ocelli_conv2d_params stem = {.kernel = {5, 5}, .pad = {2, 2, 2, 2}};
    const struct ocelli_conv2d_params depthwise = {
        .kernel = {3, 3}, .pad = {1, 1, 1, 1}, .groups = 64};
    const struct ocelli_conv2d_params apart = {
        .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}, .groups = 64, .no_bias = true};
    const struct ocelli_conv2d_params mix = {.kernel = {1, 1}};
    ocelli_value x = ocelli_relu(g, norm("b1", image(3, 3, 33, 31), 24, &stem)), y, z;
    x = ocelli_lrn(g, ocelli_pool2d(g, x, &halves),
                   &(struct ocelli_lrn_params){.size = 5, .alpha = 1});
    y = ocelli_relu(g, conv("wide", x, 48, 3, 1, 1));
    z = ocelli_tanh(g, conv("narrow", ocelli_pool2d(g, x, &average), 16, 1, 0, 1));
    x = ocelli_concat(g, (ocelli_value[]){y, z}, 2, 1);
    y = norm("b3", ocelli_layer_conv2d(g, "apart", x, 64, &apart), 40, &mix);
    z = ocelli_relu(g, norm("b2", x, 64, &depthwise));
    z = norm("b4", conv("grouped", z, 64, 3, 1, 2), 40, &strided);
    x = ocelli_relu(g, ocelli_add(g, y, z));
    x = ocelli_dropout(g, x, &(struct ocelli_dropout_params){.ratio = 0.3f, .seed = 5});
    x = ocelli_layer_dense(g, "flat", ocelli_concat(g, (ocelli_value[]){x, x}, 2, 2), 12);
    minimise(ocelli_layer_dense(g, "fc", ocelli_relu(g, x), 10));
}

/* Two steps' worth of training. */
static struct ocelli_plan *train(const struct ocelli_plan_params *params)
{
    struct ocelli_plan *p;
    const float lr = 0.05f;
    const int32_t labels[] = {3, 0, 9};
    assert_ok(ocelli_plan_create(&p, dev, g, params));
    struct ocelli_tensor *x = ocelli_plan_tensor(p, "image");
    size_t bytes = ocelli_tensor_bytes(x);
    float *v = malloc(bytes);
    for (size_t i = 0; i < bytes / 4; i++)
        v[i] = (float)(i * 2654435761u % 256) / 128 - 1;
    assert_ok(ocelli_tensor_write(x, v, bytes));
    free(v);
    assert_ok(ocelli_tensor_write(ocelli_plan_tensor(p, "labels"), labels, sizeof(labels)));
    assert_ok(ocelli_tensor_write(ocelli_plan_tensor(p, "lr"), &lr, sizeof(lr)));
    for (int step = 0; step < 2; step++)
        assert_ok(ocelli_plan_run(p));
    return p;
}

/* Largest difference of a tensor's elements, over the largest of b's. */
static double distance(struct ocelli_tensor *a, struct ocelli_tensor *b)
{
    const size_t n = ocelli_tensor_bytes(a) / 4;
    float *v = malloc(n * 4), *w = malloc(n * 4);
    double most = 0, largest = 0;
    ck_assert_uint_eq(ocelli_tensor_bytes(b), 4 * n);
    assert_ok(ocelli_tensor_read(a, v, n * 4));
    assert_ok(ocelli_tensor_read(b, w, n * 4));
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)v[i] - (double)w[i]));
        largest = fmax(largest, fabs((double)w[i]));
    }
    free(v);
    free(w);
    ck_assert_double_gt(largest, 0);
    return most / largest;
}

START_TEST(trains_as_plain_does)
{
    struct ocelli_weights *a, *b, *c;
    everything_trained();
    assert_ok(ocelli_weights_create(&a, dev, g, 5));
    assert_ok(ocelli_weights_create(&b, dev, g, 5));
    assert_ok(ocelli_weights_create(&c, dev, g, 5));
    struct ocelli_plan *plain = train(&(struct ocelli_plan_params){.weights = a, .variant = "ref"});
    struct ocelli_plan *blocked = train(&(struct ocelli_plan_params){.weights = b});
    struct ocelli_plan *again = train(&(struct ocelli_plan_params){.weights = c});
    ck_assert(!uses(plain, "conv2d_blocked", NULL) && !uses(plain, "reorder", NULL));
    static const char *const ops[] = {"conv2d_blocked", "conv2d_blocked_bwd_data",
                                      "conv2d_blocked_bwd_weights", "lrn_blocked",
                                      "lrn_blocked_bwd"};
    for (int i = 0; i < (int)COUNT(ops); i++)
        ck_assert_msg(uses(blocked, ops[i], NULL), "%s", ops[i]);
    ck_assert(uses(blocked, "conv2d_blocked_bwd_data", "depthwise"));
    ck_assert(!uses(blocked, "conv2d_bwd_data", NULL) &&
              !uses(blocked, "conv2d_bwd_weights", NULL));
    double loss = distance(ocelli_plan_tensor(blocked, "loss"), ocelli_plan_tensor(plain, "loss"));
    ck_assert_msg(loss <= 1e-5, "loss: %g", loss);
    for (int i = 0; i < ocelli_weights_count(a); i++) {
        const char *name = ocelli_weights_name(a, i);
        double d = distance(ocelli_weights_tensor(b, name), ocelli_weights_tensor(a, name));
        ck_assert_msg(d <= 1e-3, "%s: %g", name, d);
        ck_assert(distance(ocelli_weights_tensor(b, name), ocelli_weights_tensor(c, name)) == 0);
    }
    ocelli_plan_destroy(&plain);
    ocelli_plan_destroy(&blocked);
    ocelli_plan_destroy(&again);
    ocelli_weights_destroy(&a);
    ocelli_weights_destroy(&b);
    ocelli_weights_destroy(&c);
}
END_TEST

/* ---- Packed matrices ---- */

/* One large matrix read transposed and one as it lies, the latter twice; another is small. */
static ocelli_value products(int rows)
{
    const struct ocelli_gemm_params trans_b = {.trans_b = true};
    ocelli_value x = ocelli_reshape(g, image(rows, 3, 7, 5), &OCELLI_SHAPE(rows, 105));
    ocelli_value w = ocelli_weight(g, "w", &OCELLI_SHAPE(176, 105), NULL);
    ocelli_value u = ocelli_weight(g, "u", &OCELLI_SHAPE(176, 100), NULL);
    x = ocelli_relu(g, ocelli_gemm(g, x, w, &trans_b));
    x = ocelli_add(g, ocelli_gemm(g, x, u, NULL),
                   ocelli_sigmoid(g, ocelli_gemm(g, ocelli_relu(g, x), u, NULL)));
    x = ocelli_layer_dense(g, "fc", x, 10);
    ocelli_output(g, "y", x);
    return x;
}

static void count_packed(const struct caps *caps, int *packed, int *packs, int *once)
{
    struct graph *c;
    *packed = *packs = 0;
    assert_ok(ocelli_graph_status(g));
    assert_ok(graph_clone(&g->g, &c));
    assert_ok(graph_prune(c));
    assert_ok(graph_fuse(c));
    assert_ok(graph_pack(c, caps));
    assert_ok(graph_hoist(c));
    for (int i = 0; i < c->n_nodes; i++) {
        struct problem p;
        node_problem(c, &c->node[i], &p);
        assert_ok(problem_infer(&p));
        *packed += c->node[i].op == &op_gemm_packed;
        *packs += c->node[i].op == &op_conv2d_pack;
    }
    *once = c->n_once;
    graph_free(&c);
}

/* Where it pays, and where nothing changes the matrix. */
START_TEST(packs_what_is_fixed)
{
    static const struct {
        int rows;
        bool cpu, trains;
        int packed, packs;
    } cases[] = {
        {40, true, false, 3, 2},
        {40, false, false, 0, 0},
        {16, true, false, 0, 0},
        {40, true, true, 0, 0},
    };
    for (size_t k = 0; k < COUNT(cases); k++) {
        struct caps caps = cpu;
        int packed, packs, once;
        caps.cpu_style = cases[k].cpu;
        ocelli_graph_destroy(&g);
        assert_ok(ocelli_graph_create(&g));
        ocelli_value y = products(cases[k].rows);
        if (cases[k].trains)
            minimise(y);
        count_packed(&caps, &packed, &packs, &once);
        ck_assert_int_eq(packed, cases[k].packed);
        ck_assert_int_eq(packs, cases[k].packs);
        ck_assert_int_eq(once, 3 * packs); /* with a renaming before and behind each */
    }
}
END_TEST

START_TEST(packed_gives_the_same)
{
    products(40);
    struct ocelli_plan *plain = run(&(struct ocelli_plan_params){.seed = 5, .variant = "ref"});
    struct ocelli_plan *packed = run(&(struct ocelli_plan_params){.seed = 5});
    ck_assert(!uses(plain, "gemm_packed", NULL) && uses(packed, "gemm_packed", "block"));
    ck_assert_double_le(distance(ocelli_plan_tensor(packed, "y"), ocelli_plan_tensor(plain, "y")),
                        1e-5);
    ocelli_plan_destroy(&plain);
    ocelli_plan_destroy(&packed);
}
END_TEST

static void open_device(void)
{
    assert_ok(ocelli_device_open(&dev, NULL));
}

static void close_device(void)
{
    ocelli_device_close(&dev);
}

int main(void)
{
    Suite *s = suite_create("layout");
    TCase *tc = tcase_create("graph");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, stays_blocked);
    tcase_add_test(tc, only_on_cpus);
    tcase_add_test(tc, small_ones_stay_plain);
    tcase_add_test(tc, one_pixel_costs_nothing);
    tcase_add_test(tc, depthwise_joins_the_next);
    tcase_add_test(tc, large_depthwise_stays_alone);
    tcase_add_test(tc, zeros_stay_zeros);
    tcase_add_test(tc, halves_stay_plain);
    tcase_add_test(tc, trains_in_blocks);
    tcase_add_test(tc, packs_what_is_fixed);
    suite_add_tcase(s, tc);
    tc = tcase_create("results");
    tcase_add_unchecked_fixture(tc, open_device, close_device);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, gives_what_plain_gives, 0, 2);
    tcase_add_test(tc, trains_as_plain_does);
    tcase_add_test(tc, packed_gives_the_same);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
