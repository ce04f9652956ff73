/* Interoperation with the caller's own OpenCL objects. The only public header that includes
 * CL/cl.h; define CL_TARGET_OPENCL_VERSION before it as you please (120 or above).
 *
 * What is given is retained and released exactly once; the caller keeps its own reference. */
#ifndef OCELLI_OPENCL_H
#define OCELLI_OPENCL_H

#include <CL/cl.h>

#include <ocelli/device.h>
#include <ocelli/plan.h>
#include <ocelli/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A device over the caller's context and queue. All kernels and transfers go to that queue, in
 * order or out of order as it was made. p may be NULL; its device, platform and lanes are ignored;
 * profile needs a queue made with CL_QUEUE_PROFILING_ENABLE.
 * Fails: INVALID (the queue is not of that context and device), DEVICE, MEMORY.
 * Thread-safety: the device belongs to one thread at a time. */
OCELLI_API int ocelli_device_from_opencl(struct ocelli_device **out, cl_context context,
                                         cl_device_id id, cl_command_queue queue,
                                         const struct ocelli_device_params *p);

/* A tensor over the caller's buffer, from byte `offset` on (a multiple of the device's
 * CL_DEVICE_MEM_BASE_ADDR_ALIGN / 8). The buffer must be of the device's context and large enough.
 * Fails: INVALID, DEVICE. */
OCELLI_API int ocelli_tensor_wrap(struct ocelli_tensor **out, struct ocelli_device *dev, cl_mem mem,
                                  size_t offset, enum ocelli_dtype dtype,
                                  const struct ocelli_shape *shape);

/* The buffer behind a tensor, borrowed; its first element is at byte *offset. */
OCELLI_API cl_mem ocelli_tensor_mem(const struct ocelli_tensor *t, size_t *offset);

/* Tells that the caller's own commands have written into the tensor's buffer. Needed only for weights:
 * plans prepare from them (fold, pack) and do so again when they have changed. */
OCELLI_API void ocelli_tensor_changed(struct ocelli_tensor *t);

/* ocelli_plan_run() that starts after the caller's n_wait events and, if `done` is not NULL, gives
 * back an event (the caller releases it) that completes with the run. Returns without waiting. */
OCELLI_API int ocelli_plan_enqueue(struct ocelli_plan *plan, cl_uint n_wait, const cl_event *wait,
                                   cl_event *done);

#ifdef __cplusplus
}
#endif
#endif
