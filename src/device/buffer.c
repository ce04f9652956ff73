/* Device memory: counted blocks, and sub-buffers for spans of them. */
#include <stdlib.h>

#include "device/cl.h"

static void count_bytes(struct ocelli_device *dev, size_t bytes)
{
    dev->stats.bytes_allocated += bytes;
    dev->stats.bytes_peak = MAX(dev->stats.bytes_peak, dev->stats.bytes_allocated);
}

int buffer_create(struct buffer **out, struct ocelli_device *dev, size_t bytes)
{
    int err = 0;
    *out = NULL;
    if (bytes == 0)
        return fail(OCELLI_ERR_INVALID, "device memory: 0 bytes asked for");
    if (bytes > dev->caps.max_alloc)
        return fail(OCELLI_ERR_MEMORY,
                    "device memory: %zu bytes in one piece, %s gives at most %llu", bytes,
                    dev->info.name, (unsigned long long)dev->caps.max_alloc);
    struct buffer *b = calloc(1, sizeof(*b));
    if (!b)
        return fail_memory();
    *b = (struct buffer){.refs = 1, .dev = dev, .bytes = bytes};
    if (dev->context)
        CL_NEW(b->mem, clCreateBuffer(dev->context, CL_MEM_READ_WRITE, bytes, NULL, &cl_err));
    count_bytes(dev, bytes);
    *out = b;
    b = NULL;
out:
    free(b);
    return err ? fail_in(err, "device memory, %zu bytes", bytes) : 0;
}

/* The memory object under sub-buffers, and where in it `mem` starts. */
static int root_of(cl_mem mem, cl_mem *root, size_t *offset, size_t *bytes)
{
    int err;
    cl_mem parent;
    *root = mem;
    *offset = 0;
    CL_TRY(clGetMemObjectInfo(mem, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof(parent), &parent, NULL));
    CL_TRY(clGetMemObjectInfo(mem, CL_MEM_OFFSET, sizeof(*offset), offset, NULL));
    if (parent)
        *root = parent;
    CL_TRY(clGetMemObjectInfo(*root, CL_MEM_SIZE, sizeof(*bytes), bytes, NULL));
    err = 0;
out:
    return err;
}

int buffer_wrap(struct buffer **out, struct ocelli_device *dev, cl_mem mem, size_t *offset)
{
    int err;
    cl_mem root;
    size_t bytes;
    struct buffer *b = NULL;
    *out = NULL;
    TRY(root_of(mem, &root, offset, &bytes));
    for (b = dev->wrapped; b && b->mem != root;)
        b = b->next;
    if (b) {
        *out = buffer_retain(b);
        return 0;
    }
    b = calloc(1, sizeof(*b));
    if (!b)
        return fail_memory();
    CL_TRY(clRetainMemObject(root));
    cl_count(1);
    *b = (struct buffer){
        .refs = 1, .dev = dev, .mem = root, .bytes = bytes, .wrapped = true, .next = dev->wrapped};
    dev->wrapped = b;
    *out = b;
    b = NULL;
out:
    free(b);
    return err;
}

struct buffer *buffer_retain(struct buffer *b)
{
    b->refs++;
    return b;
}

void buffer_release(struct buffer **bp)
{
    struct buffer *b = *bp;
    *bp = NULL;
    if (!b || --b->refs > 0)
        return;
    if (b->dev->queue)
        queue_forget(b->dev, b);
    for (int i = 0; i < b->n_sub; i++)
        CL_RELEASE(clReleaseMemObject, b->sub[i].mem);
    CL_RELEASE(clReleaseMemObject, b->mem);
    free(b->sub);
    if (b->wrapped) {
        struct buffer **p = &b->dev->wrapped;
        while (*p != b)
            p = &(*p)->next;
        *p = b->next;
    } else {
        b->dev->stats.bytes_allocated -= b->bytes;
    }
    free(b);
}

int span_mem(const struct span *span, cl_mem *out)
{
    int err;
    struct buffer *b = span->buffer;
    size_t end;
    *out = NULL;
    if (!b->mem)
        return fail(OCELLI_ERR_UNSUPPORTED, "the null device has no memory");
    if (!add_size(span->offset, span->bytes, &end) || end > b->bytes)
        return fail(OCELLI_ERR_INVALID, "device memory: %zu bytes at %zu of a buffer of %zu",
                    span->bytes, span->offset, b->bytes);
    if (span->offset % b->dev->caps.align != 0)
        return fail(OCELLI_ERR_INVALID, "device memory: offset %zu is no multiple of %zu",
                    span->offset, b->dev->caps.align);
    if (span->offset == 0) {
        *out = b->mem;
        return 0;
    }
    for (int i = 0; i < b->n_sub; i++) {
        if (b->sub[i].offset == span->offset && b->sub[i].bytes == span->bytes) {
            *out = b->sub[i].mem;
            return 0;
        }
    }
    TRY(grow(&b->sub, &b->cap_sub, b->n_sub + 1, sizeof(*b->sub)));
    struct sub_buffer *s = &b->sub[b->n_sub];
    *s = (struct sub_buffer){.offset = span->offset, .bytes = span->bytes};
    cl_buffer_region region = {span->offset, span->bytes};
    CL_NEW(s->mem, clCreateSubBuffer(b->mem, 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &cl_err));
    b->n_sub++;
    *out = s->mem;
out:
    return err;
}
