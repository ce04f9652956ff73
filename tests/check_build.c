/* What is compiled when, as the user of a device sees it. */
#include <ocelli/ops.h>
#include <ocelli/plan.h>
#include <ocelli/preprocess.h>

#include "test.h"

static struct ocelli_device *dev;

/* What the device told. */
static struct {
    int calls, done, n;
} told;

static void listen(void *user, int done, int n)
{
    ck_assert_ptr_eq(user, &told);
    ck_assert_int_eq(done, told.done == told.n ? 1 : told.done + 1);
    if (done > 1)
        ck_assert_int_eq(n, told.n);
    told.calls++;
    told.done = done;
    told.n = n;
}

static void open_device(void)
{
    const struct ocelli_device_params p = {.no_cache = true, .building = listen, .building_user = &told};
    assert_ok(ocelli_device_open(&dev, &p));
    told.calls = told.done = told.n = 0;
}

static void close_device(void)
{
    ocelli_device_close(&dev);
}

/* Programs that planning this compiles; the graph goes. */
static int compiled(struct ocelli_graph *g, const char *variant)
{
    struct ocelli_device_stats before, after;
    struct ocelli_plan *plan;
    ocelli_device_get_stats(dev, &before);
    assert_ok(ocelli_plan_create(&plan, dev, g, &(struct ocelli_plan_params){.variant = variant}));
    ocelli_device_get_stats(dev, &after);
    ocelli_plan_destroy(&plan);
    ocelli_graph_destroy(&g);
    ck_assert_uint_eq(after.programs_cached, 0);
    return (int)(after.programs_built - before.programs_built);
}

/* Some operations that networks have, for images of any size. */
static struct ocelli_graph *net(int batch, int height, int width)
{
    struct ocelli_graph *g;
    assert_ok(ocelli_graph_create(&g));
    ocelli_value x = ocelli_input(g, "x", OCELLI_F32, &OCELLI_SHAPE(batch, 3, height, width));
    x = ocelli_layer_conv2d(g, "conv", x, 8, &(struct ocelli_conv2d_params){.kernel = {3}, .pad = {1, 1, 1, 1}});
    x = ocelli_relu(g, x);
    x = ocelli_pool2d(g, x, &(struct ocelli_pool2d_params){.kernel = {2}});
    x = ocelli_lrn(g, x, &(struct ocelli_lrn_params){.size = 5});
    x = ocelli_binary(g, x, x, OCELLI_MUL);
    x = ocelli_layer_dense(g, "fc", ocelli_gap(g, x), 10);
    ocelli_output(g, "p", ocelli_softmax(g, x));
    return g;
}

START_TEST(sizes_share_programs)
{
    int first = compiled(net(1, 20, 20), "ref");
    ck_assert_int_ge(first, 6);
    ck_assert_int_eq(compiled(net(1, 20, 20), "ref"), 0);
    ck_assert_int_eq(compiled(net(1, 34, 26), "ref"), 0);
    ck_assert_int_eq(compiled(net(5, 21, 37), "ref"), 0);
}
END_TEST

START_TEST(the_same_again_compiles_nothing)
{
    ck_assert_int_ge(compiled(net(2, 20, 20), NULL), 5);
    int calls = told.calls;
    ck_assert_int_eq(compiled(net(2, 20, 20), NULL), 0);
    ck_assert_int_eq(told.calls, calls);
}
END_TEST

static struct ocelli_graph *preparation(int height, int width, int channels, const char *how)
{
    struct ocelli_preprocess_params p;
    struct ocelli_graph *g;
    assert_ok(ocelli_preprocess_parse(&p, how, &OCELLI_SHAPE(1, 3, 64, 64)));
    assert_ok(ocelli_graph_create(&g));
    ocelli_value x = ocelli_input(g, "x", OCELLI_U8, &OCELLI_SHAPE(height, width, channels));
    ocelli_output(g, "y", ocelli_preprocess(g, x, &p));
    return g;
}

/* Whatever the size of a picture and the steps. */
START_TEST(pictures_share_a_program)
{
    static const char *const how[] = {"torchvision", "caffe", "keras", "unit"};
    ck_assert_int_eq(compiled(preparation(300, 400, 3, "torchvision"), NULL), 1);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(compiled(preparation(301, 77, 3, how[i]), NULL), 0);
        ck_assert_int_eq(compiled(preparation(70, 1000, 3, how[i]), NULL), 0);
    }
    ck_assert_int_eq(compiled(preparation(70, 80, 1, "unit"), NULL), 1);
    ck_assert_int_eq(compiled(preparation(90, 81, 1, "caffe"), NULL), 0);
}
END_TEST

START_TEST(the_listener_is_told_of_each)
{
    int n = compiled(net(1, 20, 20), NULL);
    ck_assert_int_eq(told.calls, n);
    ck_assert_int_eq(told.done, n);
    ck_assert_int_eq(told.n, n);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("build");
    TCase *t = tcase_create("build");
    tcase_add_checked_fixture(t, open_device, close_device);
    tcase_set_timeout(t, 300);
    tcase_add_test(t, sizes_share_programs);
    tcase_add_test(t, the_same_again_compiles_nothing);
    tcase_add_test(t, pictures_share_a_program);
    tcase_add_test(t, the_listener_is_told_of_each);
    suite_add_tcase(s, t);
    return run_suite(s);
}
