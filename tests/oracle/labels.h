/* Labels for the operations that take them. */
#ifndef TESTS_ORACLE_LABELS_H
#define TESTS_ORACLE_LABELS_H

#include "checkcl.h"

/* The label of row n of c classes; two rows of many have one that is out of range. */
static inline int label_of(uint64_t seed, int64_t n, int64_t c)
{
    if (n == 5)
        return -1;
    if (n == 6)
        return (int)c;
    return pick(seed, 1000 + (uint64_t)n, 0, (int)c - 1);
}

static inline bool fill_labels(const struct problem *p, uint64_t seed, double *x)
{
    for (int64_t n = 0; n < p->in[1].shape.dim[0]; n++)
        x[n] = label_of(seed, n, p->in[0].shape.dim[1]);
    return true;
}

#endif
