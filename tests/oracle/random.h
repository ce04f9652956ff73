/* Random problem strings. */
#ifndef TESTS_ORACLE_RANDOM_H
#define TESTS_ORACLE_RANDOM_H

#include <stdio.h>

#include "checkcl.h"

/* A shape "3x17x5x5" of rank lo..hi with at most `budget` elements; *c becomes the second extent.
 */
static inline void random_shape(uint64_t seed, int lo, int hi, double budget, char buf[SHAPE_TEXT],
                                int *c)
{
    static const int extents[] = {1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 63, 64, 65, 100, 257};
    int rank = pick(seed, 100, lo, hi);
    size_t at = 0;
    buf[0] = '\0';
    *c = 1;
    for (int i = 0; i < rank; i++) {
        int d = extents[pick(seed, 101 + (uint64_t)i, 0, (int)COUNT(extents) - 1)];
        if (d > budget)
            d = budget < 1 ? 1 : (int)budget;
        budget /= d;
        if (i == 1)
            *c = d;
        at += (size_t)snprintf(buf + at, SHAPE_TEXT - at, i ? "x%d" : "%d", d);
    }
}

/* Some epilogue for an output of c channels, or none. */
static inline void random_epilogue(uint64_t seed, int c, struct text *out)
{
    static const char *const acts[] = {
        "", "", " act=relu", " act=sigmoid", " act=tanh", " act=tanh,1.7159,0.666666687"};
    static const char *const grads[] = {"", "", "", " grad=relu", " grad=sigmoid", " grad=tanh"};
    if (pick(seed, 110, 0, 1))
        text_add(out, " bias=%d", c);
    if (pick(seed, 111, 0, 2) == 0)
        text_add(out, " residual=1");
    text_add(out, "%s%s", acts[pick(seed, 112, 0, 5)], grads[pick(seed, 113, 0, 5)]);
}

#endif
