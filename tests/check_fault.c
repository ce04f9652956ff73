/* Every OpenCL call fails once, and from some call on for ever: each time there is a defined error
 * with words, nothing is left behind, and everything works again afterwards. The method is SQLite's
 * for memory
 * ("How SQLite Is Tested", section 3). */
#include <spawn.h>
#include <sys/wait.h>

#include <ocelli/ocelli.h>

#include "device/cl.h"
#include "tiny.h"

static const cl_int codes[] = {CL_OUT_OF_RESOURCES, CL_OUT_OF_HOST_MEMORY, CL_DEVICE_NOT_AVAILABLE};

static char kernels[64], cache[64];

static void set_up(void)
{
    tiny_kernels(temp_dir(kernels));
    setenv("OCELLI_CACHE_DIR", temp_dir(cache), 1);
    fault_arm(0, false, 0);
}

static void tear_down(void)
{
    fault_arm(0, false, 0);
    unsetenv("OCELLI_CACHE_DIR");
    remove_tree(kernels);
    remove_tree(cache);
    ck_assert_int_eq(cl_live(), 0);
}

/* ---- Scenarios: 0 and the right result, or an error ---- */

static int run_on(struct ocelli_device *dev)
{
    bool right;
    int err = tiny_run(dev, 4, &right);
    ck_assert_msg(err != 0 || right, "success with a wrong result");
    return err;
}

static int open_run_close(bool no_cache)
{
    struct ocelli_device *dev;
    int err = ocelli_device_open(&dev, &(struct ocelli_device_params){.no_cache = no_cache});
    ck_assert_int_eq(err == 0, dev != NULL);
    if (!err)
        err = run_on(dev);
    ocelli_device_close(&dev);
    return err;
}

static int from_source(void)
{
    return open_run_close(true);
}

static int from_cache(void)
{
    return open_run_close(false);
}

static int into_cache(void)
{
    remove_tree(cache);
    return open_run_close(false);
}

/* The device survives a failure: what failed once works when it is done again on the same device.
 */
static struct ocelli_device *standing;

static int on_an_open_device(void)
{
    return run_on(standing);
}

static int list_devices(void)
{
    struct ocelli_device_info *list;
    size_t n;
    int err = ocelli_devices(&list, &n);
    ck_assert(err != 0 || n > 0);
    free(list);
    return err;
}

/* Training as a caller would: two dense layers, two steps, the loss read back. */
enum { BATCH = 4, IN = 3, STEPS = 2 };

static int build_net(struct ocelli_graph **out)
{
    struct ocelli_graph *g;
    int err = ocelli_graph_create(out);
    if (err)
        return err;
    g = *out;
    ocelli_value x = ocelli_input(g, "x", OCELLI_F32, &OCELLI_SHAPE(BATCH, IN));
    ocelli_value labels = ocelli_input(g, "labels", OCELLI_I32, &OCELLI_SHAPE(BATCH));
    x = ocelli_tanh(g, ocelli_layer_dense(g, "hidden", x, 5));
    x = ocelli_layer_dense(g, "out", x, 2);
    ocelli_value loss = ocelli_softmax_xent(g, x, labels);
    ocelli_output(g, "loss", loss);
    ocelli_optimize(g, loss, &(struct ocelli_optimizer_params){.momentum = 0.9f});
    return ocelli_graph_status(g);
}

static int train_steps(struct ocelli_plan *plan, float loss[BATCH])
{
    static const float x[BATCH * IN] = {1, 2, 3, -1, 0, 1, 0.5f, -0.5f, 0, 2, -2, 1};
    static const int32_t labels[BATCH] = {0, 1, 1, 0};
    static const float lr = 0.1f;
    int err = 0;
    TRY(ocelli_tensor_write(ocelli_plan_tensor(plan, "labels"), labels, sizeof(labels)));
    TRY(ocelli_tensor_write(ocelli_plan_tensor(plan, "lr"), &lr, sizeof(lr)));
    for (int i = 0; i < STEPS; i++) {
        TRY(ocelli_tensor_write(ocelli_plan_tensor(plan, "x"), x, sizeof(x)));
        TRY(ocelli_plan_run(plan));
    }
    TRY(ocelli_tensor_read(ocelli_plan_tensor(plan, "loss"), loss, BATCH * sizeof(float)));
    TRY(ocelli_device_finish(standing));
out:
    return err;
}

/* A run that succeeds has the same bits as the first, however many failed before it. */
static float true_loss[BATCH];

static int train_on_an_open_device(void)
{
    int err;
    float loss[BATCH] = {0};
    struct ocelli_graph *g = NULL;
    struct ocelli_weights *w = NULL;
    struct ocelli_plan *plan = NULL;
    TRY(build_net(&g));
    TRY(ocelli_weights_create(&w, standing, g, 7));
    TRY(ocelli_plan_create(&plan, standing, g, &(struct ocelli_plan_params){.weights = w}));
    TRY(train_steps(plan, loss));
    ck_assert_float_gt(loss[0], 0);
    if (true_loss[0] == 0)
        memcpy(true_loss, loss, sizeof(loss));
    ck_assert_msg(memcmp(loss, true_loss, sizeof(loss)) == 0, "success with a wrong loss");
out:
    ocelli_plan_destroy(&plan);
    ocelli_weights_destroy(&w);
    ocelli_graph_destroy(&g);
    return err;
}

/* A plan that prepares its own weights while it is created. */
static int plan_with_folding(void)
{
    int err;
    struct ocelli_graph *g = NULL;
    struct ocelli_plan *plan = NULL;
    TRY(ocelli_graph_create(&g));
    ocelli_value x = ocelli_input(g, "x", OCELLI_F32, &OCELLI_SHAPE(BATCH, IN));
    x = ocelli_scale(g, ocelli_layer_dense(g, "hidden", x, 6),
                     ocelli_weight(g, "scale", &OCELLI_SHAPE(6), NULL));
    ocelli_output(g, "y", x);
    TRY(ocelli_plan_create(&plan, standing, g, NULL));
    TRY(ocelli_plan_run(plan));
    TRY(ocelli_device_finish(standing));
out:
    ocelli_plan_destroy(&plan);
    ocelli_graph_destroy(&g);
    return err;
}

/* The same plan goes on after a failure inside a run: its next run is whole. A weight is written anew
 * each time, so that what is prepared from the weights is part of the run. */
static struct ocelli_plan *standing_plan;
static struct ocelli_weights *standing_weights;

static int predict_again(void)
{
    int err;
    float x[BATCH * IN], y[BATCH * 2];
    static const float scale[6] = {1, 2, 3, 1, 2, 3};
    for (int i = 0; i < BATCH * IN; i++)
        x[i] = (float)(i % 4);
    TRY(ocelli_tensor_write(ocelli_plan_tensor(standing_plan, "x"), x, sizeof(x)));
    TRY(ocelli_tensor_write(ocelli_weights_tensor(standing_weights, "scale"), scale, sizeof(scale)));
    TRY(ocelli_plan_run(standing_plan));
    TRY(ocelli_tensor_read(ocelli_plan_tensor(standing_plan, "y"), y, sizeof(y)));
    if (true_loss[0] == 0)
        memcpy(true_loss, y, sizeof(true_loss));
    ck_assert_float_ne(y[0], 0);
    ck_assert_msg(memcmp(y, true_loss, sizeof(true_loss)) == 0, "success with a wrong result");
out:
    return err;
}

/* ---- The loop ---- */

static void check_error(int err, int call, int code, bool always)
{
    if (err == 0) {
        ck_assert_msg(!always || call > 0, "call %d: success", call);
        return;
    }
    ck_assert_msg(err < 0 && err >= OCELLI_ERR_CANCELLED, "call %d: error %d", call, err);
    ck_assert_msg(ocelli_error()[0] != 0, "call %d: no words", call);
    ck_assert_msg(strcmp(ocelli_strerror(err), "unknown error") != 0, "call %d: error %d", call,
                  err);
    ck_assert_msg(strstr(ocelli_error(), cl_code_name(code)) != NULL ||
                      strstr(ocelli_error(), "failed") != NULL,
                  "call %d: \"%s\" does not say %s", call, ocelli_error(), cl_code_name(code));
}

/* Fails each call of the scenario; `step` 1 for every call. Returns how many of them ended in an
 * error. */
static int fail_each(int (*scenario)(void), bool always, int step)
{
    int errors = 0, tried = 0;
    fault_arm(0, false, 0);
    assert_ok(scenario());
    const int calls = fault_arm(0, false, 0);
    ck_assert_int_gt(calls, 5);
    const int files = open_files();
    const int live = cl_live();
    for (size_t c = 0; c < COUNT(codes); c++) {
        for (int call = 1; call <= calls; call += step) {
            fault_arm(call, always, codes[c]);
            int err = scenario();
            fault_arm(0, false, 0);
            check_error(err, call, codes[c], always);
            errors += err != 0;
            tried++;
            if (!standing)
                ck_assert_msg(cl_live() == live, "call %d: %d objects left", call,
                              cl_live() - live);
            if (standing || call % 16 == 1)
                assert_ok(scenario());
        }
        ck_assert_int_eq(open_files(), files);
        assert_ok(scenario());
    }
    ck_assert_int_gt(tried, calls / step);
    return errors;
}

START_TEST(listing)
{
    ck_assert_int_gt(fail_each(list_devices, false, 1), 0);
    ck_assert_int_gt(fail_each(list_devices, true, 1), 0);
}
END_TEST

START_TEST(opening_and_running_from_source)
{
    ck_assert_int_gt(fail_each(from_source, false, 1), 10);
    ck_assert_int_gt(fail_each(from_source, true, 1), 10);
}
END_TEST

START_TEST(running_from_the_cache)
{
    ck_assert_int_gt(fail_each(from_cache, false, 1), 10);
    ck_assert_int_gt(fail_each(from_cache, true, 3), 10);
}
END_TEST

START_TEST(putting_into_the_cache)
{
    ck_assert_int_gt(fail_each(into_cache, false, 5), 10);
}
END_TEST

START_TEST(an_open_device_survives)
{
    struct ocelli_device_stats stats;
    assert_ok(ocelli_device_open(&standing, &(struct ocelli_device_params){.no_cache = true}));
    ck_assert_int_gt(fail_each(on_an_open_device, false, 1), 3);
    ck_assert_int_gt(fail_each(on_an_open_device, true, 1), 3);
    ocelli_device_get_stats(standing, &stats);
    ck_assert_uint_eq(stats.bytes_allocated, 0);
    ocelli_device_close(&standing);
    ck_assert_int_eq(cl_live(), 0);
}
END_TEST

START_TEST(training_on_an_open_device_survives)
{
    struct ocelli_device_stats stats;
    assert_ok(ocelli_device_open(&standing, &(struct ocelli_device_params){.no_cache = true}));
    memset(true_loss, 0, sizeof(true_loss));
    ck_assert_int_gt(fail_each(train_on_an_open_device, false, 1), 50);
    ck_assert_int_gt(fail_each(train_on_an_open_device, true, 5), 20);
    ocelli_device_get_stats(standing, &stats);
    ck_assert_uint_eq(stats.bytes_allocated, 0);
    ocelli_device_close(&standing);
}
END_TEST

START_TEST(preparing_survives)
{
    struct ocelli_device_stats stats;
    assert_ok(ocelli_device_open(&standing, &(struct ocelli_device_params){.no_cache = true}));
    ck_assert_int_gt(fail_each(plan_with_folding, false, 1), 20);
    ck_assert_int_gt(fail_each(plan_with_folding, true, 3), 10);
    ocelli_device_get_stats(standing, &stats);
    ck_assert_uint_eq(stats.bytes_allocated, 0);
    ocelli_device_close(&standing);
}
END_TEST

START_TEST(a_plan_survives_failed_runs)
{
    struct ocelli_graph *g;
    assert_ok(ocelli_device_open(&standing, NULL));
    assert_ok(ocelli_graph_create(&g));
    ocelli_value x = ocelli_input(g, "x", OCELLI_F32, &OCELLI_SHAPE(BATCH, IN));
    x = ocelli_layer_dense(g, "hidden", x, 6);
    ocelli_value scale = ocelli_weight(g, "scale", &OCELLI_SHAPE(6), NULL);
    ocelli_value variance = ocelli_weight(
        g, "variance", &OCELLI_SHAPE(6), &(struct ocelli_init){OCELLI_INIT_CONSTANT, 1, 0, 0});
    x = ocelli_batchnorm(g, x, scale, OCELLI_NONE, OCELLI_NONE, variance, NULL);
    x = ocelli_relu(g, x);
    ocelli_output(g, "y", ocelli_softmax(g, ocelli_layer_dense(g, "out", x, 2)));
    assert_ok(ocelli_weights_create(&standing_weights, standing, g, 1));
    assert_ok(ocelli_plan_create(&standing_plan, standing, g,
                                 &(struct ocelli_plan_params){.weights = standing_weights}));
    memset(true_loss, 0, sizeof(true_loss));
    ck_assert_int_gt(fail_each(predict_again, false, 1), 5);
    ck_assert_int_gt(fail_each(predict_again, true, 1), 5);
    ocelli_plan_destroy(&standing_plan);
    ocelli_weights_destroy(&standing_weights);
    ocelli_graph_destroy(&g);
    ocelli_device_close(&standing);
}
END_TEST

START_TEST(the_counter_counts)
{
    fault_arm(3, false, CL_OUT_OF_RESOURCES);
    ck_assert_int_eq(fault_next("a"), CL_SUCCESS);
    ck_assert_int_eq(fault_next("b"), CL_SUCCESS);
    ck_assert_int_eq(fault_next("c"), CL_OUT_OF_RESOURCES);
    ck_assert_int_eq(fault_next("d"), CL_SUCCESS);
    ck_assert_int_eq(fault_arm(2, true, CL_INVALID_VALUE), 4);
    ck_assert_int_eq(fault_next("a"), CL_SUCCESS);
    ck_assert_int_eq(fault_next("b"), CL_INVALID_VALUE);
    ck_assert_int_eq(fault_next("c"), CL_INVALID_VALUE);
    ck_assert_int_eq(fault_arm(0, false, 0), 3);
}
END_TEST

/* $OCELLI_FAULT is read once a process, so another process reads it. */
static int armed_by_environment(void)
{
    struct ocelli_device *dev;
    if (ocelli_device_open(&dev, NULL) != OCELLI_ERR_MEMORY || dev)
        return 2;
    return strstr(ocelli_error(), "CL_OUT_OF_HOST_MEMORY (-6)") ? 0 : 3;
}

START_TEST(the_environment_arms)
{
    char self[4096] = "";
    char *const argv[] = {self, "armed", NULL};
    char *const env[] = {"OCELLI_FAULT=call=2,mode=always,code=-6", NULL};
    pid_t pid;
    int status;
    ck_assert_int_gt(readlink("/proc/self/exe", self, sizeof(self) - 1), 0);
    ck_assert_int_eq(posix_spawn(&pid, self, NULL, NULL, argv, env), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "armed") == 0)
        return armed_by_environment();
    Suite *s = suite_create("fault");
    TCase *t = tcase_create("fault");
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, the_counter_counts);
    tcase_add_test(t, the_environment_arms);
    tcase_add_test(t, listing);
    tcase_add_test(t, opening_and_running_from_source);
    tcase_add_test(t, running_from_the_cache);
    tcase_add_test(t, putting_into_the_cache);
    tcase_add_test(t, an_open_device_survives);
    tcase_add_test(t, a_plan_survives_failed_runs);
    tcase_add_test(t, preparing_survives);
    tcase_add_test(t, training_on_an_open_device_survives);
    suite_add_tcase(s, t);
    return run_suite(s);
}
