/* What the operations that move elements share. */
#ifndef OPS_MOVE_H
#define OPS_MOVE_H

#include "ops/op.h"

/* Are the elements that it takes next to each other, in their order? And all of x? */
bool strided_in_order(const struct ocelli_shape *shape, const int *stride);
bool strided_moves_nothing(const struct ocelli_shape *x, const struct ocelli_shape *shape,
                           const int *stride, int offset);

/* Defines T as a whole number of the type's size: to copy elements as they are. */
void launch_bits(struct launch *k, enum ocelli_dtype dtype);

#endif
