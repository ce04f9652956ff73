#include <stdio.h>
#include <stdlib.h>

#include "device/cl.h"

int tensor_desc_make(struct desc *d, enum ocelli_dtype dtype, const struct ocelli_shape *shape)
{
    int err;
    if (!shape)
        return fail(OCELLI_ERR_INVALID, "tensor: no shape given");
    if (ocelli_dtype_size(dtype) == 0)
        return fail(OCELLI_ERR_INVALID, "tensor: %d is no type", (int)dtype);
    TRY(shape_check(shape));
    *d = (struct desc){.dtype = dtype, .shape = *shape};
out:
    return err;
}

int tensor_over(struct ocelli_tensor **out, struct ocelli_device *dev, const struct span *span,
                const struct desc *desc)
{
    size_t end;
    *out = NULL;
    if (span->bytes < desc_bytes(desc) || !add_size(span->offset, span->bytes, &end) ||
        end > span->buffer->bytes)
        return fail(OCELLI_ERR_INVALID, "tensor: %zu bytes at %zu of a buffer of %zu",
                    desc_bytes(desc), span->offset, span->buffer->bytes);
    struct ocelli_tensor *t = calloc(1, sizeof(*t));
    if (!t)
        return fail_memory();
    *t = (struct ocelli_tensor){.dev = dev, .span = *span, .desc = *desc};
    buffer_retain(t->span.buffer);
    *out = t;
    return 0;
}

int ocelli_tensor_create(struct ocelli_tensor **out, struct ocelli_device *dev,
                         enum ocelli_dtype dtype, const struct ocelli_shape *shape)
{
    int err;
    struct desc d;
    struct span span = {0};
    *out = NULL;
    TRY(tensor_desc_make(&d, dtype, shape));
    span.bytes = desc_bytes(&d);
    TRY(buffer_create(&span.buffer, dev, span.bytes));
    TRY(tensor_over(out, dev, &span, &d));
out:
    buffer_release(&span.buffer); /* the tensor holds its own */
    return err;
}

int tensor_empty(struct ocelli_tensor **out, struct ocelli_device *dev, const struct desc *desc)
{
    struct span span = {.bytes = 1}; /* OpenCL has no memory of 0 bytes */
    int err = buffer_create(&span.buffer, dev, span.bytes);
    *out = NULL;
    if (!err)
        err = tensor_over(out, dev, &span, desc);
    buffer_release(&span.buffer);
    return err;
}

void ocelli_tensor_destroy(struct ocelli_tensor **t)
{
    if (!t || !*t)
        return;
    buffer_release(&(*t)->span.buffer);
    free(*t);
    *t = NULL;
}

static int check_copy(const struct ocelli_tensor *t, const void *host, size_t bytes,
                      const char *what)
{
    char shape[SHAPE_TEXT];
    if (!host)
        return fail(OCELLI_ERR_INVALID, "tensor %s: no host memory given", what);
    if (bytes != desc_bytes(&t->desc))
        return fail(OCELLI_ERR_INVALID, "tensor %s: %zu bytes given, %s of %s has %zu", what, bytes,
                    shape_text(&t->desc.shape, shape), dtype_name(t->desc.dtype),
                    desc_bytes(&t->desc));
    if (device_is_null(t->dev))
        return fail(OCELLI_ERR_UNSUPPORTED, "tensor %s: the null device has no memory", what);
    return 0;
}

/* Waits. Where that fails the device may still be at the host memory, which is the caller's again
 * when we return: so wait for everything, as well as can be. */
static int settle(struct ocelli_device *dev, struct fence *done)
{
    int err = fence_wait(done);
    if (err) {
        char why[256];
        snprintf(why, sizeof(why), "%s", ocelli_error());
        queue_finish(dev);
        fail(err, "%s", why);
    }
    return err;
}

int ocelli_tensor_write(struct ocelli_tensor *t, const void *src, size_t bytes)
{
    int err;
    struct fence done = {0};
    TRY(check_copy(t, src, bytes, "write"));
    if (bytes == 0)
        goto out;
    tensor_touch(t);
    TRY(transfer_write(t, src, bytes, &done));
    TRY(settle(t->dev, &done));
out:
    return err;
}

int ocelli_tensor_read(struct ocelli_tensor *t, void *dst, size_t bytes)
{
    int err;
    struct fence done = {0};
    TRY(check_copy(t, dst, bytes, "read"));
    if (bytes == 0)
        goto out;
    TRY(transfer_read(t, dst, bytes, &done));
    TRY(settle(t->dev, &done));
out:
    return err;
}

const struct ocelli_shape *ocelli_tensor_shape(const struct ocelli_tensor *t)
{
    return &t->desc.shape;
}

enum ocelli_dtype ocelli_tensor_dtype(const struct ocelli_tensor *t)
{
    return t->desc.dtype;
}

size_t ocelli_tensor_bytes(const struct ocelli_tensor *t)
{
    return desc_bytes(&t->desc);
}

const struct span *tensor_span(const struct ocelli_tensor *t)
{
    return &t->span;
}

const struct desc *tensor_desc(const struct ocelli_tensor *t)
{
    return &t->desc;
}

struct ocelli_device *tensor_device(const struct ocelli_tensor *t)
{
    return t->dev;
}

void tensor_touch(struct ocelli_tensor *t)
{
    t->span.buffer->version++;
}

uint64_t tensor_version(const struct ocelli_tensor *t)
{
    return t->span.buffer->version;
}
