/* NumPy's array files: .npy as of its format description, versions 1.0 to 3.0. */
#ifndef FORMATS_NPY_H
#define FORMATS_NPY_H

#include <ocelli/array.h>

#include "base/shape.h"

/* The larger ones are no array file of ours: protects sums of sizes, not memory. */
#define ARRAY_MAX_FILE ((size_t)1 << 40)

/* Reads a whole file's content; `name` is for messages. out->name stays NULL.
 * Fails: FORMAT, UNSUPPORTED (big-endian, a type the library has not), MEMORY. */
int npy_parse(struct ocelli_array *out, const char *name, const void *file, size_t bytes);
/* The content of a file with that array; the caller frees *out. The array has passed array_check(). */
int npy_print(const struct ocelli_array *a, void **out, size_t *bytes);

/* INVALID when what a caller hands over is no array. */
int array_check(const struct ocelli_array *a);

#endif
