/* What the strategies share: strategy.c, strategy_model.c. */
#ifndef TUNE_SEARCHING_H
#define TUNE_SEARCHING_H

#include "tune/strategy.h"

struct hunt {
    struct search *s;
    uint64_t *seen; /* ranks + 1 of points that were asked for, by their hash; 0: free */
    double *cost;
    size_t n_seen, cap_seen;
    uint64_t draws; /* random numbers taken */
    int stale;      /* points in a row that had been asked for before */
    bool done;
    int err;
};

/* The point's cost, asked for at most once; infinity for what is not valid, and when the search is
 * done. */
double hunt_try(struct hunt *h, const int *point);
bool hunt_seen(const struct hunt *h, const int *point, double *cost);
uint64_t hunt_draw(struct hunt *h, uint64_t below);
double hunt_uniform(struct hunt *h);
/* A valid point at random; false, and done, when none is found. */
bool hunt_random(struct hunt *h, int *point);

void strategy_model(struct hunt *h);

#endif
