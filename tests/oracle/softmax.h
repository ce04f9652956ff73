/* Classes along an axis. */
#ifndef TESTS_ORACLE_SOFTMAX_H
#define TESTS_ORACLE_SOFTMAX_H

#include <math.h>

#include "ops/attrs.h"
#include "oracle/random.h"

struct classes {
    int64_t rows, n, behind; /* rows x n x behind elements */
    bool log;
};
static inline struct classes classes_of(const struct problem *p)
{
    const struct softmax_attr *a = p->attr;
    const struct ocelli_shape *x = &p->in[0].shape;
    struct classes c = {1, x->dim[x->rank - 1 - a->behind], 1, a->log};
    for (int d = x->rank - a->behind; d < x->rank; d++)
        c.behind *= x->dim[d];
    c.rows = shape_count(x) / c.n / c.behind;
    return c;
}

static inline void random_classes(uint64_t seed, double budget, char x[SHAPE_TEXT], struct text *attr)
{
    int c;
    struct ocelli_shape s;
    random_shape(seed, 1, 4, budget, x, &c);
    shape_parse(x, &s);
    if (shape_count(&s) < 20)
        snprintf(x, SHAPE_TEXT, "5x17");
    text_add(attr, " behind=%d log=%d", pick(seed, 300, 0, shape_count(&s) < 20 ? 1 : s.rank - 1),
             pick(seed, 301, 0, 1));
}

#endif
