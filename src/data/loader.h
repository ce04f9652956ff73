/* Batches of a dataset, made by threads ahead of their use. What a batch holds depends on the
 * parameters alone, never on timing or on how many threads there are. */
#ifndef DATA_LOADER_H
#define DATA_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include <ocelli/data.h>

struct loader;

struct loader_params {
    int batch;
    /* true: epoch after epoch without end, each in an order of its own drawn from the seed. The
     * images that do not fill a last batch are left out, others in every epoch.
     *
     * false: once in the dataset's order; the last batch is filled up with zeros. */
    bool shuffle;
    int group; /* when shuffling, an epoch is a multiple of so many batches; 0: 1 */
    uint64_t seed;
    struct ocelli_augment augment; /* when shuffling */
    int64_t epoch, step;           /* the first batch, from 0: begins where another run stopped */
    int threads;                   /* 0: one, for images in files as many as there are processors */
    int buffers; /* batches in memory; 0: 8. Those handed out and not released count too */
};

struct batch {
    float *pixels;   /* batch x channels x height x width, 0..1 */
    int32_t *labels; /* batch; -1: an image that could not be read, and is to be left out */
    int count;       /* images; what follows is filling */
    int64_t epoch, step;
};

/* Batches in an epoch. */
int64_t loader_steps(const struct ocelli_dataset *ds, int batch, bool shuffle);

/* The dataset must outlive the loader.
 * Fails: INVALID (fewer images than a batch when shuffling), MEMORY. */
int loader_create(struct loader **out, const struct ocelli_dataset *ds,
                  const struct loader_params *p);
/* The next batch, NULL past the last; fails as reading its images did. Its memory stays as it is
 * until it is released, in any order; at least one must be released before `buffers` are out:
 * INVALID when all are. */
int loader_next(struct loader *l, struct batch **out);
void loader_release(struct loader *l, struct batch *b);
void loader_destroy(struct loader **l);

#endif
