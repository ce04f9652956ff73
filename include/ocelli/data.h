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

/* Zero in a field means its default. */
struct ocelli_dataset_params {
    const char *dir; /* NULL: where the system's package puts it */
    enum ocelli_split split;
    /* Of "folder" only: */
    int channels, height, width; /* what images become, default 3, 224, 224: resized so that they cover 8/7 of
                                    that, of which the middle is taken, or what a crop moves it to */
    float held_out; /* the part of all images that is the test split where no folder is; default 0.1 */
    uint64_t seed;  /* which ones these are */
    bool skip_bad;  /* an image that cannot be read is no failure: training takes the next one in its place,
                       testing leaves it out */
};

/* Opens a dataset by name:
 *   fashion-mnist, mnist   IDX files, plain or by gzip
 *   cifar10                the binary version: data_batch_1.bin and on, test_batch.bin
 *   folder                 dir/train/CLASS/FILE and dir/val/CLASS/FILE (or dir/test; .jpg, .jpeg, .png), or
 *                          dir/CLASS/FILE with some of them held out. Pictures are read when they are wanted:
 *                          there may be more of them than memory holds
 * Files but a folder's are checked whole: magic numbers, sizes, label range.
 * Fails: INVALID (no such dataset; the message lists them), IO (the message names the file and, where
 * one exists, the package to install), FORMAT (what and at which byte), MEMORY.
 * Thread-safety: safe; an open dataset may be read by many threads. */
OCELLI_API int ocelli_dataset_open_with(struct ocelli_dataset **out, const char *name,
                                        const struct ocelli_dataset_params *p);
OCELLI_API int ocelli_dataset_open(struct ocelli_dataset **out, const char *name, const char *dir,
                                   enum ocelli_split split);
/* How many images could not be read so far. */
OCELLI_API int64_t ocelli_dataset_bad(const struct ocelli_dataset *ds);
OCELLI_API void ocelli_dataset_close(struct ocelli_dataset **ds);
OCELLI_API const struct ocelli_dataset_info *
ocelli_dataset_get_info(const struct ocelli_dataset *ds);

/* How training images are varied, each time anew (Krizhevsky et al. 2012, section 4.1). Zero: not. */
struct ocelli_augment {
    bool flip;   /* every second one mirrored, left to right */
    int crop;    /* moved by up to so many pixels in each direction; beyond what there is of it it is black */
    float color; /* 0 to 1: contrast by up to this, lightness by up to half of it, and along the principal
                    components of the dataset's colours by this times their deviation; 0.1 is the paper's */
};

/* Copies image i, channels x height x width bytes, and its label. Both may be NULL.
 * Fails: INVALID (no such image), and in a folder what reading pictures can. */
OCELLI_API int ocelli_dataset_get(const struct ocelli_dataset *ds, int64_t i, uint8_t *pixels,
                                  int *label);

#ifdef __cplusplus
}
#endif
#endif
