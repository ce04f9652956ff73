/* The command-queue manager when things fail: an error that names the launch, and a device that
 * works afterwards. */
#include "queue_test.h"

/* Every OpenCL call of a round of work fails once: an error, and afterwards all works. */
static int round_of_work(struct cmdlist *list, struct ocelli_tensor *const t[3])
{
    static uint32_t host[3][WHOLE];
    struct fence done[3] = {{0}};
    int err;

    TRY(transfer_write(t[0], host[0], sizeof(host[0]), &done[0]));
    TRY(cmdlist_run(list, &done[1]));
    TRY(transfer_read(t[2], host[2], sizeof(host[2]), &done[2]));
    for (int i = 0; i < 3; i++)
        TRY(fence_wait(&done[i]));
    TRY(ocelli_device_finish(dev));
out:
    for (int i = 0; i < 3; i++)
        fence_drop(&done[i]);
    return err;
}

START_TEST(every_call_fails_once)
{
    int failures = 0, named = 0;

    open_dev((enum mode)_i, _i % 2);
    struct ocelli_tensor *t[3] = {words(WHOLE), words(WHOLE), words(WHOLE)};
    struct cmdlist *list = three_steps(t, WHOLE, -1);
    assert_ok(round_of_work(list, t));
    for (int n = 1;; n++) {
        int live = cl_live(), err;
        fault_arm(n, n % 2, CL_OUT_OF_RESOURCES);
        err = round_of_work(list, t);
        int calls = fault_arm(0, false, 0);
        if (calls < n) {
            assert_ok(err);
            break;
        }
        failures++;
        ck_assert_int_eq(err, OCELLI_ERR_DEVICE);
        ck_assert_ptr_nonnull(strstr(ocelli_error(), "CL_OUT_OF_RESOURCES (-5)"));
        named += strncmp(ocelli_error(), "second: clEnqueueNDRangeKernel", 30) == 0;
        assert_ok(ocelli_device_finish(dev));
        ck_assert_int_le(cl_live(), live);
        check_works(list, t);
    }
    ck_assert_int_ge(failures, 8);
    ck_assert_int_eq(named, 1);
    cmdlist_destroy(&list);
    for (int k = 0; k < 3; k++)
        ocelli_tensor_destroy(&t[k]);
    close_dev();
}
END_TEST

/* A list whose one launch waits for an event that then fails. (PoCL 3.1 does not survive it when
 * more than one command hangs on such an event.) */
static void run_to_fail(struct cmdlist *list)
{
    cl_int code;
    cl_event done, user = clCreateUserEvent(dev->context, &code);

    ck_assert_int_eq(code, CL_SUCCESS);
    assert_ok(cmdlist_enqueue(list, 1, &user, &done));
    ck_assert_int_eq(clSetUserEventStatus(user, -9999), CL_SUCCESS);
    clWaitForEvents(1, &done);
    clGetEventInfo(done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof(code), &code, NULL);
    ck_assert_int_lt(code, 0);
    clReleaseEvent(done);
    clReleaseEvent(user);
}

/* A command that fails after it was accepted: told once, by whoever comes first. */
START_TEST(failure_on_the_device)
{
    uint32_t got[1];
    struct fence fence;
    struct moment *m;
    cl_int code;
    cl_event user;

    open_dev((enum mode)(_i / 2), _i % 2);
    struct ocelli_tensor *t[3] = {words(WHOLE), words(WHOLE), words(WHOLE)}, *y = words(1);
    struct cmdlist *list = three_steps(t, WHOLE, -1), *one = spins(&y, 1, 1);
    check_works(list, t);
    run_to_fail(one);
    assert_fails(ocelli_device_finish(dev), OCELLI_ERR_DEVICE, "spin0: failed on the device");
    assert_ok(ocelli_device_finish(dev));
    check_works(list, t);

    run_to_fail(one); /* now a command needs it that runs elsewhere, or that comes after it */
    if (dev->queue->transfer != 0 || !dev->queue->in_order) {
        assert_fails(transfer_read(y, got, 4, NULL), OCELLI_ERR_DEVICE, "spin0: failed on the");
        assert_ok(transfer_read(y, got, 4, NULL));
        assert_ok(ocelli_device_finish(dev));
    }

    user = clCreateUserEvent(dev->context, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    assert_ok(moment_create(dev->queue, &m));
    moment_add(m, user);
    fence.event = m;
    clSetUserEventStatus(user, -9999);
    clReleaseEvent(user);
    ck_assert_int_eq(fence_wait(&fence), OCELLI_ERR_DEVICE);
    ck_assert_ptr_null(fence.event);

    cmdlist_destroy(&list);
    cmdlist_destroy(&one);
    for (int k = 0; k < 3; k++)
        ocelli_tensor_destroy(&t[k]);
    ocelli_tensor_destroy(&y);
    close_dev();
}
END_TEST

/* Seals a list of that launch. */
static int seal_one(struct launch *k, struct ocelli_tensor *t, const char *label)
{
    struct cmdlist *list;
    struct binding b[2] = {fixed(t), fixed(t)};
    int err;

    TRY(cmdlist_create(&list, dev));
    if ((err = cmdlist_add(list, k, b, b, NULL, label)) == 0)
        err = cmdlist_seal(list, NULL, NULL);
    cmdlist_destroy(&list);
out:
    return err;
}

START_TEST(wrong_launches_are_refused)
{
    struct launches l = {0};
    struct launch *k;

    open_dev(ONE_LANE, false);
    struct ocelli_tensor *t[3] = {words(WHOLE), words(WHOLE), words(WHOLE)};
    for (int i = 0; i < 10; i++)
        mix_launch(&l, WHOLE, 1, 0);
    assert_ok(l.err);
    k = l.item;
    k[0].kernel = "nothing";
    assert_fails(seal_one(&k[0], t[0], "lost"), OCELLI_ERR_DEVICE, "nothing");
    k[1].n_args--;
    assert_fails(seal_one(&k[1], t[0], "few"), OCELLI_ERR_INVALID, "few: kernel qmix takes 6");
    launch_define(&k[2], "f=}");
    assert_fails(seal_one(&k[2], t[0], "odd"), OCELLI_ERR_BUILD, "queue");
    launch_grid1(&k[3], 1 << 24, 1 << 24);
    assert_fails(seal_one(&k[3], t[0], "wide"), OCELLI_ERR_INVALID,
                 "wide: kernel qmix: work-groups");
    k[4].global[0] = 0;
    assert_fails(seal_one(&k[4], t[0], "none"), OCELLI_ERR_INVALID, "no work-items");
    for (int i = 0; i < LAUNCH_MAX_ARGS; i++)
        launch_int(&k[5], "more", i);
    assert_fails(seal_one(&k[5], t[0], "many"), OCELLI_ERR_INVALID, "many: kernel qmix has more");
#ifndef NDEBUG
    k[6].arg[4].name = "K";
    assert_fails(seal_one(&k[6], t[0], "name"), OCELLI_ERR_INVALID, "argument 4 is \"k\"");
    k[7].arg[4].kind = ARG_FLOAT;
    assert_fails(seal_one(&k[7], t[0], "type"), OCELLI_ERR_INVALID, "argument \"k\" is int");
#endif
    k[8] = (struct launch){.program = "queue", .kernel = "qfixed"};
    launch_out(&k[8], "y", 0);
    launch_local(&k[8], "tmp", 64);
    launch_grid1(&k[8], 16, 4);
    assert_fails(seal_one(&k[8], t[0], "size"), OCELLI_ERR_INVALID, "work-groups of 8x1x1, not 4x");
    launch_grid1(&k[8], 16, 8);
    assert_ok(seal_one(&k[8], t[0], "size"));
    k[8].arg[1].bytes = device_caps(dev)->local_bytes;
    k[8].arg[1].bytes += 4096;
    assert_fails(seal_one(&k[8], t[0], "heap"), OCELLI_ERR_INVALID, "local memory");
    k[9].program = "no_such_file";
    assert_fails(seal_one(&k[9], t[0], "file"), OCELLI_ERR_INVALID, "no_such_file");
    launches_free(&l);

    struct cmdlist *list = three_steps(t, WHOLE, -1);
    check_works(list, t);
    cmdlist_destroy(&list);
    for (int i = 0; i < 3; i++)
        ocelli_tensor_destroy(&t[i]);
    close_dev();
}
END_TEST

START_TEST(null_device_cannot_run)
{
    struct launches l = {0};
    struct ocelli_tensor *t;
    uint32_t host[WHOLE];

    assert_ok(ocelli_device_open(&dev, &(struct ocelli_device_params){.device = "null"}));
    t = words(WHOLE);
    acc_launch(&l, WHOLE, 1, 0);
    assert_fails(seal_one(&l.item[0], t, "x"), OCELLI_ERR_UNSUPPORTED, "null device");
    assert_fails(transfer_read(t, host, sizeof(host), NULL), OCELLI_ERR_UNSUPPORTED, "null device");
    launches_free(&l);
    ocelli_tensor_destroy(&t);
    close_dev();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("queue_failures");
    TCase *t = tcase_create("queue_failures");

    tcase_add_unchecked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, every_call_fails_once, 0, MODES);
    tcase_add_loop_test(t, failure_on_the_device, 0, 2 * MODES);
    tcase_add_test(t, wrong_launches_are_refused);
    tcase_add_test(t, null_device_cannot_run);
    suite_add_tcase(s, t);
    return run_suite(s);
}
