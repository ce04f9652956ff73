/* Plans: the same numbers however they are planned, the memory that was promised, the steps. */
#include "plan_nets.h"

static struct ocelli_device *dev;

static void open_device(void)
{
    assert_ok(ocelli_device_open(&dev, &(struct ocelli_device_params){.profile = true}));
}

static void close_device(void)
{
    ocelli_device_close(&dev);
}

/* ---- One result however it is planned ---- */

static const struct ocelli_plan_params ways[] = {
    {.seed = 3, .variant = "ref"},
    {.seed = 3, .no_fusion = true},
    {.seed = 3, .no_reuse = true},
    {.seed = 3, .no_fusion = true, .no_reuse = true, .variant = "ref"},
};
START_TEST(planned_in_any_way)
{
    int net = _i / (int)COUNT(ways), way = _i % (int)COUNT(ways);
    struct ocelli_graph *g = make(net, BATCH, LOSS);
    struct ocelli_plan *p, *q;
    struct ocelli_weights *w = train(dev, g, &(struct ocelli_plan_params){.seed = 3}, 1, &p);
    struct ocelli_weights *v = train(dev, g, &ways[way], 1, &q);
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

/* The images of a batch do not know of each other: the first ones of a larger batch give what a
 * smaller one gives. */
START_TEST(batch_sizes)
{
    const int sizes[] = {1, 3, 7};
    float *seen[COUNT(sizes)];
    size_t n[COUNT(sizes)];
    for (int b = 0; b < (int)COUNT(sizes); b++) {
        struct ocelli_graph *g = make(_i, sizes[b], FORWARD);
        struct ocelli_plan *p;
        struct ocelli_weights *w = train(dev, g, &(struct ocelli_plan_params){.seed = 3}, 1, &p);
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
    struct ocelli_weights *w = train(dev, g, &(struct ocelli_plan_params){.seed = 3}, 3, &p);
    struct ocelli_weights *v = train(dev, g, &ways[way], 3, &q);
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
    struct ocelli_weights *w = train(dev, g, &params, 4, &p), *v = train(dev, g, &params, 4, &q);
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
    {.kind = OCELLI_RMSPROP},
    {.kind = OCELLI_RMSPROP, .momentum = 0.9f, .decay = 0.9f, .weight_decay = 0.1f},
    {.kind = OCELLI_ADAGRAD},
    {.kind = OCELLI_ADAM},
    {.kind = OCELLI_ADAM, .momentum = 0.5f, .decay = 0.9f, .weight_decay = 0.1f, .decoupled = true},
};

/* One step of PyTorch's optimisers for weight *w, with the states v and s; t counts from 1. */
static void step_by_formula(const struct ocelli_optimizer_params *o, double lr, double grad, int t,
                            double *w, double *v, double *s)
{
    bool adam = o->kind == OCELLI_ADAM;
    double rho = o->decay != 0 ? (double)o->decay : adam ? 0.999 : 0.99;
    double mu = o->momentum != 0 ? (double)o->momentum : adam ? 0.9 : 0;
    double eps = o->kind == OCELLI_ADAGRAD ? 1e-10 : 1e-8;
    double d = grad + (o->decoupled ? 0 : (double)o->weight_decay * *w);
    if (o->decoupled)
        *w -= lr * (double)o->weight_decay * *w;
    *s = o->kind == OCELLI_ADAGRAD ? *s + d * d : rho * *s + (1 - rho) * d * d;
    if (adam) {
        *v = mu * *v + (1 - mu) * d;
        *w -= lr * *v / (1 - pow(mu, t)) / (sqrt(*s / (1 - pow(rho, t))) + eps);
        return;
    }
    if (o->kind == OCELLI_RMSPROP || o->kind == OCELLI_ADAGRAD)
        d /= sqrt(*s) + eps;
    *v = mu * *v + d;
    *w -= lr * (o->kind == OCELLI_NESTEROV ? d + mu * *v : *v);
}

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
    double want[3] = {1, 1, 1}, v[3] = {0}, s[3] = {0};
    for (int t = 0; t < 3; t++) {
        assert_ok(ocelli_tensor_write(ocelli_plan_tensor(p, "lr"), &(float){(float)lr[t]}, 4));
        assert_ok(ocelli_plan_run(p));
        for (int c = 0; c < 3; c++) {
            double d = ((double)x[c] + (double)x[3 + c]) / 6;
            step_by_formula(o, lr[t], d, t + 1, &want[c], &v[c], &s[c]);
        }
    }
    size_t n;
    float *got = values(ocelli_weights_tensor(w, "w"), &n);
    for (int c = 0; c < 3; c++)
        ck_assert_double_eq_tol((double)got[c], want[c], 2e-6 * (1 + fabs(want[c])));
    free(got);
    ocelli_plan_destroy(&p);
    ocelli_weights_destroy(&w);
    ocelli_graph_destroy(&g);
}
END_TEST

/* ---- Memory ---- */

START_TEST(memory_is_as_predicted)
{
    enum mode modes[] = {FORWARD, TRAIN};
    for (int i = 0; i < 8; i++) {
        struct ocelli_graph *g = make(_i, BATCH, modes[i & 1]);
        struct ocelli_plan_params q = {.no_fusion = i & 2, .no_reuse = i & 4};
        struct ocelli_plan *p;
        struct ocelli_plan_memory m;
        uint64_t before = allocated(dev);
        assert_ok(ocelli_plan_create(&p, dev, g, &q));
        ocelli_plan_get_memory(p, &m);
        ck_assert_uint_eq(allocated(dev) - before, m.peak - m.setup);
        ck_assert_uint_eq(m.peak, m.weights + m.prepared + m.io + m.arena + m.setup);
        ck_assert_uint_ge(m.arena, m.live);
        ck_assert_uint_ge(m.live, m.scratch);
        ck_assert_uint_ge(m.weights + m.prepared, (uint64_t)ocelli_graph_parameters(g) * 4);
        if (!q.no_reuse) /* near what no plan can do without; small values pay for alignment */
            ck_assert_uint_le(m.arena, m.live + m.live / 10 + 4096);
        assert_ok(ocelli_plan_run(p));
        ck_assert_uint_eq(allocated(dev) - before, m.peak - m.setup);
        ocelli_plan_destroy(&p);
        ck_assert_uint_eq(allocated(dev), before);

        struct ocelli_weights *w;
        assert_ok(ocelli_weights_create(&w, dev, g, 1));
        uint64_t shared = allocated(dev) - before;
        q.weights = w;
        assert_ok(ocelli_plan_create(&p, dev, g, &q));
        ocelli_plan_get_memory(p, &m);
        ck_assert_uint_eq(m.weights, shared);
        ck_assert_uint_eq(m.setup, 0);
        ck_assert_uint_eq(allocated(dev) - before, m.peak);
        ocelli_plan_destroy(&p);
        ocelli_weights_destroy(&w);
        ck_assert_uint_eq(allocated(dev), before);
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

/* ---- Steps ---- */

START_TEST(steps)
{
    struct ocelli_graph *g = make(0, BATCH, TRAIN);
    struct ocelli_plan *p;
    struct ocelli_step s;
    struct ocelli_weights *w = train(dev, g, &(struct ocelli_plan_params){.seed = 1}, 2, &p);
    double flops = 0, ms = 0;
    ck_assert_int_gt(ocelli_plan_steps(p), 20);
    for (int i = 0; i < ocelli_plan_steps(p); i++) {
        assert_ok(ocelli_plan_step(p, i, &s));
        ck_assert(s.text && s.layer && s.op && s.variant && s.kernel && s.global[0] > 0);
        ck_assert_ptr_nonnull(strstr(s.text, "gws="));
        flops += s.flops;
        ms += s.ms;
    }
    /* forward, and twice that backward but for the first layer's data: 2 * (3 * 416,520 - 117,600)
     * an image; what packs, updates and so on comes on top */
    ck_assert_double_gt(flops, BATCH * 2 * (3 * 416520.0 - 117600));
    ck_assert_double_lt(flops, 1.4 * BATCH * 2 * (3 * 416520.0 - 117600));
    ck_assert_double_gt(ms, 0);
    assert_fails(ocelli_plan_step(p, ocelli_plan_steps(p), &s), OCELLI_ERR_INVALID, "step");
    ocelli_plan_destroy(&p);
    ocelli_weights_destroy(&w);
    ocelli_graph_destroy(&g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("plan");
    TCase *tc = tcase_create("plan");
    tcase_add_unchecked_fixture(tc, open_device, close_device);
    tcase_add_loop_test(tc, planned_in_any_way, 0, (int)(COUNT(nets) * COUNT(ways)));
    tcase_add_loop_test(tc, batch_sizes, 0, (int)COUNT(nets));
    tcase_add_loop_test(tc, trained_in_any_way, 0, (int)(COUNT(nets) * COUNT(ways)));
    tcase_add_test(tc, runs_repeat_bit_for_bit);
    tcase_add_loop_test(tc, optimizer_step, 0, (int)COUNT(optimizers));
    tcase_add_loop_test(tc, memory_is_as_predicted, 0, (int)COUNT(nets));
    tcase_add_loop_test(tc, reuse_saves, 0, (int)COUNT(nets));
    tcase_add_test(tc, steps);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
