/* Datasets: labelled images. */
#ifndef OCELLI_DATA_H
#define OCELLI_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocelli/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ocelli_dataset;

enum ocelli_split { OCELLI_TRAIN = 0, OCELLI_TEST };

struct ocelli_dataset_info {
    const char *name;
    int64_t count;
    int channels, height, width;
    int classes;
    const char *const *class_names; /* `classes` words */
};

/* Opens a dataset by name ("fashion-mnist", "mnist"). dir NULL: where the system's package puts it.
 * Files are checked whole: magic numbers, sizes, label range.
 * Fails: INVALID (no such dataset; the message lists them), IO (the message names the file and, where
 * one exists, the package to install), FORMAT (what and at which byte), MEMORY.
 * Thread-safety: safe; an open dataset may be read by many threads. */
OCELLI_API int ocelli_dataset_open(struct ocelli_dataset **out, const char *name, const char *dir,
                                   enum ocelli_split split);
OCELLI_API void ocelli_dataset_close(struct ocelli_dataset **ds);
OCELLI_API const struct ocelli_dataset_info *
ocelli_dataset_get_info(const struct ocelli_dataset *ds);

/* How training images are varied, each time anew (Krizhevsky et al. 2012, section 4.1). Zero: not. */
struct ocelli_augment {
    bool flip;   /* every second one mirrored, left to right */
    int crop;    /* moved by up to so many pixels in each direction; what comes in is black */
    float color; /* 0 to 1: contrast by up to this, lightness by up to half of it, and along the principal
                    components of the dataset's colours by this times their deviation; 0.1 is the paper's */
};

/* Copies image i, channels x height x width bytes, and its label. Both may be NULL.
 * Fails: INVALID (no such image). */
OCELLI_API int ocelli_dataset_get(const struct ocelli_dataset *ds, int64_t i, uint8_t *pixels,
                                  int *label);

#ifdef __cplusplus
}
#endif
#endif
