#ifndef TRAIN_SCHEDULE_H
#define TRAIN_SCHEDULE_H

#include <stdint.h>

#include <ocelli/train.h>

struct schedule {
    enum ocelli_schedule kind;
    float lr;
    int64_t steps, warmup; /* of all of them, the first in which it rises */
};
/* The learning rate of step t, from 0. */
float schedule_lr(const struct schedule *s, int64_t t);
/* "cosine"; NULL when it is none. */
const char *schedule_name(enum ocelli_schedule kind);

#endif
