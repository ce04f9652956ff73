/* A training in work, shared by what sets it up (setup.c), does its steps (train.c) and writes its
 * files (files.c). */
#ifndef TRAIN_RUN_H
#define TRAIN_RUN_H

#include <ocelli/train.h>

#include "train/checkpoint.h"
#include "train/eval.h"
#include "train/exchange.h"
#include "train/feed.h"
#include "train/gradlog.h"
#include "train/schedule.h"

/* What comes back of each batch; the last one where norms are logged. */
enum { OUT_LOSS, OUT_CORRECT, OUTPUTS, OUT_NORMS = OUTPUTS };

/* One device's share. Lane 0 has the weights that count. */
struct lane {
    struct ocelli_device *dev;
    struct ocelli_graph *graph;
    struct ocelli_weights *weights;
    struct ocelli_plan *plan;
};

/* `at` is where the run stands by the results taken so far; it is saved only when no step is in
 * work, so that weights and position belong together. */
struct run {
    struct ocelli_train_params p; /* defaults filled in */
    const struct ocelli_dataset *train, *test;
    struct ocelli_net_params net; /* its batch: of one run on one device */
    struct schedule schedule;
    struct pairs words; /* what makes it this run and no other */
    char preprocess[256]; /* how its images are prepared */
    struct lane *lane;
    int lanes;
    /* Where a batch comes in parts. */
    struct ocelli_graph *update_graph;
    struct ocelli_plan *update;
    struct exchange exchange;
    struct feed feed;
    struct evaluator eval;
    struct gradlog gradients;
    struct position at;
    int64_t epoch_steps, all_steps; /* in an epoch; in all epochs, by which the schedule counts */
    char *checkpoint, *model, *best, *metrics, *curves, *labels, *norms, *norm_curves, *title;
    struct arena arena;
    double start, epoch_start;
    double step_loss;                  /* of the step's batches taken so far */
    double step_seconds, test_seconds; /* spent on the steps timed; by the last test */
    int64_t steps_here, steps_timed;   /* done in this call; of them timed */
    bool stop, resumed;
};

static inline int64_t steps_done(const struct run *r)
{
    return r->at.history.n * r->epoch_steps + r->at.step;
}

/* dev and the data are set. Afterwards everything is ready for the first step. */
int run_setup(struct run *r, struct ocelli_device *dev, const struct ocelli_train_params *p);
void run_free(struct run *r);

/* Checkpoint, model and what was logged. */
int run_save(struct run *r);
/* Metrics and curves; the network if the last epoch was its best one and that is to be kept. */
int run_write_curves(struct run *r);
/* At the very start, so that a directory that cannot be written is noticed before the work, and an
 * older run's checkpoint is not taken for this one's. */
int run_first_files(struct run *r);

#endif
