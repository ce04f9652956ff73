/* Batches through a plan without a pause: while a step computes, the next batch is uploaded and
 * results of earlier steps are read back. Two sets of tensors take turns, so that no transfer has
 * to wait for the step in work. */
#ifndef TRAIN_FEED_H
#define TRAIN_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include <ocelli/plan.h>

#include "data/loader.h"
#include "device/device.h"

#define FEED_SETS 2
#define FEED_DEPTH 4 /* steps given to the device whose results are not yet taken */
#define FEED_OUTPUTS 4

struct feed_set {
    struct ocelli_tensor *image, *labels, *lr;
    struct ocelli_tensor *out[FEED_OUTPUTS];
    float lr_there; /* what `lr` holds, NaN before the first write */
};

struct feed_step {
    struct batch *batch;
    float lr;
    float *out[FEED_OUTPUTS];
    struct fence done[FEED_OUTPUTS];
};

struct feed {
    struct ocelli_device *dev;
    struct ocelli_plan *plan;
    struct loader *loader; /* exchanged by its owner while nothing is in work */
    const char *name[FEED_OUTPUTS];
    int n_out;
    bool has_lr;
    struct feed_set set[FEED_SETS];
    struct feed_step step[FEED_DEPTH];
    int64_t given, taken;
};

/* The plan has inputs "image", "labels" and, if has_lr, "lr"; `outputs` are floats. Borrows the
 * plan. */
int feed_init(struct feed *f, struct ocelli_device *dev, struct ocelli_plan *plan,
              const char *const *outputs, int n, bool has_lr);
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
/* Waits for the oldest step. Its numbers are good until the next feed_give; batch only tells what
 * the step was. Not when empty. */
int feed_take(struct feed *f, const struct feed_step **out, struct batch *what);
/* Waits for what is in work and forgets it: afterwards the feed is empty and can go on. */
void feed_cancel(struct feed *f);

#endif
