/* The OpenCL side of the device, for src/device/ only: the one header here that includes CL/cl.h. */
#ifndef DEVICE_CL_H
#define DEVICE_CL_H

#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>

#include "device/device.h"

/* ---- Calls (call.c) ----
 * Every OpenCL call goes through CL_TRY (returns a code) or CL_NEW (returns an object and sets cl_err),
 * which can make it fail on purpose and which counts live objects, or is a release or an info query in a
 * path that cannot fail. They need `int err` and a label `out`. */

/* 0, or the code with which this call is to fail instead of being made: OCELLI_FAULT
 * "call=17,mode=once|always,code=-5" fails the 17th call of the process (from the 17th on). */
cl_int fault_next(const char *call);
/* The fault counter, for tests: arms as the variable would, from now on; n 0 disarms. Returns how many
 * calls were made since the last arming. */
int fault_arm(int n, bool always, cl_int code);

/* Sets the message "clEnqueueNDRangeKernel: CL_OUT_OF_RESOURCES (-5)" and returns the library's code. */
int cl_fail(cl_int code, const char *call);
const char *cl_code_name(cl_int code);

/* Objects made by CL_NEW or retained, and not released. Process-wide, atomic; tests ask that it comes back
 * to where it was. */
int cl_live(void);
void cl_count(int delta);

#define CL_TRY(call)                                                                               \
    do {                                                                                           \
        cl_int cl_code = fault_next(#call);                                                        \
        if (cl_code == CL_SUCCESS)                                                                 \
            cl_code = (call);                                                                      \
        if (cl_code != CL_SUCCESS) {                                                               \
            err = cl_fail(cl_code, #call);                                                         \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

/* CL_NEW(b->mem, clCreateBuffer(ctx, flags, bytes, NULL, &cl_err)); */
#define CL_NEW(object, call)                                                                       \
    do {                                                                                           \
        cl_int cl_err = fault_next(#call);                                                         \
        (object) = NULL;                                                                           \
        if (cl_err == CL_SUCCESS)                                                                  \
            (object) = (call);                                                                     \
        if (cl_err != CL_SUCCESS) {                                                                \
            (object) = NULL;                                                                       \
            err = cl_fail(cl_err, #call);                                                          \
            goto out;                                                                              \
        }                                                                                          \
        cl_count(1);                                                                               \
    } while (0)

/* CL_RELEASE(clReleaseMemObject, b->mem): releases and NULLs; NULL is fine. */
#define CL_RELEASE(release, object)                                                                \
    do {                                                                                           \
        if (object) {                                                                              \
            release(object);                                                                       \
            cl_count(-1);                                                                          \
            (object) = NULL;                                                                       \
        }                                                                                          \
    } while (0)

/* ---- The device ---- */

struct queue;    /* the command-queue manager, queue.c */
struct programs; /* programs built so far, program.c */

struct ocelli_device {
    struct ocelli_device_info info;
    struct caps caps;
    struct log log;
    void (*building)(void *user, int done, int n); /* NULL: nobody is told */
    void *building_user;
    bool (*tuning)(void *user, const struct ocelli_tune_progress *p);
    void *tuning_user;
    bool profile;
    bool use_cache;
    char *compiler; /* of ocelli_device_params; NULL: none */
    cl_platform_id platform; /* NULL on the null device, as are the following */
    cl_device_id id;
    cl_context context;
    struct queue *queue;
    struct programs *programs;
    struct ocelli_device_stats stats;
    struct buffer *wrapped; /* buffers over memory of the caller's, so that one memory is one buffer */
    bool clblast_used;
};

struct sub_buffer {
    size_t offset, bytes;
    cl_mem mem;
};
struct buffer {
    int refs;
    struct ocelli_device *dev;
    cl_mem mem;
    size_t bytes; /* counted in stats unless wrapped */
    bool wrapped; /* the caller's */
    uint64_t version; /* counts what is known to write into it */
    struct sub_buffer *sub; /* made on demand, released with the buffer */
    int n_sub, cap_sub;
    struct buffer *next; /* in dev->wrapped */
};
/* The buffer over a memory object of the caller's; *offset gets what a sub-buffer starts at in it. */
int buffer_wrap(struct buffer **out, struct ocelli_device *dev, cl_mem mem, size_t *offset);
/* The cl_mem for a span, borrowed: the buffer's own where the span starts at 0, else a sub-buffer. */
int span_mem(const struct span *span, cl_mem *out);

struct ocelli_tensor {
    struct ocelli_device *dev;
    struct span span;
    struct desc desc;
};

/* A checked description; shape may be the caller's NULL. */
int tensor_desc_make(struct desc *d, enum ocelli_dtype dtype, const struct ocelli_shape *shape);

/* ---- Programs (program.c; cache.c keeps binaries on disk) ---- */

struct program;
/* Finds or begins a program: cl/<name>.cl with the prelude and defines. Not compiled yet. The programs
 * belong to the device and live as long. */
int program_get(struct ocelli_device *dev, const char *name, const char *defines,
                struct program **out);
/* Compiles those that are not yet, several at once where the driver is known to allow it; takes binaries from
 * the disk cache, and puts new ones there after their kernels exist. Without `progress` the device's own
 * listener is told. BUILD with the driver's log. */
int programs_build(struct program *const *list, int n,
                   void (*progress)(void *user, int done, int n), void *user);
/* A kernel object of a built program, owned by the caller. */
int program_kernel(struct program *p, const char *kernel, cl_kernel *out);
int programs_create(struct ocelli_device *dev);
void programs_destroy(struct ocelli_device *dev);

/* The embedded kernel sources (generated): name without ".cl"; "prelude" is among them. */
struct kernel_source {
    const char *name, *text;
};
extern const struct kernel_source kernel_sources[]; /* ends with {NULL} */

/* ---- The command-queue manager (queue.c) ---- */

/* With `given`, all work goes to that queue (retained). */
int queue_create(struct ocelli_device *dev, int lanes, cl_command_queue given);
/* Waits for all and destroys. */
void queue_destroy(struct ocelli_device *dev);
int queue_finish(struct ocelli_device *dev);
/* Waits for what touches the buffer and forgets it: called before a buffer goes. */
void queue_forget(struct ocelli_device *dev, const struct buffer *b);
/* cmdlist_enqueue() of device.h takes the caller's events. */

/* CLBlast's SGEMM on a queue, after what is in it (clblast.c); UNSUPPORTED when built without. */
struct gemm_call {
    int m, n, k;
    bool trans_a, trans_b;
    cl_mem a, b, c;
    size_t a_offset, b_offset, c_offset; /* elements */
};
int clblast_gemm(struct ocelli_device *dev, cl_command_queue q, const struct gemm_call *call,
                 cl_event *done);
/* Drops what CLBlast keeps of the device's context. */
void clblast_forget(struct ocelli_device *dev);

#endif
