/* Ways to search a space. */
#ifndef TUNE_STRATEGY_H
#define TUNE_STRATEGY_H

#include "tune/space.h"

struct search {
    const struct space *space;
    /* What a point costs; infinity: it is no good; NaN: no more. Asked once for each point. */
    double (*eval)(void *user, const int *point);
    void *user;
    uint64_t seed;
    const int *start; /* known to be good; NULL: nothing is */
    /* Results. */
    int best[SPACE_PARAMS];
    double best_cost; /* infinity: nothing was good */
    int evals;
};

/* Searches until eval() says so or there is nothing left that it would try. strategy NULL: "auto".
 * Fails: INVALID (there is no such strategy), MEMORY. */
int search_run(struct search *s, const char *strategy);
/* "auto", "exhaustive", ...; NULL behind the last. */
extern const char *const strategy_names[];

#endif
