/* Trying candidates of one variant, asked for by a strategy: one after another (task_search.c), or
 * several that are compiled at once before they are tried (task_ahead.c). */
#ifndef MEASURE_HUNTER_H
#define MEASURE_HUNTER_H

#include "measure/task.h"
#include "tune/strategy.h"

struct hunter {
    struct task *t;
    const struct contest *c;
    bool whole; /* the strategy is to see everything */
    int err;
};

/* A point as a candidate. */
struct tried {
    struct text setting;
    uint64_t launches;
    char source[33];
};
/* True, and the cost, where that is known without trying it; tried_free() in any case. */
bool hunter_knows(struct hunter *h, const int *point, struct tried *k, double *cost);
void tried_free(struct tried *k);
/* What it costs, for a strategy: tries what is not known; NaN: no more. user: the hunter. */
double hunter_eval(void *user, const int *point);
bool hunter_is_over(const struct hunter *h);
/* search_run() by means of the tuner's compilers: asks the strategy for several candidates at a
 * time. */
int hunter_search_ahead(struct hunter *h, const struct search *s, const char *strategy);

#endif
