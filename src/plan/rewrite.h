/* The passes that make of a graph what a plan runs. */
#ifndef PLAN_REWRITE_H
#define PLAN_REWRITE_H

#include <ocelli/plan.h>

#include "graph/passes.h"

/* What the plan may take from the device: q's wishes with it. */
struct caps plan_caps(const struct ocelli_device *dev, const struct ocelli_plan_params *q);

/* Fails: the graph's own status, MEMORY; INVALID, UNSUPPORTED (storage). */
int plan_rewrite(struct graph **out, const struct ocelli_graph *g, const struct caps *caps,
                 const struct ocelli_plan_params *q);

/* The different problems of a graph that is rewritten, but for what takes next to no time or leaves
 * no choice. */
struct problem_list {
    char **problem;
    int *uses;
    double *share; /* of the whole, estimated */
    int n, cap[3];
};
int problem_list_of(struct problem_list *l, const struct graph *g, const struct caps *caps);
void problem_list_free(struct problem_list *l);

#endif
