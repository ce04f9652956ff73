/* The command-queue manager on a real device: replay, binding, overlap, traces, the caller's
 * events. */
#include <jansson.h>

#include "base/clock.h"
#include "queue_test.h"

START_TEST(replays_a_thousand_times)
{
    struct ocelli_device_stats before, after;
    uint32_t x[2] = {5, 6};

    open_dev((enum mode)_i, false);
    struct ocelli_tensor *t[3] = {words(WHOLE), words(WHOLE), words(WHOLE)};
    struct cmdlist *list = three_steps(t, WHOLE, -1);
    set_words(t[0], x[0]);
    set_words(t[1], x[1]);
    ocelli_device_get_stats(dev, &before);
    for (int i = 0; i < 1000; i++) {
        assert_ok(cmdlist_run(list, NULL));
        host_three(x);
    }
    check_words(t[0], x[0]);
    check_words(t[2], 31 * x[0] + 7 * x[1] + 3);
    ocelli_device_get_stats(dev, &after);
    ck_assert_uint_eq(after.launches - before.launches, 3000);
    ck_assert_uint_eq(after.transfers - before.transfers, 2);
    cmdlist_destroy(&list);
    for (int k = 0; k < 3; k++)
        ocelli_tensor_destroy(&t[k]);
    close_dev();
}
END_TEST

START_TEST(binds_another_buffer)
{
    open_dev(ONE_LANE, false);
    struct ocelli_tensor *t[3] = {words(WHOLE), words(WHOLE), words(WHOLE)};
    struct ocelli_tensor *other = words(WHOLE), *small = words(WHOLE - 1);
    struct cmdlist *list = three_steps(t, WHOLE, 4);
    uint32_t x[2] = {5, 6};

    check_works(list, t);
    set_words(t[2], 99);
    set_words(t[0], 5);
    set_words(t[1], 6);
    assert_ok(cmdlist_bind(list, 4, tensor_span(other)));
    assert_ok(cmdlist_run(list, NULL));
    host_three(x);
    check_words(other, 31 * x[0] + 7 * x[1] + 3);
    check_words(t[2], 99);
    assert_fails(cmdlist_bind(list, 4, tensor_span(small)), OCELLI_ERR_INVALID, "slot 4");
    assert_ok(cmdlist_bind(list, 3, tensor_span(small))); /* nobody uses slot 3 */
    assert_ok(cmdlist_bind(list, 4, tensor_span(t[2])));
    check_works(list, t);
    cmdlist_destroy(&list);
    for (int k = 0; k < 3; k++)
        ocelli_tensor_destroy(&t[k]);
    ocelli_tensor_destroy(&other);
    ocelli_tensor_destroy(&small);
    close_dev();
}
END_TEST

/* A slot may be empty until the first run; the list holds on to what is bound to it. */
START_TEST(slot_starts_empty)
{
    open_dev(THREE_LANES, false);
    struct ocelli_tensor *x = words(WHOLE), *y = words(WHOLE);
    struct launches l = {0};
    struct cmdlist *list;
    struct binding bx = {.span.bytes = WHOLE * 4, .slot = 0}, by = fixed(y);

    acc_launch(&l, WHOLE, 1, 0);
    assert_ok(cmdlist_create(&list, dev));
    assert_ok(cmdlist_add(list, &l.item[0], &bx, &by, NULL, "only"));
    assert_fails(cmdlist_run(list, NULL), OCELLI_ERR_INVALID, "not sealed");
    assert_ok(cmdlist_seal(list, NULL, NULL));
    assert_fails(cmdlist_run(list, NULL), OCELLI_ERR_INVALID, "slot 0 is not bound");
    assert_fails(cmdlist_add(list, &l.item[0], &bx, &by, NULL, "late"), OCELLI_ERR_INVALID, "late");
    set_words(x, 10);
    set_words(y, 1);
    assert_ok(cmdlist_bind(list, 0, tensor_span(x)));
    ocelli_tensor_destroy(&x);
    assert_ok(cmdlist_run(list, NULL));
    check_words(y, 42);
    cmdlist_destroy(&list);
    launches_free(&l);
    ocelli_tensor_destroy(&y);
    close_dev();
}
END_TEST

/* Far more commands than are kept track of, and nobody waits. */
START_TEST(many_in_flight)
{
    static uint32_t host[WHOLE];

    open_dev((enum mode)_i, _i == THREE_LANES);
    struct ocelli_tensor *t[3] = {words(WHOLE), words(WHOLE), words(WHOLE)};
    struct cmdlist *list = three_steps(t, WHOLE, -1);
    for (int i = 0; i < 4000; i++) {
        assert_ok(transfer_write(t[i % 2], host, sizeof(host), NULL));
        if (i % 4 == 0)
            assert_ok(cmdlist_run(list, NULL));
    }
    ck_assert_int_lt(cl_live(), 20000);
    check_works(list, t);
    cmdlist_destroy(&list);
    for (int k = 0; k < 3; k++)
        ocelli_tensor_destroy(&t[k]);
    close_dev();
}
END_TEST

START_TEST(callers_events)
{
    cl_int code;
    cl_event user, done;

    open_dev((enum mode)_i, false);
    struct ocelli_tensor *t[3] = {words(WHOLE), words(WHOLE), words(WHOLE)};
    struct cmdlist *list = three_steps(t, WHOLE, -1), *empty;
    uint32_t x[2] = {5, 6};
    set_words(t[0], x[0]);
    set_words(t[1], x[1]);
    user = clCreateUserEvent(dev->context, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    assert_ok(cmdlist_enqueue(list, 1, &user, &done));
    double until = clock_seconds() + 0.02;
    while (clock_seconds() < until) {
        ck_assert_int_eq(
            clGetEventInfo(done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof(code), &code, NULL),
            CL_SUCCESS);
        ck_assert_int_ne(code, CL_COMPLETE);
        usleep(2000);
    }
    ck_assert_int_eq(clSetUserEventStatus(user, CL_COMPLETE), CL_SUCCESS);
    ck_assert_int_eq(clWaitForEvents(1, &done), CL_SUCCESS);
    clReleaseEvent(done);
    host_three(x);
    check_words(t[2], 31 * x[0] + 7 * x[1] + 3);

    assert_ok(cmdlist_create(&empty, dev));
    assert_ok(cmdlist_seal(empty, NULL, NULL));
    assert_ok(cmdlist_enqueue(empty, 1, &user, &done));
    ck_assert_int_eq(clWaitForEvents(1, &done), CL_SUCCESS);
    clReleaseEvent(done);
    clReleaseEvent(user);
    assert_ok(cmdlist_run(empty, NULL));
    assert_fails(cmdlist_enqueue(empty, 1, NULL, NULL), OCELLI_ERR_INVALID, "wait");
    cmdlist_destroy(&empty);
    cmdlist_destroy(&list);
    for (int k = 0; k < 3; k++)
        ocelli_tensor_destroy(&t[k]);
    close_dev();
}
END_TEST

/* c = a b between a launch that makes a (as words that are small floats) and one that reads c. */
START_TEST(clblast_keeps_order)
{
    open_dev((enum mode)_i, false);
    if (device_caps(dev)->clblast) {
        struct ocelli_tensor *t[4] = {words(4), words(4), words(4), words(4)};
        const float one[4] = {1, 2, 3, 4}, want[4] = {7, 10, 15, 22};
        const uint32_t zero[4] = {0};
        uint32_t got[4], bits[4];
        struct launches l = {0};
        struct launch *k;
        struct cmdlist *list;
        struct binding a = fixed(t[0]), c = fixed(t[1]), d = fixed(t[2]), z = fixed(t[3]);
        struct binding az[2] = {a, a}, zc[2] = {c, z};

        acc_launch(&l, 4, 0, 100000); /* a = 31 a + z + f, made slow */
        k = launch_add(&l, "gemm_clblast", "gemm_clblast");
        k->kind = LAUNCH_CLBLAST_GEMM;
        launch_out(k, "c", 0);
        launch_in(k, "a", 0);
        launch_in(k, "b", 1);
        for (int i = 0; i < 5; i++)
            launch_int(k, (const char *[]){"m", "n", "k", "trans_a", "trans_b"}[i], i < 3 ? 2 : 0);
        acc_launch(&l, 4, 0, 0); /* d = 31 d + c */
        assert_ok(l.err);
        /* The words that 31 a + z + f turns into floats 1 2 3 4: z is what is missing. */
        memcpy(bits, one, sizeof(bits));
        for (int i = 0; i < 4; i++)
            bits[i] -= f(0, 100000);
        assert_ok(cmdlist_create(&list, dev));
        assert_ok(cmdlist_add(list, &l.item[0], &z, &a, NULL, "before"));
        assert_ok(cmdlist_add(list, &l.item[1], az, &c, NULL, "product"));
        assert_ok(cmdlist_add(list, &l.item[2], zc, &d, NULL, "after"));
        assert_ok(cmdlist_seal(list, NULL, NULL));
        for (int run = 0; run < 3; run++) {
            assert_ok(ocelli_tensor_write(t[0], zero, sizeof(zero)));
            assert_ok(ocelli_tensor_write(t[2], zero, sizeof(zero)));
            assert_ok(ocelli_tensor_write(t[3], bits, sizeof(bits)));
            assert_ok(cmdlist_run(list, NULL));
            assert_ok(ocelli_tensor_read(t[2], got, sizeof(got)));
            ck_assert_mem_eq(got, want, sizeof(want));
        }
        cmdlist_destroy(&list);
        launches_free(&l);
        for (int i = 0; i < 4; i++)
            ocelli_tensor_destroy(&t[i]);
    }
    close_dev();
}
END_TEST

/* ---- Overlap, as the trace shows it ---- */

static json_t *read_trace(void)
{
    json_error_t e;
    json_t *j;

    assert_ok(ocelli_device_write_trace(dev, path_in(dir, "trace.json")));
    j = json_load_file(path_in(dir, "trace.json"), JSON_REJECT_DUPLICATES, &e);
    ck_assert_msg(j != NULL, "line %d: %s", e.line, e.text);
    return j;
}

/* The n-th command of that name; the caller owns nothing. */
static json_t *traced(json_t *trace, const char *name, int n)
{
    size_t i;
    json_t *e;

    json_array_foreach(json_object_get(trace, "traceEvents"), i, e)
    {
        if (strcmp(json_string_value(json_object_get(e, "ph")), "X") == 0 &&
            strcmp(json_string_value(json_object_get(e, "name")), name) == 0 && n-- == 0)
            return e;
    }
    return NULL;
}

static double number(const json_t *event, const char *key)
{
    const json_t *v = json_object_get(event, key);
    ck_assert_msg(json_is_number(v), "%s is no number", key);
    return json_number_value(v);
}

/* Microseconds during which both ran. */
static double overlap(const json_t *a, const json_t *b)
{
    ck_assert(a && b);
    double a0 = number(a, "ts"), b0 = number(b, "ts");
    double end = MIN(a0 + number(a, "dur"), b0 + number(b, "dur"));
    return end - MAX(a0, b0);
}

/* How many steps take about 20 ms. */
static int calibrate(struct ocelli_tensor *t)
{
    const int steps = 1000000;
    struct cmdlist *list = spins(&t, 1, steps);
    double ms;

    for (int i = 0; i < 2; i++) /* the first run compiles */
        assert_ok(cmdlist_run(list, NULL));
    ms = cmdlist_ms(list, 0);
    ck_assert_double_gt(ms, 0);
    ck_assert_double_eq(cmdlist_ms(list, 1), 0);
    cmdlist_destroy(&list);
    return (int)(steps * MIN(20 / ms, 1000));
}

START_TEST(independent_launches_overlap)
{
    double most = 0;

    open_dev(THREE_LANES, true);
    struct ocelli_tensor *t[2] = {words(1), words(1)};
    struct cmdlist *list = spins(t, 2, calibrate(t[0]));
    for (int i = 0; i < 10 && most < 1000; i++) { /* a busy machine may need more than one go */
        assert_ok(cmdlist_run(list, NULL));
        json_t *trace = read_trace();
        json_t *a = traced(trace, "spin0", i ? 0 : 2), *b = traced(trace, "spin1", 0);
        ck_assert(number(a, "tid") != number(b, "tid"));
        most = MAX(most, overlap(a, b));
        json_decref(trace);
    }
    ck_assert_msg(most >= 1000, "overlap by %.0f us", most);
    cmdlist_destroy(&list);
    ocelli_tensor_destroy(&t[0]);
    ocelli_tensor_destroy(&t[1]);
    close_dev();
}
END_TEST

/* The transfer to another buffer is done before the launch that was given first. */
START_TEST(transfer_overlaps_compute)
{
    static uint32_t host[1 << 20];
    bool seen = false;

    open_dev(ONE_LANE, true);
    struct ocelli_tensor *t = words(1), *big = words(1 << 20);
    struct cmdlist *list = spins(&t, 1, calibrate(t));
    assert_ok(ocelli_tensor_write(big, host, sizeof(host)));
    for (int i = 0; i < 10 && !seen; i++) {
        json_decref(read_trace());
        assert_ok(cmdlist_run(list, NULL));
        assert_ok(transfer_write(big, host, sizeof(host), NULL));
        json_t *trace = read_trace();
        json_t *a = traced(trace, "spin0", 0), *b = traced(trace, "write", 0);
        seen = overlap(a, b) >= 0.9 * number(b, "dur");
        ck_assert_double_eq(number(json_object_get(b, "args"), "bytes"), sizeof(host));
        json_decref(trace);
    }
    ck_assert(seen);
    cmdlist_destroy(&list);
    ocelli_tensor_destroy(&t);
    ocelli_tensor_destroy(&big);
    close_dev();
}
END_TEST

START_TEST(traces)
{
    const int lanes[MODES] = {2, 4, 1, 1};
    const char *odd = "conv \"1\" \\ \n\xc3\xa9";

    open_dev((enum mode)_i, true);
    struct ocelli_tensor *t[3] = {words(WHOLE), words(WHOLE), words(WHOLE)};
    struct launches l = {0};
    struct cmdlist *list = three_steps(t, WHOLE, -1), *one;
    struct binding x = fixed(t[0]), y = fixed(t[1]);
    struct fence done = {0};

    acc_launch(&l, WHOLE, 1, 0);
    assert_ok(cmdlist_create(&one, dev));
    assert_ok(cmdlist_add(one, &l.item[0], &x, &y, NULL, odd));
    assert_ok(cmdlist_seal(one, NULL, NULL));
    launches_free(&l);
    check_works(list, t);
    assert_ok(cmdlist_run(one, &done));
    assert_ok(fence_wait(&done));
    ck_assert_ptr_null(done.event);
    ck_assert_double_gt(cmdlist_ms(one, 0), 0);

    json_t *trace = read_trace();
    const char *const names[] = {"write", "first", "second", "third", "read", odd};
    double last = 0;
    for (size_t i = 0; i < COUNT(names); i++) {
        json_t *e = traced(trace, names[i], 0), *args = json_object_get(e, "args");
        ck_assert_msg(e != NULL, "no %s", names[i]);
        ck_assert_double_ge(number(e, "ts"), last); /* each needs the one before */
        last = number(e, "ts") + number(e, "dur") * 0.99;
        ck_assert_double_ge(number(args, "submitted_us"), number(args, "queued_us"));
        ck_assert_double_ge(number(e, "ts"), number(args, "submitted_us"));
        ck_assert_int_eq((int)number(e, "pid"), ocelli_device_get_info(dev)->index);
    }
    size_t i;
    int threads = 0;
    json_t *e;
    json_array_foreach(json_object_get(trace, "traceEvents"), i, e) threads +=
        strcmp(json_string_value(json_object_get(e, "name")), "thread_name") == 0;
    ck_assert_int_eq(threads, lanes[_i]);
    json_decref(trace);

    trace = read_trace(); /* the next begins where this one ended */
    ck_assert_ptr_null(traced(trace, "first", 0));
    json_decref(trace);
    ck_assert_double_gt(cmdlist_ms(list, 2), 0);
    assert_fails(ocelli_device_write_trace(dev, "/no/such/folder/x"), OCELLI_ERR_IO, "/no/such");
    cmdlist_destroy(&one);
    cmdlist_destroy(&list);
    for (int k = 0; k < 3; k++)
        ocelli_tensor_destroy(&t[k]);
    close_dev();
    open_dev(ONE_LANE, false);
    assert_fails(ocelli_device_write_trace(dev, path_in(dir, "none")), OCELLI_ERR_INVALID,
                 "profile");
    close_dev();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("queue");
    TCase *t = tcase_create("queue");

    tcase_add_unchecked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, replays_a_thousand_times, 0, MODES);
    tcase_add_test(t, binds_another_buffer);
    tcase_add_test(t, slot_starts_empty);
    tcase_add_loop_test(t, many_in_flight, 0, MODES);
    tcase_add_loop_test(t, callers_events, 0, MODES);
    tcase_add_loop_test(t, clblast_keeps_order, 0, MODES);
    tcase_add_test(t, independent_launches_overlap);
    tcase_add_test(t, transfer_overlaps_compute);
    tcase_add_loop_test(t, traces, 0, MODES);
    suite_add_tcase(s, t);
    return run_suite(s);
}
