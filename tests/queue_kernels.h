/* Kernels whose result depends on the order in which they run, for check_queue.c; and the same on the
 * host. */
#ifndef TESTS_QUEUE_KERNELS_H
#define TESTS_QUEUE_KERNELS_H

#include <stdint.h>

#include "tiny.h"

/* qmix: y = 31 a + 7 b + f(k), where f takes `spin` steps; qacc: y = 31 y + a + f(k). qspin: only the
 * steps, by one work-item. The first two run in groups of 32. */
#define QUEUE_KERNELS                                                                              \
    "uint f(uint k, int spin)\n"                                                                   \
    "{\n"                                                                                          \
    "    for (int i = 0; i < spin; i++)\n"                                                         \
    "        k = (k ^ k >> 7) * 1664525u + 1013904223u;\n"                                         \
    "    return k;\n"                                                                              \
    "}\n"                                                                                          \
    "__kernel void qmix(__global uint *y, __global const uint *a, __global const uint *b,\n"      \
    "                   const int n, const int k, const int spin)\n"                               \
    "{\n"                                                                                          \
    "    const int i = get_global_id(0);\n"                                                        \
    "    const uint v = f(k, spin);\n"                                                             \
    "    if (i < n)\n"                                                                             \
    "        y[i] = 31 * a[i] + 7 * b[i] + v;\n"                                                   \
    "}\n"                                                                                          \
    "__kernel void qacc(__global uint *y, __global const uint *a, const int n, const int k,\n"    \
    "                   const int spin)\n"                                                         \
    "{\n"                                                                                          \
    "    const int i = get_global_id(0);\n"                                                        \
    "    const uint v = f(k, spin);\n"                                                             \
    "    if (i < n)\n"                                                                             \
    "        y[i] = 31 * y[i] + a[i] + v;\n"                                                       \
    "}\n"                                                                                          \
    "__kernel void qspin(__global uint *y, const int k, const int spin)\n"                        \
    "{\n"                                                                                          \
    "    y[0] = f(k, spin);\n"                                                                     \
    "}\n"                                                                                          \
    "__kernel __attribute__((reqd_work_group_size(8, 1, 1)))\n"                                    \
    "void qfixed(__global uint *y, __local uint *tmp)\n"                                           \
    "{\n"                                                                                          \
    "    tmp[get_local_id(0)] = get_local_id(0);\n"                                                \
    "    y[get_global_id(0)] = tmp[get_local_id(0)];\n"                                            \
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

#endif
