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
    return run_suite(s);
}
