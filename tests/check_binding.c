/* What a plan is bound to: the caller's tensors as inputs and outputs, and weights. */
#include "plan_nets.h"

#include <unistd.h>

static struct ocelli_device *dev;

static void open_device(void)
{
    assert_ok(ocelli_device_open(&dev, &(struct ocelli_device_params){.profile = true}));
}

static void close_device(void)
{
    ocelli_device_close(&dev);
}

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
    struct ocelli_weights *w = train(dev, t, &(struct ocelli_plan_params){.seed = 5}, 0, &p);
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
        ck_assert_double_eq_tol(
            distance(ocelli_plan_tensor(p, "loss"), ocelli_plan_tensor(q, "loss")), 0, 1e-5);
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
    {{0}, 0, 0.1414214, 0.2449490}, /* sqrt(6/100) */
    {{.kind = OCELLI_INIT_HE_UNIFORM}, 0, 0.1414214, 0.2449490},
    {{.kind = OCELLI_INIT_HE}, 0, 0.1414214, 0},             /* sqrt(2/100) */
    {{.kind = OCELLI_INIT_XAVIER}, 0, 0.0632456, 0.1095445}, /* sqrt(6/500) */
    {{.kind = OCELLI_INIT_XAVIER_NORMAL}, 0, 0.0632456, 0},
    {{.kind = OCELLI_INIT_LECUN}, 0, 0.1, 0.1732051}, /* sqrt(3/100) */
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
    struct ocelli_graph *g = make(0, 1, TRAIN), *f = make(0, 1, FORWARD),
                        *other = make(1, 1, FORWARD);
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
                                 ocelli_weights_tensor(u, "conv1.weight")),
                        0);
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
    uint64_t before = allocated(dev);
    assert_ok(ocelli_weights_create(&w, dev, a, 1));
    const struct ocelli_plan_params q = {.weights = w};
    assert_fails(ocelli_plan_create(&p, dev, b, &q), OCELLI_ERR_SHAPE, "weight w");
    assert_fails(ocelli_plan_create(&p, dev, c, &q), OCELLI_ERR_SHAPE, "no v");
    assert_fails(
        ocelli_plan_create(&p, dev, a, &(struct ocelli_plan_params){.variant = "nonsense"}),
        OCELLI_ERR_INVALID, "nonsense");
    ck_assert_ptr_null(p);
    ck_assert_int_ge(close(mkstemp(path)), 0);
    assert_ok(ocelli_weights_save(w, path));
    ocelli_weights_destroy(&w);
    assert_ok(ocelli_weights_create(&w, dev, b, 1));
    assert_fails(ocelli_weights_load(w, path), OCELLI_ERR_SHAPE, "w is f32 4");
    unlink(path);
    ocelli_weights_destroy(&w);
    ck_assert_uint_eq(allocated(dev), before);
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

int main(void)
{
    Suite *s = suite_create("binding");
    TCase *tc = tcase_create("binding");
    tcase_add_unchecked_fixture(tc, open_device, close_device);
    tcase_add_test(tc, rebinding);
    tcase_add_test(tc, shared_memory);
    tcase_add_test(tc, bound_to_two_names);
    tcase_add_test(tc, weights_are_shared);
    tcase_add_test(tc, initial_weights);
    tcase_add_loop_test(tc, initialisers, 0, (int)COUNT(inits));
    tcase_add_test(tc, save_and_load);
    tcase_add_test(tc, refusals);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
