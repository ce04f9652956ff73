/* Devices over the caller's context and queue, tensors over the caller's memory. */
#include "device/cl.h"

#include <ocelli/opencl.h>

#include "tiny.h"

static struct ocelli_device *chosen; /* only to know which device the tests run on */
static cl_device_id id;
static cl_context context;
static cl_command_queue queue;
static char kernels[64];

static cl_command_queue make_queue(cl_context c, cl_command_queue_properties properties)
{
    cl_int code;
    const cl_queue_properties list[] = {CL_QUEUE_PROPERTIES, properties, 0};
    cl_command_queue q = clCreateCommandQueueWithProperties(c, id, list, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    return q;
}

static cl_mem make_mem(cl_context c, size_t bytes)
{
    cl_int code;
    cl_mem m = clCreateBuffer(c, CL_MEM_READ_WRITE, bytes, NULL, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    return m;
}

static cl_uint context_refs(cl_context c)
{
    cl_uint n;
    ck_assert_int_eq(clGetContextInfo(c, CL_CONTEXT_REFERENCE_COUNT, sizeof(n), &n, NULL), 0);
    return n;
}

static cl_uint queue_refs(cl_command_queue q)
{
    cl_uint n;
    ck_assert_int_eq(clGetCommandQueueInfo(q, CL_QUEUE_REFERENCE_COUNT, sizeof(n), &n, NULL), 0);
    return n;
}

static cl_uint mem_refs(cl_mem m)
{
    cl_uint n;
    ck_assert_int_eq(clGetMemObjectInfo(m, CL_MEM_REFERENCE_COUNT, sizeof(n), &n, NULL), 0);
    return n;
}

/* Drivers let go of a queue a moment after its last command is complete. */
static void wait_refs(cl_command_queue q, cl_uint want)
{
    for (int i = 0; i < 200 && queue_refs(q) != want; i++)
        usleep(5000);
    ck_assert_uint_eq(queue_refs(q), want);
}

static void open_once(void)
{
    tiny_kernels(temp_dir(kernels));
    assert_ok(ocelli_device_open(&chosen, &(struct ocelli_device_params){.no_cache = true}));
    ck_assert(!device_is_null(chosen));
    id = chosen->id;
}

static void close_once(void)
{
    ocelli_device_close(&chosen);
    ck_assert_int_eq(cl_live(), 0);
    remove_tree(kernels);
}

static void set_up(void)
{
    cl_int code;
    context = clCreateContext(NULL, 1, &id, NULL, NULL, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    queue = make_queue(context, 0);
}

static void tear_down(void)
{
    wait_refs(queue, 1);
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
}

START_TEST(what_is_given_is_retained_and_released_once)
{
    struct ocelli_device *dev;
    struct ocelli_tensor *t;
    float host[64], back[64];
    /* Some drivers count a queue's or buffer's hold on its context: compare, do not assume. */
    cl_mem mem = make_mem(context, sizeof(host));
    const cl_uint contexts = context_refs(context), queues = queue_refs(queue),
                  mems = mem_refs(mem);
    assert_ok(ocelli_device_from_opencl(&dev, context, id, queue,
                                        &(struct ocelli_device_params){.no_cache = true}));
    ck_assert_uint_gt(context_refs(context), contexts);
    ck_assert_uint_gt(queue_refs(queue), queues);
    ck_assert_str_eq(ocelli_device_get_info(dev)->name, ocelli_device_get_info(chosen)->name);
    assert_ok(ocelli_tensor_wrap(&t, dev, mem, 0, OCELLI_F32, &OCELLI_SHAPE(64)));
    ck_assert_uint_gt(mem_refs(mem), mems);
    size_t offset = 1;
    ck_assert_ptr_eq(ocelli_tensor_mem(t, &offset), mem);
    ck_assert_uint_eq(offset, 0);
    struct ocelli_device_stats stats;
    ocelli_device_get_stats(dev, &stats);
    ck_assert_uint_eq(stats.bytes_allocated, 0); /* the caller's is not ours */
    for (int i = 0; i < 64; i++)
        host[i] = (float)(i * i);
    assert_ok(ocelli_tensor_write(t, host, sizeof(host)));
    ck_assert_int_eq(clEnqueueReadBuffer(queue, mem, CL_TRUE, 0, sizeof(back), back, 0, NULL, NULL),
                     CL_SUCCESS);
    ck_assert_mem_eq(host, back, sizeof(host));
    bool right;
    assert_ok(tiny_run(dev, 3, &right));
    ck_assert(right);
    ocelli_tensor_destroy(&t);
    ck_assert_uint_eq(mem_refs(mem), mems);
    ocelli_device_close(&dev);
    ck_assert_uint_eq(context_refs(context), contexts);
    ck_assert_uint_eq(mem_refs(mem), mems);
    clReleaseMemObject(mem); /* PoCL's buffers hold the queue of their last command */
    wait_refs(queue, queues);
}
END_TEST

/* The caller may let go of everything first: ours keeps it alive. */
START_TEST(the_caller_may_release_first)
{
    struct ocelli_device *dev;
    struct ocelli_tensor *t;
    cl_int code;
    float x = 2.5f, y = 0;
    cl_context c = clCreateContext(NULL, 1, &id, NULL, NULL, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    cl_command_queue q = make_queue(c, 0);
    cl_mem m = make_mem(c, sizeof(x));
    assert_ok(ocelli_device_from_opencl(&dev, c, id, q, NULL));
    assert_ok(ocelli_tensor_wrap(&t, dev, m, 0, OCELLI_F32, &OCELLI_SHAPE(1)));
    clReleaseMemObject(m);
    clReleaseCommandQueue(q);
    clReleaseContext(c);
    assert_ok(ocelli_tensor_write(t, &x, sizeof(x)));
    assert_ok(ocelli_tensor_read(t, &y, sizeof(y)));
    ck_assert_float_eq(x, y);
    ocelli_tensor_destroy(&t);
    ocelli_device_close(&dev);
}
END_TEST

START_TEST(what_does_not_belong_together_is_refused)
{
    struct ocelli_device *dev;
    struct ocelli_tensor *t;
    cl_int code;
    const struct ocelli_shape s = OCELLI_SHAPE(16);
    cl_context other = clCreateContext(NULL, 1, &id, NULL, NULL, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    const cl_uint contexts = context_refs(context), others = context_refs(other);
    assert_fails(ocelli_device_from_opencl(&dev, other, id, queue, NULL), OCELLI_ERR_INVALID,
                 "another context");
    ck_assert_ptr_null(dev);
    assert_fails(ocelli_device_from_opencl(&dev, context, NULL, queue, NULL), OCELLI_ERR_INVALID,
                 "must all be given");
    assert_fails(ocelli_device_from_opencl(&dev, context, id, queue,
                                           &(struct ocelli_device_params){.profile = true}),
                 OCELLI_ERR_INVALID, "CL_QUEUE_PROFILING_ENABLE");
    ck_assert_uint_eq(context_refs(context), contexts);
    ck_assert_uint_eq(context_refs(other), others);
    assert_ok(ocelli_device_from_opencl(&dev, context, id, queue, NULL));
    const size_t align = dev->caps.align;
    cl_mem m = make_mem(context, 64 + align), foreign = make_mem(other, 64);
    assert_fails(ocelli_tensor_wrap(&t, dev, foreign, 0, OCELLI_F32, &s), OCELLI_ERR_INVALID,
                 "another context");
    assert_fails(ocelli_tensor_wrap(&t, dev, m, 2 * align, OCELLI_F32, &s), OCELLI_ERR_INVALID,
                 "needs 64 bytes");
    assert_fails(ocelli_tensor_wrap(&t, dev, m, SIZE_MAX, OCELLI_F32, &s), OCELLI_ERR_INVALID,
                 "needs 64 bytes");
    assert_fails(ocelli_tensor_wrap(&t, dev, m, 4, OCELLI_F32, &s), OCELLI_ERR_INVALID,
                 "no multiple");
    assert_fails(ocelli_tensor_wrap(&t, dev, m, 0, 42, &s), OCELLI_ERR_INVALID, "no type");
    assert_fails(ocelli_tensor_wrap(&t, dev, m, 0, OCELLI_F32, NULL), OCELLI_ERR_INVALID,
                 "no shape");
    ck_assert_ptr_null(t);
    ck_assert_uint_eq(mem_refs(m), 1);
    ocelli_device_close(&dev);
    clReleaseMemObject(m);
    clReleaseMemObject(foreign);
    clReleaseContext(other);
    struct ocelli_device *null;
    assert_ok(ocelli_device_open(&null, &(struct ocelli_device_params){.device = "null"}));
    assert_fails(ocelli_tensor_wrap(&t, null, NULL, 0, OCELLI_F32, &s), OCELLI_ERR_UNSUPPORTED,
                 "null device");
    ocelli_device_close(&null);
}
END_TEST

/* Two tensors in one memory, one through a sub-buffer of the caller's: one buffer to the queue
 * manager, so that order is kept between them. */
START_TEST(parts_of_one_memory_are_one_buffer)
{
    enum { N = 32 };
    struct ocelli_device *dev;
    struct ocelli_tensor *whole, *part, *sub;
    cl_int code;
    float host[N];
    assert_ok(ocelli_device_from_opencl(&dev, context, id, queue, NULL));
    const size_t align = round_up(dev->caps.align, N * sizeof(float));
    cl_mem m = make_mem(context, 3 * align);
    cl_buffer_region region = {2 * align, align};
    cl_mem s = clCreateSubBuffer(m, 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    assert_ok(
        ocelli_tensor_wrap(&whole, dev, m, 0, OCELLI_U8, &OCELLI_SHAPE((int64_t)(3 * align))));
    assert_ok(ocelli_tensor_wrap(&part, dev, m, align, OCELLI_F32, &OCELLI_SHAPE(N)));
    assert_ok(ocelli_tensor_wrap(&sub, dev, s, 0, OCELLI_F32, &OCELLI_SHAPE(N)));
    ck_assert_ptr_eq(tensor_span(whole)->buffer, tensor_span(part)->buffer);
    ck_assert_ptr_eq(tensor_span(whole)->buffer, tensor_span(sub)->buffer);
    ck_assert_uint_eq(tensor_span(sub)->offset, 2 * align);
    clReleaseMemObject(s);
    for (int i = 0; i < N; i++)
        host[i] = (float)(1 + i);
    assert_ok(ocelli_tensor_write(part, host, sizeof(host)));
    struct cmdlist *list;
    assert_ok(tiny_list(&list, sub, part, 1000));
    assert_ok(cmdlist_run(list, NULL));
    unsigned char *bytes = malloc(3 * align);
    assert_ok(ocelli_tensor_read(whole, bytes, 3 * align));
    memcpy(host, bytes + 2 * align, sizeof(host));
    for (int i = 0; i < N; i++)
        ck_assert_float_eq(host[i], (float)(1001 + i));
    free(bytes);
    cmdlist_destroy(&list);
    ocelli_tensor_destroy(&part); /* the first of several to go */
    assert_ok(ocelli_tensor_read(sub, host, sizeof(host)));
    ck_assert_float_eq(host[5], 1006.0f);
    ocelli_tensor_destroy(&whole);
    ocelli_tensor_destroy(&sub);
    ck_assert_ptr_null(dev->wrapped);
    ck_assert_uint_eq(mem_refs(m), 1);
    clReleaseMemObject(m);
    ocelli_device_close(&dev);
}
END_TEST

static cl_int status_of(cl_event e)
{
    cl_int s = CL_COMPLETE;
    ck_assert_int_eq(clGetEventInfo(e, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof(s), &s, NULL),
                     CL_SUCCESS);
    return s;
}

/* Work waits for the caller's event, and the event given back completes with it: on a queue in
 * order and on one out of order. */
static void check_events(cl_command_queue q)
{
    struct ocelli_device *dev;
    struct ocelli_tensor *x, *y;
    struct cmdlist *list;
    cl_int code;
    cl_event done = NULL;
    float host[TINY_N];
    const cl_uint contexts = context_refs(context);
    assert_ok(ocelli_device_from_opencl(&dev, context, id, q, NULL));
    assert_ok(ocelli_tensor_create(&x, dev, OCELLI_F32, &OCELLI_SHAPE(TINY_N)));
    assert_ok(ocelli_tensor_create(&y, dev, OCELLI_F32, &OCELLI_SHAPE(TINY_N)));
    for (int i = 0; i < TINY_N; i++)
        host[i] = (float)i;
    assert_ok(ocelli_tensor_write(x, host, sizeof(host)));
    assert_ok(tiny_list(&list, y, x, 7));
    cl_event gate = clCreateUserEvent(context, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    /* Oclgrind runs everything inside clFlush() and would wait there for ever. */
    const bool at_once = strstr(ocelli_device_get_info(chosen)->platform, "Oclgrind") != NULL;
    if (at_once)
        ck_assert_int_eq(clSetUserEventStatus(gate, CL_COMPLETE), CL_SUCCESS);
    assert_ok(cmdlist_enqueue(list, 1, &gate, &done));
    ck_assert_ptr_nonnull(done);
    if (!at_once) {
        usleep(20000);
        ck_assert_int_gt(status_of(done), CL_COMPLETE); /* returned, and has not run */
        ck_assert_int_eq(clSetUserEventStatus(gate, CL_COMPLETE), CL_SUCCESS);
    }
    ck_assert_int_eq(clWaitForEvents(1, &done), CL_SUCCESS);
    ck_assert_int_eq(status_of(done), CL_COMPLETE);
    assert_ok(ocelli_tensor_read(y, host, sizeof(host)));
    for (int i = 0; i < TINY_N; i++)
        ck_assert_float_eq(host[i], (float)(i + 7));
    clReleaseEvent(gate);
    clReleaseEvent(done);
    assert_ok(cmdlist_enqueue(list, 0, NULL, NULL));
    cmdlist_destroy(&list);
    ocelli_tensor_destroy(&x);
    ocelli_tensor_destroy(&y);
    ocelli_device_close(&dev);
    ck_assert_uint_eq(context_refs(context), contexts);
}

START_TEST(events_in_and_out_in_order)
{
    check_events(queue);
}
END_TEST

START_TEST(events_in_and_out_out_of_order)
{
    if (!device_caps(chosen)->out_of_order)
        return;
    cl_command_queue q = make_queue(context, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    check_events(q);
    wait_refs(q, 1);
    clReleaseCommandQueue(q);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("interop");
    TCase *t = tcase_create("interop");
    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, open_once, close_once);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, what_is_given_is_retained_and_released_once);
    tcase_add_test(t, the_caller_may_release_first);
    tcase_add_test(t, what_does_not_belong_together_is_refused);
    tcase_add_test(t, parts_of_one_memory_are_one_buffer);
    tcase_add_test(t, events_in_and_out_in_order);
    tcase_add_test(t, events_in_and_out_out_of_order);
    suite_add_tcase(s, t);
    return run_suite(s);
}
