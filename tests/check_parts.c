/* Training under other circumstances, with the same result: batches in parts, on several devices,
 * below a cap on memory; and gradients cut to size. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <ocelli/ocelli.h>

#include "base/hash.h"
#include "base/mem.h"
#include "test.h"

enum { BATCH = 8, SIDE = 12, BLOCKS = 5, CLASSES = 3, STEPS = 3, MAX_LANES = 2 };
#define IMAGE (3 * SIDE * SIDE)
#define MOST 50000 /* elements of a weight */

/* PLAIN and NORM: convolutions; DENSE: layers whose steps are made one with their gradients. */
enum kind { PLAIN, NORM, DENSE };

static struct ocelli_device *dev;

static void setup(void)
{
    assert_ok(ocelli_device_open(&dev, NULL));
}

static void teardown(void)
{
    ocelli_device_close(&dev);
}

static ocelli_value dense(struct ocelli_graph *g, ocelli_value x)
{
    for (int i = 0; i < BLOCKS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "fc%d", i);
        x = ocelli_tanh(g, ocelli_layer_dense(g, name, x, i % 2 ? 400 : 96));
        if (i % 2 == 1)
            x = ocelli_dropout(g, x, &(struct ocelli_dropout_params){.ratio = 0.25f, .seed = i});
    }
    return x;
}

/* Residuals and dropout, normalised or not. */
static ocelli_value convolutions(struct ocelli_graph *g, ocelli_value x, bool norm)
{
    for (int i = 0; i < BLOCKS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "conv%d", i);
        ocelli_value y = ocelli_layer_conv2d(
            g, name, x, 6, &(struct ocelli_conv2d_params){.kernel = {3}, .pad = {1, 1, 1, 1}});
        snprintf(name, sizeof(name), "norm%d", i);
        if (norm)
            y = ocelli_layer_batchnorm(g, name, y,
                                       &(struct ocelli_layer_batchnorm_params){.training = true});
        y = ocelli_tanh(g, y);
        if (i % 2 == 1)
            y = ocelli_dropout(g, y, &(struct ocelli_dropout_params){.ratio = 0.25f, .seed = i});
        x = i > 0 ? ocelli_add(g, x, y) : y;
    }
    return ocelli_gap(g, x);
}

/* Its loss. */
static ocelli_value network(struct ocelli_graph *g, int batch, enum kind kind)
{
    ocelli_value x = ocelli_input(g, "image", OCELLI_F32, &OCELLI_SHAPE(batch, 3, SIDE, SIDE));
    ocelli_value labels = ocelli_input(g, "labels", OCELLI_I32, &OCELLI_SHAPE(batch));
    x = kind == DENSE ? dense(g, x) : convolutions(g, x, kind == NORM);
    x = ocelli_layer_dense(g, "fc", x, CLASSES);
    return ocelli_softmax_xent_smoothed(g, x, labels, 0.1f);
}

/* Images `first` and on of a step's batch. */
static void put_images(struct ocelli_plan *plan, int step, int first, int n)
{
    float image[BATCH * IMAGE];
    int32_t label[BATCH];
    for (int i = 0; i < n; i++) {
        label[i] = (first + i) % CLASSES;
        for (int k = 0; k < IMAGE; k++) {
            uint64_t at = (uint64_t)((step * BATCH + first + i) * IMAGE + k);
            image[i * IMAGE + k] = (float)random_normal(5, 1, at) + 0.2f * (float)label[i];
        }
    }
    assert_ok(ocelli_tensor_write(ocelli_plan_tensor(plan, "image"), image,
                                  sizeof(float) * (size_t)(n * IMAGE)));
    assert_ok(ocelli_tensor_write(ocelli_plan_tensor(plan, "labels"), label,
                                  sizeof(int32_t) * (size_t)n));
}

static void put_rate(struct ocelli_plan *plan, float lr)
{
    assert_ok(ocelli_tensor_write(ocelli_plan_tensor(plan, "lr"), &lr, sizeof(lr)));
}

static size_t content(const struct ocelli_weights *w, const char *name, float *out, size_t room)
{
    struct ocelli_tensor *t = ocelli_weights_tensor(w, name);
    ck_assert_ptr_nonnull(t);
    ck_assert_uint_le(ocelli_tensor_bytes(t), room * sizeof(float));
    assert_ok(ocelli_tensor_read(t, out, ocelli_tensor_bytes(t)));
    return ocelli_tensor_bytes(t) / sizeof(float);
}

/* ---- In one piece ---- */

struct whole {
    struct ocelli_graph *g;
    struct ocelli_weights *w;
    struct ocelli_plan *plan;
};

static int whole_init(struct whole *x, enum kind kind, const struct ocelli_optimizer_params *p,
                      uint64_t cap)
{
    *x = (struct whole){0};
    assert_ok(ocelli_graph_create(&x->g));
    assert_ok(ocelli_optimize(x->g, network(x->g, BATCH, kind), p));
    assert_ok(ocelli_weights_create(&x->w, dev, x->g, 3));
    return ocelli_plan_create(
        &x->plan, dev, x->g,
        &(struct ocelli_plan_params){
            .weights = x->w, .memory_cap = cap, .variant = kind == DENSE ? NULL : "ref"});
}

static void whole_run(struct whole *x, int steps, float lr)
{
    put_rate(x->plan, lr);
    for (int s = 0; s < steps; s++) {
        put_images(x->plan, s, 0, BATCH);
        assert_ok(ocelli_plan_run(x->plan));
    }
}

static void whole_free(struct whole *x)
{
    ocelli_plan_destroy(&x->plan);
    ocelli_weights_destroy(&x->w);
    ocelli_graph_destroy(&x->g);
}

/* ---- In parts, on lanes that are all on one device ---- */

struct parts {
    struct ocelli_graph *g[MAX_LANES], *u;
    struct ocelli_weights *w[MAX_LANES];
    struct ocelli_plan *plan[MAX_LANES], *update;
    int parts, lanes;
};

static void parts_init(struct parts *x, int parts, int lanes,
                       const struct ocelli_optimizer_params *p)
{
    *x = (struct parts){.parts = parts, .lanes = lanes};
    for (int d = 0; d < lanes; d++) {
        assert_ok(ocelli_graph_create(&x->g[d]));
        ocelli_value loss = network(x->g[d], BATCH / parts / lanes, PLAIN);
        assert_ok(ocelli_optimize_part(x->g[d], loss, &(struct ocelli_part){parts, lanes, d}));
        assert_ok(ocelli_weights_create(&x->w[d], dev, x->g[d], 3));
        assert_ok(
            ocelli_plan_create(&x->plan[d], dev, x->g[d],
                               &(struct ocelli_plan_params){.weights = x->w[d], .variant = "ref"}));
    }
    assert_ok(ocelli_optimize_update(&x->u, x->g[0], p));
    assert_ok(ocelli_weights_extend(x->w[0], x->u, 3));
    assert_ok(ocelli_plan_create(
        &x->update, dev, x->u, &(struct ocelli_plan_params){.weights = x->w[0], .variant = "ref"}));
}

/* From lane d to lane 0, added, or from lane 0 to lane d, everything of which the name ends so. */
static void carry(struct parts *x, const char *end, bool add)
{
    for (int i = 0; i < ocelli_weights_count(x->w[0]); i++) {
        const char *name = ocelli_weights_name(x->w[0], i), *dot = strrchr(name, '.');
        float sum[600], more[600];
        if (!dot || strcmp(dot, end) != 0)
            continue;
        size_t n = content(x->w[0], name, sum, COUNT(sum));
        for (int d = 1; d < x->lanes; d++) {
            if (add) {
                content(x->w[d], name, more, COUNT(more));
                for (size_t k = 0; k < n; k++)
                    sum[k] += more[k];
            }
            assert_ok(ocelli_tensor_write(ocelli_weights_tensor(x->w[add ? 0 : d], name), sum,
                                          n * sizeof(float)));
        }
    }
}

static void parts_run(struct parts *x, int steps, float lr)
{
    int n = BATCH / x->parts / x->lanes;
    put_rate(x->update, lr);
    for (int s = 0; s < steps; s++) {
        for (int k = 0; k < x->parts; k++)
            for (int d = 0; d < x->lanes; d++) {
                put_images(x->plan[d], s, (k * x->lanes + d) * n, n);
                assert_ok(ocelli_plan_run(x->plan[d]));
            }
        carry(x, ".gradient", true);
        assert_ok(ocelli_plan_run(x->update));
        carry(x, ".weight", false);
        carry(x, ".bias", false);
    }
}

static void parts_free(struct parts *x)
{
    ocelli_plan_destroy(&x->update);
    for (int d = 0; d < x->lanes; d++) {
        ocelli_plan_destroy(&x->plan[d]);
        ocelli_weights_destroy(&x->w[d]);
        ocelli_graph_destroy(&x->g[d]);
    }
    ocelli_graph_destroy(&x->u);
}

static const struct ocelli_optimizer_params kinds[] = {
    {.momentum = 0.9f, .weight_decay = 0.01f},
    {.kind = OCELLI_NESTEROV, .momentum = 0.9f, .weight_decay = 0.01f, .decoupled = true},
    {.kind = OCELLI_ADAM, .clip_norm = 0.5f, .log_norms = true},
};

/* Weights after some steps agree with those of the whole batch, and moved. */
START_TEST(test_parts)
{
    static const int ways[][2] = {{1, 1}, {4, 1}, {1, 2}, {2, 2}};
    struct whole whole;
    const float lr = _i == 2 ? 0.01f : 0.1f;
    assert_ok(whole_init(&whole, PLAIN, &kinds[_i], 0));
    whole_run(&whole, STEPS, lr);
    for (size_t k = 0; k < COUNT(ways); k++) {
        struct parts parts;
        double moved = 0;
        parts_init(&parts, ways[k][0], ways[k][1], &kinds[_i]);
        float before[600], want[600], got[600];
        content(parts.w[0], "conv1.weight", before, COUNT(before));
        parts_run(&parts, STEPS, lr);
        for (int i = 0; i < ocelli_weights_count(whole.w); i++) {
            const char *name = ocelli_weights_name(whole.w, i), *dot = strrchr(name, '.');
            if (!dot || (strcmp(dot, ".weight") != 0 && strcmp(dot, ".bias") != 0))
                continue;
            size_t n = content(whole.w, name, want, COUNT(want));
            content(parts.w[0], name, got, COUNT(got));
            for (size_t e = 0; e < n; e++) {
                ck_assert_msg(fabsf(got[e] - want[e]) < 2e-5f * (1 + fabsf(want[e])),
                              "%d parts on %d: %s[%zu] is %.9g, not %.9g", ways[k][0], ways[k][1],
                              name, e, (double)got[e], (double)want[e]);
                if (strcmp(name, "conv1.weight") == 0)
                    moved += fabs((double)want[e] - before[e]);
            }
        }
        ck_assert(moved > 0.1);
        parts_free(&parts);
    }
    whole_free(&whole);
}
END_TEST

START_TEST(test_parts_refused)
{
    struct ocelli_graph *g, *u;
    assert_ok(ocelli_graph_create(&g));
    assert_fails(ocelli_optimize_update(&u, g, NULL), OCELLI_ERR_INVALID, "no gradients");
    assert_fails(ocelli_optimize_part(g, network(g, 2, PLAIN), &(struct ocelli_part){1, 2, 2}),
                 OCELLI_ERR_INVALID, "device 2 of 2");
    ocelli_graph_destroy(&g);
}
END_TEST

/* ---- Gradients cut to size ---- */

/* w before minus w after a step of plain descent with rate 1 is the gradient that it took: its
 * norm, that of the filters alone, and its largest element; and what was logged. */
struct taken {
    double norm, filters, most, logged;
};

static struct taken step_taken(const struct ocelli_optimizer_params *p)
{
    struct taken t = {0};
    struct whole x;
    float before[2 * BLOCKS + 3][600], after[600], norms[BLOCKS + 1];
    size_t n;
    assert_ok(whole_init(&x, PLAIN, p, 0));
    ck_assert_int_eq(ocelli_weights_count(x.w), 2 * BLOCKS + 3); /* with the counter of runs */
    for (int i = 0; i < 2 * BLOCKS + 3; i++)
        content(x.w, ocelli_weights_name(x.w, i), before[i], 600);
    whole_run(&x, 1, 1);
    for (int i = 0; i < 2 * BLOCKS + 3; i++) {
        const char *name = ocelli_weights_name(x.w, i);
        n = content(x.w, name, after, 600);
        for (size_t k = 0; strchr(name, '.') && k < n; k++) {
            double d = (double)before[i][k] - after[k];
            t.norm += d * d;
            t.filters += strstr(name, ".weight") ? d * d : 0;
            t.most = fmax(t.most, fabs(d));
        }
    }
    if (p->log_norms) {
        assert_ok(
            ocelli_tensor_read(ocelli_plan_tensor(x.plan, "gradient_norms"), norms, sizeof(norms)));
        for (int i = 0; i <= BLOCKS; i++)
            t.logged += (double)norms[i] * norms[i];
    }
    whole_free(&x);
    return (struct taken){sqrt(t.norm), sqrt(t.filters), t.most, sqrt(t.logged)};
}

START_TEST(test_clipped)
{
    struct ocelli_optimizer_params p = {.log_norms = true};
    const struct taken all = step_taken(&p);
    ck_assert(all.norm > 0.05 && all.filters > 0.01);
    ck_assert_msg(fabs(all.logged - all.filters) < 1e-4 * all.filters, "logged %g, not %g",
                  all.logged, all.filters);
    p.clip_norm = (float)all.norm / 3;
    struct taken cut = step_taken(&p);
    ck_assert_msg(fabs(cut.norm - all.norm / 3) < 1e-3 * all.norm, "%g of %g", cut.norm, all.norm);
    ck_assert(fabs(cut.most / all.most - 1.0 / 3) < 1e-3);
    ck_assert(fabs(cut.logged - all.logged) < 1e-5); /* as it came */
    p.clip_norm = (float)all.norm * 2;
    cut = step_taken(&p);
    ck_assert(fabs(cut.norm - all.norm) < 1e-5 * all.norm); /* left alone */
    p = (struct ocelli_optimizer_params){.clip_value = (float)all.most / 2};
    cut = step_taken(&p);
    ck_assert(fabs(cut.most - all.most / 2) < 1e-6 && cut.norm < all.norm &&
              cut.norm > all.norm / 4);
}
END_TEST

/* ---- Below a cap ---- */

static struct ocelli_plan_memory memory_of(const struct whole *x)
{
    struct ocelli_plan_memory m;
    ocelli_plan_get_memory(x->plan, &m);
    return m;
}

static void assert_same(const struct ocelli_weights *a, const struct ocelli_weights *b)
{
    for (int i = 0; i < ocelli_weights_count(a); i++) {
        const char *name = ocelli_weights_name(a, i);
        static float x[MOST], y[MOST];
        size_t n = content(a, name, x, MOST);
        content(b, name, y, MOST);
        ck_assert_msg(memcmp(x, y, n * sizeof(float)) == 0, "%s differs", name);
    }
}

static int count_steps(const struct whole *x, const char *op)
{
    int count = 0;
    for (int i = 0; i < ocelli_plan_steps(x->plan); i++) {
        struct ocelli_step s;
        assert_ok(ocelli_plan_step(x->plan, i, &s));
        count += strcmp(s.op, op) == 0;
    }
    return count;
}

static uint64_t allocated(void)
{
    struct ocelli_device_stats s;
    ocelli_device_get_stats(dev, &s);
    return s.bytes_allocated;
}

/* Weights, momentum, running averages and the counter of dropout: the same bits. */
START_TEST(test_cap)
{
    const struct ocelli_optimizer_params *p = &kinds[0];
    struct whole free_one, x;
    const enum kind kind = _i == 0 ? NORM : DENSE;
    assert_ok(whole_init(&free_one, kind, p, 0));
    ck_assert_int_eq(count_steps(&free_one, "gemm_sgd"), kind == DENSE ? BLOCKS : 0);
    const struct ocelli_plan_memory m = memory_of(&free_one);
    uint64_t peak = m.peak, least = 0;
    ck_assert_int_eq(m.recomputed, 0);
    whole_run(&free_one, STEPS, 0.1f);
    ck_assert_int_eq(whole_init(&x, kind, p, 1), OCELLI_ERR_MEMORY);
    const char *number = strstr(ocelli_error(), "at least ");
    ck_assert_msg(number && sscanf(number, "at least %" SCNu64, &least) == 1, "%s", ocelli_error());
    ck_assert_msg(peak - least > m.arena / 4, "least %d of %d, arena %d", (int)least, (int)peak,
                  (int)m.arena);
    whole_free(&x);
    assert_fails(whole_init(&x, kind, p, least - 1), OCELLI_ERR_MEMORY, "at least");
    whole_free(&x);
    for (int k = 0; k <= 4; k++) {
        uint64_t cap = least + (peak - least) * (uint64_t)k / 4, before = allocated();
        assert_ok(whole_init(&x, kind, p, cap));
        uint64_t predicted = memory_of(&x).peak;
        ck_assert_msg(predicted <= cap && predicted == allocated() - before,
                      "cap %d: predicted %d, allocated %d", (int)cap, (int)predicted,
                      (int)(allocated() - before));
        ck_assert(k == 4 ? memory_of(&x).recomputed == 0 : memory_of(&x).recomputed > 0);
        whole_run(&x, STEPS, 0.1f);
        assert_same(free_one.w, x.w);
        whole_free(&x);
    }
    assert_fails(
        ocelli_plan_create(&x.plan, dev, free_one.g,
                           &(struct ocelli_plan_params){.memory_cap = peak, .no_reuse = true}),
        OCELLI_ERR_INVALID, "memory cap");
    whole_free(&free_one);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("parts");
    TCase *t = tcase_create("parts");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 0);
    tcase_add_loop_test(t, test_parts, 0, (int)COUNT(kinds));
    tcase_add_test(t, test_parts_refused);
    tcase_add_test(t, test_clipped);
    tcase_add_loop_test(t, test_cap, 0, 2);
    suite_add_tcase(s, t);
    return run_suite(s);
}
