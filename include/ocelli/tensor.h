/* Tensors: shaped arrays that live in OpenCL buffers. */
#ifndef OCELLI_TENSOR_H
#define OCELLI_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include <ocelli/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OCELLI_MAX_RANK 8

enum ocelli_dtype {
    OCELLI_F32 = 0, /* the default: zero in a field means float */
    OCELLI_I32,
    OCELLI_U8,
    OCELLI_F64,
    OCELLI_F16, /* IEEE 754 binary16; computed in float */
    OCELLI_I64,
    OCELLI_I16,
    OCELLI_I8,
    OCELLI_U16,
    OCELLI_U32,
    OCELLI_U64,
    OCELLI_BOOL, /* a byte, 0 or 1 */
};

/* Bytes of one element; 0 for a value that is no type.
 * Thread-safety: safe. */
OCELLI_API size_t ocelli_dtype_size(enum ocelli_dtype dtype);

/* A tensor's extents, slowest first: images are batch x channels x height x width. Elements lie
 * in C order without gaps. rank 0 is a scalar with one element. */
struct ocelli_shape {
    int rank;
    int64_t dim[OCELLI_MAX_RANK];
};

#define OCELLI_SHAPE(...)                                                                          \
    (struct ocelli_shape)                                                                          \
    {                                                                                              \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ }                 \
    }

struct ocelli_device;
struct ocelli_tensor;

/* Allocates an uninitialised tensor on the device. The device must outlive it.
 * Fails: INVALID (extents below 1, rank above OCELLI_MAX_RANK), MEMORY, DEVICE.
 * Thread-safety: one thread at a time per device. */
OCELLI_API int ocelli_tensor_create(struct ocelli_tensor **out, struct ocelli_device *dev,
                                    enum ocelli_dtype dtype, const struct ocelli_shape *shape);

/* Releases the tensor (work that still uses it finishes first) and NULLs the pointer; NULL is
 * fine. */
OCELLI_API void ocelli_tensor_destroy(struct ocelli_tensor **t);

/* Copies `bytes` bytes from host memory to the tensor, or back. Ordered after every earlier command
 * that touches the tensor; both return when the copy is complete.
 * Fails: INVALID (bytes is not the tensor's size), DEVICE.
 * Thread-safety: one thread at a time per device. */
OCELLI_API int ocelli_tensor_write(struct ocelli_tensor *t, const void *src, size_t bytes);
OCELLI_API int ocelli_tensor_read(struct ocelli_tensor *t, void *dst, size_t bytes);

OCELLI_API const struct ocelli_shape *ocelli_tensor_shape(const struct ocelli_tensor *t);
OCELLI_API enum ocelli_dtype ocelli_tensor_dtype(const struct ocelli_tensor *t);
OCELLI_API size_t ocelli_tensor_bytes(const struct ocelli_tensor *t);

#ifdef __cplusplus
}
#endif
#endif
