/* A plan, and binding it to a device. */
#ifndef PLAN_BIND_H
#define PLAN_BIND_H

#include <ocelli/plan.h>

#include "device/device.h"
#include "graph/passes.h"
#include "plan/steps.h"
#include "plan/weights.h"

/* An input or output as the caller sees it. */
struct io {
    const char *name;
    int value, root;
    bool input;
    bool alone; /* no other name has this memory, and no weight or constant: it can be exchanged */
    bool used;  /* by a launch */
    struct ocelli_tensor *own, *now;
};

/* A weight that the plan makes for itself and that nothing but preparing reads: it is there from
 * the first node that does to the last. */
struct passing {
    bool is;
    int first, last; /* first > last: nothing reads it */
};

struct ocelli_plan {
    struct ocelli_device *dev;
    struct graph *g; /* the rewritten one */
    struct choice *choices;
    struct memory_plan *mem;
    struct ocelli_plan_memory bytes;
    struct steps steps;
    struct io *io; /* its index is its slot in the command list */
    int n_io;
    struct passing *passing; /* of each value */
    /* What follows stays empty on the null device. */
    struct ocelli_weights *weights, *own_weights;
    struct buffer **arena;
    struct ocelli_tensor **memory; /* of each root with memory of its own; of weights, borrowed */
    struct cmdlist *list;
    /* Preparing from weights that the plan shares, again when they have changed. NULL: nothing to
     * prepare, or done once for all. */
    struct cmdlist *prepare;
    uint64_t prepared_version; /* of the weights, 0: not prepared yet */
};

static inline bool persists(const struct value *v)
{
    return v->kind == VALUE_WEIGHT || v->kind == VALUE_STATE;
}

/* Allocates, uploads, compiles, records; prepares what is made from weights of the plan's own. */
int plan_bind_to_device(struct ocelli_plan *p, const struct ocelli_plan_params *q);
/* Before a run: prepares again what is made from weights that have changed. */
int plan_prepare(struct ocelli_plan *p, unsigned n_wait, struct _cl_event *const *wait);

#endif
