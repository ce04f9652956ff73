/* Arrays in host memory, and the files that hold them: .npy, .npz, ONNX TensorProto (.pb). */
#ifndef OCELLI_ARRAY_H
#define OCELLI_ARRAY_H

#include <ocelli/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ocelli_array {
    enum ocelli_dtype dtype;
    struct ocelli_shape shape; /* an extent may be 0 */
    void *data;                /* C order; ocelli_array_free() frees it */
    char *name;                /* in the file, "" when it has none */
};

/* By the ending of the path: .npy, .pb. Fails: IO, FORMAT (what and at which byte), UNSUPPORTED (a type or
 * Fortran order beyond what is converted), MEMORY. Thread-safety: safe. */
OCELLI_API int ocelli_array_read(struct ocelli_array *out, const char *path);
/* Written aside, synced, renamed. */
OCELLI_API int ocelli_array_write(const struct ocelli_array *a, const char *path);
/* Every array of an .npz; *out is for the caller to free after ocelli_array_free() on each. max_bytes: the memory that
 * reading may take, 0: 4 times the file and 64 MiB, as a small file can be made that unpacks to any size.
 * Fails: IO, FORMAT (damaged; above max_bytes), UNSUPPORTED, MEMORY. */
OCELLI_API int ocelli_npz_read(struct ocelli_array **out, int *n, const char *path, uint64_t max_bytes);
OCELLI_API int ocelli_npz_write(const struct ocelli_array *a, int n, const char *path);
OCELLI_API void ocelli_array_free(struct ocelli_array *a);

#ifdef __cplusplus
}
#endif
#endif
