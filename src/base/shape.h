/* Shapes and types of tensors. */
#ifndef BASE_SHAPE_H
#define BASE_SHAPE_H

#include <stdbool.h>

#include <ocelli/tensor.h>

/* What a value is: type and extents. */
struct desc {
    enum ocelli_dtype dtype;
    struct ocelli_shape shape;
};

/* Elements; 1 for rank 0. The shape must have passed shape_check(). */
int64_t shape_count(const struct ocelli_shape *s);
/* 0, or INVALID: an extent below 1, rank out of range, or a size that does not fit int64/size_t. */
int shape_check(const struct ocelli_shape *s);
/* The same for shapes whose extents may be 0; false: none, or too large. An extent of 0 does not
 * excuse the others: products of some of them are taken by whoever slices. */
bool shape_elements(const struct ocelli_shape *s, size_t *count);
/* Rank and extents are right but for extents of 0: it has no elements. */
bool shape_is_empty(const struct ocelli_shape *s);
bool shape_equal(const struct ocelli_shape *a, const struct ocelli_shape *b);
bool desc_equal(const struct desc *a, const struct desc *b);
size_t desc_bytes(const struct desc *d);
/* "2x3x5", "scalar" for rank 0, into buf; returns buf. 160 bytes always suffice. */
#define SHAPE_TEXT 160
const char *shape_text(const struct ocelli_shape *s, char buf[SHAPE_TEXT]);
/* Reads "2x3x5" (and "scalar"); false if it is not a shape. */
bool shape_parse(const char *s, struct ocelli_shape *out);
const char *dtype_name(enum ocelli_dtype dtype); /* "f32" */

#endif
