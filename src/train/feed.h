/* Batches through a plan without a pause: while a step computes, the next batch is uploaded and
 * results of earlier steps are read back. Two sets of tensors take turns, so that no transfer has
 * to wait for the step in work.
 *
 * Several lanes share each batch, the first images on lane 0, and their results lie one behind the
 * other. `after` batches another plan runs, on what they left in the weights. */
#ifndef TRAIN_FEED_H
#define TRAIN_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include <ocelli/plan.h>

#include "data/loader.h"
#include "device/device.h"

#define FEED_SETS 2
#define FEED_DEPTH 4 /* batches given to the devices whose results are not yet taken */
#define FEED_OUTPUTS 4

struct feed_set {
    struct ocelli_tensor *image, *labels, *lr;
    struct ocelli_tensor *out[FEED_OUTPUTS];
    float lr_there; /* what `lr` holds, NaN before the first write */
};

/* A device and its plan; lane 0 comes first. */
struct feed_lane {
    struct ocelli_device *dev;
    struct ocelli_plan *plan;
    struct feed_set set[FEED_SETS];
};

struct feed_step {
    struct batch *batch;
    float lr;
    int32_t *labels; /* of its images; below 0 where there is none */
    float *out[FEED_OUTPUTS];
    struct fence *done; /* of each output of each lane */
};

/* What feed_init() is told. Zero in a field means none, or its default. */
struct feed_params {
    struct ocelli_device *const *dev; /* of each lane */
    struct ocelli_plan *const *plan;
    int lanes;
    const char *const *outputs; /* of the plans, floats */
    int n_outputs;
    bool has_lr;                /* the last plan to run has the input "lr" */
    struct ocelli_plan *update; /* runs on lane 0.. */
    int after;                  /* ..behind so many batches, default 1 */
    const char *update_output;  /* its output that is wanted, becomes the last; of lane 0 */
    /* Brings the lanes' gradients to lane 0 before the update, and the weights back behind it. */
    int (*gather)(void *user), (*scatter)(void *user);
    void *user;
};

struct feed {
    struct feed_params p; /* without its arrays */
    const char *name[FEED_OUTPUTS];
    struct feed_lane *lane;
    struct loader *loader; /* exchanged by its owner while nothing is in work */
    struct feed_step step[FEED_DEPTH];
    int64_t given, taken;
};

/* The plans have inputs "image" and "labels". Borrows plans and devices. */
int feed_init(struct feed *f, const struct feed_params *p);
/* Bytes on lane 0's device that feed_init() will allocate for a plan of that graph. */
uint64_t feed_bytes(const struct ocelli_graph *g, const struct ocelli_graph *update,
                    const struct feed_params *p);
/* Waits for what is in work, then frees all. */
void feed_finish(struct feed *f);

static inline bool feed_full(const struct feed *f)
{
    return f->given - f->taken == FEED_DEPTH;
}
static inline bool feed_empty(const struct feed *f)
{
    return f->given == f->taken;
}
/* Starts the next batch; *more false when the loader has none. Not when full. */
int feed_give(struct feed *f, float lr, bool *more);
/* Waits for the oldest batch. Its numbers are good until the next feed_give; `what` only tells what
 * the batch was. Not when empty. */
int feed_take(struct feed *f, const struct feed_step **out, struct batch *what);
/* Waits for what is in work and forgets it: afterwards the feed is empty and can go on. */
void feed_cancel(struct feed *f);

#endif
