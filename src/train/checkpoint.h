/* Checkpoints: a safetensors file with every weight and state, and in its metadata what run it
 * belongs to and how far that is. Nothing in it depends on time, place or interruptions: one run,
 * one file. */
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include <ocelli/plan.h>

#include "base/mem.h"
#include "formats/safetensors.h"
#include "train/metrics.h"

/* Key = value words. As the description of a run they must be equal for a checkpoint to be
 * continued. */
struct pairs {
    struct st_pair *item;
    int n, cap;
    struct arena arena;
    int err; /* sticky */
};
void pairs_add(struct pairs *p, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void pairs_free(struct pairs *p);

/* Where a run stands. Random numbers are drawn by their position (hash.h), so seed and position are
 * their whole state. */
struct position {
    int64_t step;         /* batches done in the epoch in work; all of them: it is not yet tested */
    double loss, correct; /* sums over this epoch's steps */
    struct history history; /* the epochs done */
};

int checkpoint_save(const char *path, const struct pairs *run, const struct position *at,
                    const struct ocelli_weights *w);
/* Opens and checks that it is a checkpoint of ours and whole. */
int checkpoint_open(struct safetensors **out, const char *path);
/* The value of a key; FORMAT when it is not there. */
int checkpoint_word(const struct safetensors *st, const char *path, const char *key,
                    const char **out);
/* A whole number in low..high. */
int checkpoint_number(const struct safetensors *st, const char *path, const char *key, int64_t low,
                      int64_t high, int64_t *out);
/* FORMAT, with the words that differ, when it is of another run. */
int checkpoint_same_run(const struct safetensors *st, const char *path, const struct pairs *run);
/* Fills an empty position. */
int checkpoint_position(const struct safetensors *st, const char *path, struct position *at);
/* Copies every tensor of w from the file. */
int checkpoint_weights(const struct safetensors *st, const char *path, struct ocelli_weights *w);

#endif
