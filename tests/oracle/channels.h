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

/* Which of `channels` channels element i is; blocked where they are not dimension 1. At least `channels`: none. */
static inline int64_t channel_in(const struct ocelli_shape *s, int64_t i, int64_t channels)
{
    if (s->dim[1] == channels || s->rank != 5)
        return channel_at(s, i);
    int64_t v = s->dim[4];
    return channel_at(s, i) * v + i % v;
}
/* Elements of each channel. */
static inline int64_t count_in(const struct ocelli_shape *s, int64_t channels)
{
    return shape_count(s) / (s->dim[1] == channels ? channels : s->dim[1] * s->dim[4]);
}

/* A blocked shape of at most `budget` elements; *c: how many of its channels are there, never its blocks. */
static inline void random_blocks(uint64_t seed, double budget, char buf[SHAPE_TEXT], int *c)
{
    int v = 4 << pick(seed, 120, 0, 2), blocks = pick(seed, 121, 1, 3), n = pick(seed, 122, 2, 5);
    int most = (int)fmax(fmin(sqrt(budget / (n * blocks * v)), 30), 1);
    *c = (blocks - 1) * v + pick(seed, 123, blocks == 1 ? 2 : 1, v);
    snprintf(buf, SHAPE_TEXT, "%dx%dx%dx%dx%d", n, blocks, pick(seed, 124, 1, most),
             pick(seed, 125, 1, most), v);
}

#endif
