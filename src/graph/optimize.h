/* Inside the optimiser. */
#ifndef GRAPH_OPTIMIZE_H
#define GRAPH_OPTIMIZE_H

#include "ops/graph.h"

/* Clips gradients as p says, in their place in the array, and marks the output of their norms. */
int graph_clip(struct graph *g, int *grad, int n, const struct ocelli_optimizer_params *p);

#endif
