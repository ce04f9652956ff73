/* The store of weights, and how it starts. */
#ifndef PLAN_WEIGHTS_H
#define PLAN_WEIGHTS_H

#include <ocelli/plan.h>

#include "ops/graph.h"

struct ocelli_weights {
    struct ocelli_device *dev;
    struct weight {
        const char *name;
        struct ocelli_tensor *tensor;
    } * item;
    int n, cap;
    struct arena arena; /* names */
};

/* All of the graph's. */
int weights_create(struct ocelli_weights **out, struct ocelli_device *dev, const struct graph *g,
                   uint64_t seed);

int weights_empty(struct ocelli_weights **out, struct ocelli_device *dev);
/* Adds a weight or state with its first values; *out, which may be NULL, gets its tensor, borrowed. */
int weights_add(struct ocelli_weights *w, const struct value *v, uint64_t seed,
                struct ocelli_tensor **out);
void weights_drop(struct ocelli_weights *w, const char *name);

/* The first values of weight or state v. Depends on the seed, the name and the shape only (init.c).
 */
void initial_values(const struct value *v, uint64_t seed, float *out);

#endif
