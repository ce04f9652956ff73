/* Images varied for training. */
#ifndef DATA_AUGMENT_H
#define DATA_AUGMENT_H

#include <ocelli/data.h>

struct augmenter {
    struct ocelli_augment p;
    uint64_t seed;
    int channels, height, width;
    int src_height, src_width; /* of the images that are given, whose middle is meant */
    float principal[3][3]; /* of three channels: row k is sqrt(eigenvalue) times eigenvector k */
};

/* Looks at the dataset where colours are to be varied.
 * Fails: INVALID. */
int augment_init(struct augmenter *a, const struct ocelli_dataset *ds,
                 const struct ocelli_augment *p, uint64_t seed);
/* Image number `at`, as the dataset keeps it, as it is to be in that epoch: pixels 0..1, channels x height x width. What is done
 * depends on seed, epoch and number only. */
void augment_image(const struct augmenter *a, int64_t epoch, int64_t at, const uint8_t *src,
                   float *dst);

#endif
