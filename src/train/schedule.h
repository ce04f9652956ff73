#ifndef TRAIN_SCHEDULE_H
#define TRAIN_SCHEDULE_H

#include <stdint.h>

#include <ocelli/train.h>

/* The learning rate of step t of T, t from 0. */
float schedule_lr(enum ocelli_schedule kind, float lr, int64_t t, int64_t steps);
/* "cosine"; NULL when it is none. */
const char *schedule_name(enum ocelli_schedule kind);

#endif
