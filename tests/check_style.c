/* Whole networks with the kernels of graphics processors, on whatever device there is: against the
 * plainest kernels. */
#include "plan_nets.h"

#include "device/device.h"

static struct ocelli_device *dev;

static void open_device(void)
{
    ck_assert_int_eq(setenv("OCELLI_STYLE", "gpu", 1), 0);
    assert_ok(ocelli_device_open(&dev, NULL));
    ck_assert(!device_caps(dev)->cpu_style);
}

static void close_device(void)
{
    ocelli_device_close(&dev);
}

static const struct {
    int net;
    const char *variant;
} cases[] = {{0, NULL}, {1, NULL}, {1, "winograd"}};

/* Steps of the plan that some variant of graphics processors computes. */
static int own_steps(const struct ocelli_plan *p)
{
    int n = 0;
    for (int i = 0; i < ocelli_plan_steps(p); i++) {
        struct ocelli_step s;
        assert_ok(ocelli_plan_step((struct ocelli_plan *)p, i, &s));
        n += strstr(s.text, "/tile") || strstr(s.text, "/implicit") || strstr(s.text, "/winograd");
        ck_assert_ptr_null(strstr(s.text, "/direct"));
        ck_assert_ptr_null(strstr(s.text, "blocked"));
    }
    return n;
}

START_TEST(network)
{
    const struct ocelli_plan_params ref = {.seed = 3, .variant = "ref"};
    const struct ocelli_plan_params own = {.seed = 3, .variant = cases[_i].variant};
    struct ocelli_graph *g = make(cases[_i].net, BATCH, TRAIN);
    struct ocelli_plan *a, *b;
    struct ocelli_weights *u = train(dev, g, &ref, 2, &a), *v = train(dev, g, &own, 2, &b);
    ck_assert_int_eq(own_steps(a), 0);
    ck_assert_int_ge(own_steps(b), 5);
    ck_assert_double_lt(distance(ocelli_plan_tensor(a, "logits"), ocelli_plan_tensor(b, "logits")),
                        1e-4);
    ck_assert_double_lt(distance(ocelli_plan_tensor(a, "loss"), ocelli_plan_tensor(b, "loss")),
                        1e-4);
    for (int i = 0; i < ocelli_weights_count(u); i++)
        ck_assert_double_lt(distance(ocelli_weights_tensor(u, ocelli_weights_name(u, i)),
                                     ocelli_weights_tensor(v, ocelli_weights_name(v, i))),
                            1e-4);
    ocelli_plan_destroy(&a);
    ocelli_plan_destroy(&b);
    ocelli_weights_destroy(&u);
    ocelli_weights_destroy(&v);
    ocelli_graph_destroy(&g);
}
END_TEST

START_TEST(exact_keeps_winograd_out)
{
    struct ocelli_graph *g = make(1, 1, FORWARD);
    struct ocelli_plan *p;
    struct ocelli_step s;
    assert_ok(ocelli_plan_create(
        &p, dev, g, &(struct ocelli_plan_params){.exact = true, .variant = "winograd"}));
    for (int i = 0; i < ocelli_plan_steps(p); i++) {
        assert_ok(ocelli_plan_step(p, i, &s));
        ck_assert_ptr_null(strstr(s.text, "winograd"));
    }
    ocelli_plan_destroy(&p);
    ocelli_graph_destroy(&g);
}
END_TEST

/* A prediction with halves in memory: of its own weights and of given ones the same bits, near
 * float, in the memory that was predicted. */
START_TEST(half_storage)
{
    const struct ocelli_plan_params ref = {.seed = 3, .variant = "ref"};
    struct ocelli_plan_params half = {.seed = 3, .storage = OCELLI_F16};
    struct ocelli_graph *g = make(_i, BATCH, LOSS);
    struct ocelli_plan *a, *b, *c;
    struct ocelli_plan_memory m, f;
    struct ocelli_weights *w = train(dev, g, &ref, 1, &a), *v = train(dev, g, &half, 1, &c);
    const uint64_t before = allocated(dev);
    assert_ok(ocelli_plan_create(&b, dev, g, &half));
    ocelli_plan_get_memory(a, &f);
    ocelli_plan_get_memory(b, &m);
    ck_assert_uint_eq(allocated(dev) - before, m.peak - m.setup);
    ck_assert_uint_eq(m.setup, 0);
    ck_assert_uint_lt(m.weights, 0.55 * (double)f.weights);
    ck_assert_uint_lt(m.arena, 0.7 * (double)f.arena + 4096);
    fill_inputs(b, 40);
    assert_ok(ocelli_plan_run(b));
    /* Each of up to eight stored values on the way is off by 2^-11. */
    const double off = distance(ocelli_plan_tensor(a, "logits"), ocelli_plan_tensor(b, "logits"));
    ck_assert_double_lt(off, 8 * 0x1p-11);
    ck_assert_double_gt(off, 0x1p-14);
    ck_assert_double_eq(distance(ocelli_plan_tensor(b, "logits"), ocelli_plan_tensor(c, "logits")),
                        0);
    ck_assert_double_eq(distance(ocelli_plan_tensor(b, "loss"), ocelli_plan_tensor(c, "loss")), 0);
    ocelli_plan_destroy(&a);
    ocelli_plan_destroy(&b);
    ocelli_plan_destroy(&c);
    ocelli_weights_destroy(&w);
    ocelli_weights_destroy(&v);
    ocelli_graph_destroy(&g);
}
END_TEST

START_TEST(half_is_for_predictions)
{
    struct ocelli_graph *g = make(0, 1, TRAIN);
    struct ocelli_plan *p;
    assert_fails(
        ocelli_plan_create(&p, dev, g, &(struct ocelli_plan_params){.storage = OCELLI_F16}),
        OCELLI_ERR_UNSUPPORTED, "this graph trains");
    assert_fails(
        ocelli_plan_create(&p, dev, g, &(struct ocelli_plan_params){.storage = OCELLI_F64}),
        OCELLI_ERR_INVALID, "neither F32 nor F16");
    ocelli_graph_destroy(&g);
}
END_TEST

START_TEST(unknown_style)
{
    struct ocelli_device *d;
    ck_assert_int_eq(setenv("OCELLI_STYLE", "apu", 1), 0);
    assert_fails(ocelli_device_open(&d, NULL), OCELLI_ERR_INVALID, "apu");
    ck_assert_ptr_null(d);
    ck_assert_int_eq(setenv("OCELLI_STYLE", "gpu", 1), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("style");
    TCase *tc = tcase_create("graphics processor");
    tcase_set_timeout(tc, 300);
    tcase_add_unchecked_fixture(tc, open_device, close_device);
    tcase_add_loop_test(tc, network, 0, (int)COUNT(cases));
    tcase_add_test(tc, exact_keeps_winograd_out);
    tcase_add_test(tc, unknown_style);
    suite_add_tcase(s, tc);
    tc = tcase_create("half storage");
    tcase_set_timeout(tc, 300);
    tcase_add_unchecked_fixture(tc, open_device, close_device);
    tcase_add_loop_test(tc, half_storage, 2, 3);
    tcase_add_test(tc, half_is_for_predictions);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
