/* What the tests of the command-queue manager share: devices with queues of every kind, and kernels
 * whose result depends on the order in which they run. */
#ifndef TESTS_QUEUE_TEST_H
#define TESTS_QUEUE_TEST_H

#include <stdint.h>

#include "device/queue.h" /* through cl.h, sets CL_TARGET_OPENCL_VERSION */
#include "tiny.h"

#include <ocelli/opencl.h>

/* qmix: y = 31 a + 7 b + f(k), where f takes `spin` steps; qacc: y = 31 y + a + f(k). qspin: only
 * the steps, by one work-item. The first two run in groups of 32. */
#define QUEUE_KERNELS                                                                          \
    "uint f(uint k, int spin)\n"                                                               \
    "{\n"                                                                                      \
    "    for (int i = 0; i < spin; i++)\n"                                                     \
    "        k = (k ^ k >> 7) * 1664525u + 1013904223u;\n"                                     \
    "    return k;\n"                                                                          \
    "}\n"                                                                                      \
    "__kernel void qmix(__global uint *y, __global const uint *a, __global const uint *b,\n"   \
    "                   const int n, const int k, const int spin)\n"                           \
    "{\n"                                                                                      \
    "    const int i = get_global_id(0);\n"                                                    \
    "    const uint v = f(k, spin);\n"                                                         \
    "    if (i < n)\n"                                                                         \
    "        y[i] = 31 * a[i] + 7 * b[i] + v;\n"                                               \
    "}\n"                                                                                      \
    "__kernel void qacc(__global uint *y, __global const uint *a, const int n, const int k,\n" \
    "                   const int spin)\n"                                                     \
    "{\n"                                                                                      \
    "    const int i = get_global_id(0);\n"                                                    \
    "    const uint v = f(k, spin);\n"                                                         \
    "    if (i < n)\n"                                                                         \
    "        y[i] = 31 * y[i] + a[i] + v;\n"                                                   \
    "}\n"                                                                                      \
    "__kernel void qspin(__global uint *y, const int k, const int spin)\n"                     \
    "{\n"                                                                                      \
    "    y[0] = f(k, spin);\n"                                                                 \
    "}\n"                                                                                      \
    "__kernel __attribute__((reqd_work_group_size(8, 1, 1)))\n"                                \
    "void qfixed(__global uint *y, __local uint *tmp)\n"                                       \
    "{\n"                                                                                      \
    "    tmp[get_local_id(0)] = get_local_id(0);\n"                                            \
    "    y[get_global_id(0)] = tmp[get_local_id(0)];\n"                                        \
    "}\n"

static inline uint32_t f(uint32_t k, int spin)
{
    for (int i = 0; i < spin; i++)
        k = (k ^ k >> 7) * 1664525u + 1013904223u;
    return k;
}

static inline void mix_launch(struct launches *l, int n, int k, int spin)
{
    struct launch *x = launch_add(l, "queue", "qmix");

    launch_out(x, "y", 0);
    launch_in(x, "a", 0);
    launch_in(x, "b", 1);
    launch_int(x, "n", n);
    launch_int(x, "k", k);
    launch_int(x, "spin", spin);
    launch_grid1(x, (size_t)n, 32);
}

static inline void acc_launch(struct launches *l, int n, int k, int spin)
{
    struct launch *x = launch_add(l, "queue", "qacc");

    launch_buffer(x, "y", REF_OUT, 0, ACCESS_READ_WRITE);
    launch_in(x, "a", 0);
    launch_int(x, "n", n);
    launch_int(x, "k", k);
    launch_int(x, "spin", spin);
    launch_grid1(x, (size_t)n, 32);
}

static inline void spin_launch(struct launches *l, int k, int spin)
{
    struct launch *x = launch_add(l, "queue", "qspin");

    launch_out(x, "y", 0);
    launch_int(x, "k", k);
    launch_int(x, "spin", spin);
    launch_grid1(x, 1, 1);
}

#define WHOLE 100 /* words of the buffers that most tests use */

static char dir[64];
static struct ocelli_device *dev;
static cl_context context; /* ours, for devices over given queues */
static cl_command_queue given;

enum mode { ONE_LANE, THREE_LANES, GIVEN, GIVEN_OUT_OF_ORDER, MODES };

static inline void open_dev(enum mode mode, bool profile)
{
    struct ocelli_device_params p = {.profile = profile, .lanes = mode == THREE_LANES ? 3 : 1};
    struct ocelli_device *first;
    cl_int code;

    if (mode < GIVEN) {
        assert_ok(ocelli_device_open(&dev, &p));
        return;
    }
    assert_ok(ocelli_device_open(&first, NULL));
    cl_device_id id = first->id;
    context = clCreateContext(NULL, 1, &id, NULL, NULL, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    cl_queue_properties props[] = {
        CL_QUEUE_PROPERTIES,
        (mode == GIVEN_OUT_OF_ORDER ? CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE : 0) |
            (profile ? CL_QUEUE_PROFILING_ENABLE : 0),
        0};
    given = clCreateCommandQueueWithProperties(context, id, props, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    ocelli_device_close(&first);
    assert_ok(ocelli_device_from_opencl(&dev, context, id, given, &p));
}

/* With the device all OpenCL objects go. */
static inline void close_dev(void)
{
    ocelli_device_close(&dev);
    ck_assert_int_eq(cl_live(), 0);
    if (given)
        clReleaseCommandQueue(given);
    if (context)
        clReleaseContext(context);
    given = NULL;
    context = NULL;
}

static inline struct ocelli_tensor *words(int n)
{
    struct ocelli_tensor *t;
    assert_ok(ocelli_tensor_create(&t, dev, OCELLI_I32, &OCELLI_SHAPE(n)));
    return t;
}

static inline struct binding fixed(struct ocelli_tensor *t)
{
    return (struct binding){.span = *tensor_span(t), .slot = -1};
}

static inline struct cmdlist *spins(struct ocelli_tensor *const *t, int n, int steps)
{
    struct cmdlist *list;
    struct launches l = {0};

    assert_ok(cmdlist_create(&list, dev));
    for (int i = 0; i < n; i++) {
        struct binding y = fixed(t[i]);
        char label[16];
        spin_launch(&l, i, steps);
        assert_ok(l.err);
        snprintf(label, sizeof(label), "spin%d", i);
        assert_ok(cmdlist_add(list, &l.item[i], NULL, &y, NULL, label));
    }
    launches_free(&l);
    assert_ok(cmdlist_seal(list, NULL, NULL));
    return list;
}

/* y = 31 y + x, x = 31 x + y, z = 31 x + 7 y */
static inline struct cmdlist *three_steps(struct ocelli_tensor *const t[3], int n, int slot)
{
    struct cmdlist *list;
    struct launches l = {0};
    struct binding x = fixed(t[0]), y = fixed(t[1]), z = fixed(t[2]), xy[2] = {x, y};

    z.slot = slot;
    acc_launch(&l, n, 1, 0);
    acc_launch(&l, n, 2, 0);
    mix_launch(&l, n, 3, 0);
    assert_ok(l.err);
    assert_ok(cmdlist_create(&list, dev));
    assert_ok(cmdlist_add(list, &l.item[0], &x, &y, NULL, "first"));
    assert_ok(cmdlist_add(list, &l.item[1], &y, &x, NULL, "second"));
    assert_ok(cmdlist_add(list, &l.item[2], xy, &z, NULL, "third"));
    launches_free(&l);
    assert_ok(cmdlist_seal(list, NULL, NULL));
    return list;
}

static inline void host_three(uint32_t x[2])
{
    x[1] = 31 * x[1] + x[0] + 1;
    x[0] = 31 * x[0] + x[1] + 2;
}

static inline void check_words(struct ocelli_tensor *t, uint32_t value)
{
    uint32_t got[WHOLE];

    assert_ok(ocelli_tensor_read(t, got, sizeof(got)));
    for (int i = 0; i < WHOLE; i++)
        ck_assert_uint_eq(got[i], value);
}

static inline void set_words(struct ocelli_tensor *t, uint32_t value)
{
    uint32_t v[WHOLE];

    for (int i = 0; i < WHOLE; i++)
        v[i] = value;
    assert_ok(ocelli_tensor_write(t, v, sizeof(v)));
}

/* The three steps once more from the start: the device works. */
static inline void check_works(struct cmdlist *list, struct ocelli_tensor *const t[3])
{
    uint32_t x[2] = {5, 6};

    set_words(t[0], 5);
    set_words(t[1], 6);
    assert_ok(cmdlist_run(list, NULL));
    host_three(x);
    check_words(t[0], x[0]);
    check_words(t[1], x[1]);
    check_words(t[2], 31 * x[0] + 7 * x[1] + 3);
}

static inline void set_up(void)
{
    temp_dir(dir);
    put_file(dir, "queue.cl", QUEUE_KERNELS);
    setenv("OCELLI_KERNEL_DIR", dir, 1);
    setenv("OCELLI_CACHE_DIR", dir, 1);
}

static inline void tear_down(void)
{
    remove_tree(dir);
}

#endif
