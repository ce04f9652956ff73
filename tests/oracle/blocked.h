/* Blocked tensors for the oracles. */
#ifndef TESTS_ORACLE_BLOCKED_H
#define TESTS_ORACLE_BLOCKED_H

#include <math.h>
#include <stdlib.h>

#include "oracle/random.h"

/* Where element (n, c, i) is, i the pixel: in N x C/V x H x W x V, or where v is 1 in N x C x H x
 * W. */
static inline int64_t blocked_at(int64_t n, int64_t c, int64_t i, int64_t blocks, int64_t area,
                                 int64_t v)
{
    return ((n * blocks + c / v) * area + i) * v + c % v;
}

#endif
