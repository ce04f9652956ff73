/* N x C x S. */
#ifndef TESTS_ORACLE_CHANNELS_H
#define TESTS_ORACLE_CHANNELS_H

#include <math.h>

#include "oracle/random.h"

static inline int64_t area_of(const struct ocelli_shape *s)
{
    int64_t n = 1;
    for (int d = 2; d < s->rank; d++)
        n *= s->dim[d];
    return n;
}
static inline int64_t channel_at(const struct ocelli_shape *s, int64_t i)
{
    return i / area_of(s) % s->dim[1];
}

#endif
