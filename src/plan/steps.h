/* A plan's launches in words and numbers. */
#ifndef PLAN_STEPS_H
#define PLAN_STEPS_H

#include <ocelli/plan.h>

#include "graph/passes.h"

struct steps {
    struct ocelli_step *item;
    int n, n_once; /* the first n_once are of nodes that run once */
    struct arena arena; /* the strings */
};
/* One step for each launch, in the order in which they are added to the command list. Strings of
 * the graph are borrowed. */
int steps_create(struct steps *s, const struct graph *g, const struct choice *choices,
                 const struct memory_plan *m);
void steps_free(struct steps *s);

#endif
