/* The device as the folders above it see it: memory, transfers, command lists. Nothing here names an
 * OpenCL type; what does is in device/cl.h, which only src/device/ includes. */
#ifndef DEVICE_DEVICE_H
#define DEVICE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocelli/device.h>
#include <ocelli/tensor.h>

#include "base/err.h"
#include "base/shape.h"
#include "device/caps.h"
#include "device/launch.h"

const struct caps *device_caps(const struct ocelli_device *dev);
const struct log *device_log(const struct ocelli_device *dev);
/* Are compiled programs kept on disk? */
bool device_keeps_programs(const struct ocelli_device *dev);
/* The listener of plans that are tuned, NULL: none. */
bool (*device_tuning(const struct ocelli_device *dev, void **user))(
    void *user, const struct ocelli_tune_progress *p);
bool device_is_null(const struct ocelli_device *dev);
bool device_profiles(const struct ocelli_device *dev);

/* The hash of the sources that the launches are compiled from: it changes when a kernel does (compile.c).
 * Fails: INVALID (there is no such kernel file), IO, MEMORY. */
int launches_source(const struct launches *l, char hex[33]);

/* ---- Memory (buffer.c) ---- */

/* A counted block of device memory. */
struct buffer;
int buffer_create(struct buffer **out, struct ocelli_device *dev, size_t bytes);
struct buffer *buffer_retain(struct buffer *b);
/* Releases one reference and NULLs the pointer; NULL is fine. */
void buffer_release(struct buffer **b);

/* A range of a buffer. offset is a multiple of caps.align. */
struct span {
    struct buffer *buffer;
    size_t offset, bytes;
};

/* A tensor over a span; retains the buffer. */
int tensor_over(struct ocelli_tensor **out, struct ocelli_device *dev, const struct span *span,
                const struct desc *desc);
/* One without elements. */
int tensor_empty(struct ocelli_tensor **out, struct ocelli_device *dev, const struct desc *desc);
const struct span *tensor_span(const struct ocelli_tensor *t);
const struct desc *tensor_desc(const struct ocelli_tensor *t);
struct ocelli_device *tensor_device(const struct ocelli_tensor *t);
/* Notes that the memory behind the tensor is being written; how often it was. */
void tensor_touch(struct ocelli_tensor *t);
uint64_t tensor_version(const struct ocelli_tensor *t);

/* ---- Transfers (queue.c) ---- */

/* A moment in the device's work that can be waited for. {0} is a moment long past. */
struct fence {
    void *event;
};
/* Waits; then the fence is {0}. Fails: DEVICE when the command before it failed. */
int fence_wait(struct fence *f);
/* Waits for nothing; then the fence is {0}. */
void fence_drop(struct fence *f);

/* Copies between host memory and a tensor's start, ordered against every command that touches the same
 * bytes, on a lane of its own so that it overlaps compute. Returns at once: the host memory must stay as
 * it is until the fence has passed. `done` may be NULL. */
int transfer_write(struct ocelli_tensor *t, const void *src, size_t bytes, struct fence *done);
int transfer_read(struct ocelli_tensor *t, void *dst, size_t bytes, struct fence *done);

/* ---- Command lists (cmdlist.c) ---- */

/* Launches recorded once and run many times. The manager derives from what each launch reads and writes
 * which ones must wait for which, and spreads the others over the device's lanes. */
struct cmdlist;
int cmdlist_create(struct cmdlist **out, struct ocelli_device *dev);
void cmdlist_destroy(struct cmdlist **list);

/* Where a launch's buffers are. slot -1: fixed; else the number of an external buffer that
 * cmdlist_bind() can exchange (the same number for the same buffer). */
struct binding {
    struct span span;
    int slot;
};
/* Appends a launch (copied) with the buffers of its problem. `label` names it in traces and error
 * messages (copied). */
int cmdlist_add(struct cmdlist *list, const struct launch *launch, const struct binding *in,
                const struct binding *out, const struct binding *scratch, const char *label);
/* Compiles what the launches of n lists need and is not compiled yet, all together: drivers take long, and with
 * several programs at once less. The device's own listener is told. Nothing to do where it cannot run. */
int device_compile(struct ocelli_device *dev, const struct launches *const *list, int n);
/* Compiles what is not compiled yet (programs in parallel), makes the kernels, fixes order and lanes.
 * `progress` (NULL: the device's own listener) is told how many of how many programs are ready. */
int cmdlist_seal(struct cmdlist *list, void (*progress)(void *user, int done, int n), void *user);
/* Makes an external buffer another one, of at least the same size, from the next run on. */
int cmdlist_bind(struct cmdlist *list, int slot, const struct span *span);
/* Enqueues all of it, after everything earlier that it depends on. `done` may be NULL. */
int cmdlist_run(struct cmdlist *list, struct fence *done);
/* cmdlist_run() that starts after the caller's events and gives one back (the caller's to release) in
 * *done if that is not NULL. The types are those behind cl_event and cl_uint, without CL/cl.h. */
struct _cl_event;
int cmdlist_enqueue(struct cmdlist *list, unsigned n_wait, struct _cl_event *const *wait,
                    struct _cl_event **done);
/* The same for a plan: public in <ocelli/opencl.h>, declared here for plan/, which implements it. */
struct ocelli_plan;
OCELLI_API int ocelli_plan_enqueue(struct ocelli_plan *plan, unsigned n_wait,
                                   struct _cl_event *const *wait, struct _cl_event **done);
/* Milliseconds on the device of launch i in the last run that was profiled; waits for it. 0 when the
 * device does not profile or the list has not run. */
double cmdlist_ms(struct cmdlist *list, int i);

#endif
