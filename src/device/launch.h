/* Launch descriptions: what is to be run, as plain data. Written by operations, executed by the
 * device; no OpenCL in sight, so they can be printed, tested and counted without a device.
 *
 * A kernel's arguments are named; the device sets them by the position that the names have in the
 * list, which must be the kernel's own order (checked against the driver in debug builds). Buffers are
 * named by role: the k-th input or output of the problem, or the k-th scratch buffer of the list. */
#ifndef DEVICE_LAUNCH_H
#define DEVICE_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

#define LAUNCH_MAX_ARGS 40

enum ref_kind { REF_IN, REF_OUT, REF_SCRATCH };
struct ref {
    enum ref_kind kind;
    int index;
};

enum arg_kind { ARG_BUFFER, ARG_INT, ARG_FLOAT, ARG_LOCAL };
enum access { ACCESS_READ = 1, ACCESS_WRITE = 2, ACCESS_READ_WRITE = 3 };

struct launch_arg {
    const char *name;
    enum arg_kind kind;
    struct ref ref;     /* BUFFER */
    enum access access; /* BUFFER */
    int i;              /* INT */
    float f;            /* FLOAT */
    size_t bytes;       /* LOCAL */
};

enum launch_kind {
    LAUNCH_KERNEL,
    LAUNCH_CLBLAST_GEMM, /* arguments by name: c, a, b; m, n, k, trans_a, trans_b */
};

struct launch {
    enum launch_kind kind;
    const char *program; /* cl/<program>.cl */
    const char *kernel;
    struct text defines; /* " -DA=1 -DB=2" */
    struct launch_arg arg[LAUNCH_MAX_ARGS];
    int n_args;
    int dims;
    size_t global[3], local[3]; /* local[0] 0: the driver's choice */
};

/* The launches of one problem, in an order in which they could run one after another. */
struct launches {
    struct launch *item;
    int n, cap;
    size_t *scratch; /* bytes of each scratch buffer */
    int n_scratch, cap_scratch;
    int err; /* sticky: the first failure of the calls below */
};

/* Building. All are void or return something usable after a failure; ask l->err at the end.
 * Program and kernel are string literals (kept, not copied). */
struct launch *launch_add(struct launches *l, const char *program, const char *kernel);
void launch_define(struct launch *k, const char *fmt, ...) /* "OCT=%d" */
    __attribute__((format(printf, 2, 3)));
void launch_buffer(struct launch *k, const char *name, enum ref_kind kind, int index,
                   enum access access);
void launch_out(struct launch *k, const char *name, int index); /* output, written */
void launch_in(struct launch *k, const char *name, int index);  /* input, read */
void launch_int(struct launch *k, const char *name, int value);
void launch_float(struct launch *k, const char *name, float value);
void launch_local(struct launch *k, const char *name, size_t bytes);
/* Adds a scratch buffer to the list; its index. */
int launch_scratch(struct launches *l, size_t bytes);
/* Global sizes are rounded up to multiples of the local ones. */
void launch_grid1(struct launch *k, size_t g0, size_t l0);
void launch_grid2(struct launch *k, size_t g0, size_t g1, size_t l0, size_t l1);
void launch_grid3(struct launch *k, size_t g0, size_t g1, size_t g2, size_t l0, size_t l1,
                  size_t l2);
void launches_free(struct launches *l);

#endif
