/* Several devices, one set of weights: gradients are added up on the host in the order of the
 * devices, lane 0 alone updates, and what it has then goes to the others, so that all are equal to
 * the bit whatever each device's own arithmetic is. */
#ifndef TRAIN_EXCHANGE_H
#define TRAIN_EXCHANGE_H

#include <ocelli/plan.h>

struct exchange {
    int lanes;
    struct ocelli_weights *const *weights; /* of each lane */
    struct shared *item;
    int n;
};

/* g: of a lane's plan. Borrows the weights. */
int exchange_init(struct exchange *x, const struct ocelli_graph *g,
                  struct ocelli_weights *const *weights, int lanes);
void exchange_finish(struct exchange *x);
/* The sum of all lanes' gradients to lane 0. */
int exchange_gather(void *exchange);
/* Lane 0's weights to the others; to all the mean of what each lane averaged over its images (batch
 * normalisation). */
int exchange_scatter(void *exchange);
/* All of lane 0's to the others: at the start. */
int exchange_copy(struct exchange *x);

#endif
