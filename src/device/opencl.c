/* Devices and tensors over OpenCL objects of the caller's. */
#include "device/discover.h" /* sets CL_TARGET_OPENCL_VERSION */

#include <ocelli/opencl.h>

int ocelli_tensor_wrap(struct ocelli_tensor **out, struct ocelli_device *dev, cl_mem mem,
                       size_t offset, enum ocelli_dtype dtype, const struct ocelli_shape *shape)
{
    int err;
    struct desc d;
    struct span span = {0};
    cl_context context;
    cl_mem_object_type type;
    size_t bytes, start, need;
    *out = NULL;
    TRY(tensor_desc_make(&d, dtype, shape));
    if (!dev->context)
        return fail(OCELLI_ERR_UNSUPPORTED, "tensor: the null device takes no cl_mem");
    CL_TRY(clGetMemObjectInfo(mem, CL_MEM_CONTEXT, sizeof(context), &context, NULL));
    CL_TRY(clGetMemObjectInfo(mem, CL_MEM_TYPE, sizeof(type), &type, NULL));
    CL_TRY(clGetMemObjectInfo(mem, CL_MEM_SIZE, sizeof(bytes), &bytes, NULL));
    if (context != dev->context)
        return fail(OCELLI_ERR_INVALID, "tensor: the cl_mem is of another context");
    if (type != CL_MEM_OBJECT_BUFFER)
        return fail(OCELLI_ERR_INVALID, "tensor: the cl_mem is no buffer");
    if (!add_size(offset, desc_bytes(&d), &need) || need > bytes)
        return fail(OCELLI_ERR_INVALID, "tensor: needs %zu bytes at %zu, the cl_mem has %zu",
                    desc_bytes(&d), offset, bytes);
    if (offset % dev->caps.align != 0)
        return fail(OCELLI_ERR_INVALID, "tensor: offset %zu is no multiple of %zu", offset,
                    dev->caps.align);
    TRY(buffer_wrap(&span.buffer, dev, mem, &start));
    span.offset = start + offset;
    span.bytes = desc_bytes(&d);
    TRY(tensor_over(out, dev, &span, &d));
out:
    buffer_release(&span.buffer); /* the tensor holds its own */
    return err;
}

cl_mem ocelli_tensor_mem(const struct ocelli_tensor *t, size_t *offset)
{
    if (offset)
        *offset = t->span.offset;
    return t->span.buffer->mem;
}

void ocelli_tensor_changed(struct ocelli_tensor *t)
{
    tensor_touch(t);
}

/* The three must belong together, and the queue must be able to do what is asked. */
static int check_given(cl_context context, cl_device_id id, cl_command_queue queue, bool profile)
{
    int err;
    cl_context its_context;
    cl_device_id its_device;
    cl_command_queue_properties properties;
    if (!context || !id || !queue)
        return fail(OCELLI_ERR_INVALID, "device: context, device and queue must all be given");
    CL_TRY(clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof(its_context), &its_context, NULL));
    CL_TRY(clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof(its_device), &its_device, NULL));
    CL_TRY(
        clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof(properties), &properties, NULL));
    if (its_context != context)
        return fail(OCELLI_ERR_INVALID, "device: the queue is of another context");
    if (its_device != id)
        return fail(OCELLI_ERR_INVALID, "device: the queue is of another device");
    if (profile && !(properties & CL_QUEUE_PROFILING_ENABLE))
        return fail(OCELLI_ERR_INVALID,
                    "device: profile needs a queue made with CL_QUEUE_PROFILING_ENABLE");
    err = 0;
out:
    return err;
}

int ocelli_device_from_opencl(struct ocelli_device **out, cl_context context, cl_device_id id,
                              cl_command_queue queue, const struct ocelli_device_params *p)
{
    static const struct ocelli_device_params none;
    int err;
    struct ocelli_device *dev = NULL;
    struct found f = {.id = id};
    *out = NULL;
    p = p ? p : &none;
    TRY(check_given(context, id, queue, p->profile));
    CL_TRY(clGetDeviceInfo(id, CL_DEVICE_PLATFORM, sizeof(f.platform), &f.platform, NULL));
    TRY(caps_query(&f, OCELLI_DEVICE_NULL));
    f.info.index = -1;
    TRY(device_make(&dev, &f, p));
    CL_TRY(clRetainContext(context));
    cl_count(1);
    dev->context = context;
    TRY(device_start(dev, 1, queue));
    *out = dev;
    dev = NULL;
out:
    ocelli_device_close(&dev);
    return err;
}
