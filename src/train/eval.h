/* Classifying a dataset with a network's weights. */
#ifndef TRAIN_EVAL_H
#define TRAIN_EVAL_H

#include <ocelli/train.h>

#include "train/feed.h"

struct evaluator {
    const struct ocelli_dataset *data;
    struct ocelli_graph *graph;
    struct ocelli_plan *plan;
    struct feed feed;
    int batch, classes;
    int out_top, out_logits; /* which output it is, -1: not asked for */
};

/* top 0: no top-k count; p->batch 0: 500, never more than there are images. The batch does not
 * change a result by more than rounding. */
int evaluator_init(struct evaluator *e, struct ocelli_device *dev, const char *net,
                   const struct ocelli_net_params *np, struct ocelli_weights *w,
                   const struct ocelli_dataset *data, const struct ocelli_eval_params *p, int top);
void evaluator_finish(struct evaluator *e);
int evaluator_run(struct evaluator *e, const struct ocelli_eval_params *p,
                  struct ocelli_eval_result *result);

/* SHAPE when the dataset's images do not fit the network's input. */
int images_fit(const struct ocelli_dataset *data, const char *net,
               const struct ocelli_net_params *p);

#endif
