/* A dataset: in memory, or in files that are read when their images are wanted. */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include <ocelli/data.h>

#include "data/idx.h"

#define DATASET_MAX_EXTENT 4096 /* of an image; keeps count x height x width far from overflow */
#define DATASET_HASH 33

struct folder;

struct ocelli_dataset {
    struct ocelli_dataset_info info;
    int height,
        width; /* images as they are kept; info's part is their middle, the rest is for crops */
    size_t image_bytes; /* channels x height x width */
    uint8_t *pixels;    /* of all images; NULL: in files */
    int32_t *labels;
    struct folder *folder;
    bool skip_bad;
};

/* The names in a dataset's table: what opens it. ds->info has name and classes already. */
int mnist_open(struct ocelli_dataset *ds, const char *dir, const char *package,
               enum ocelli_split split);
int cifar10_open(struct ocelli_dataset *ds, const char *dir, enum ocelli_split split);
int folder_open(struct ocelli_dataset *ds, const struct ocelli_dataset_params *p);

/* Image i as it is kept: in place, or read into buf, image_bytes. `bad` (may be NULL): it fails for
 * what the file is. Thread-safety: safe. */
int dataset_pixels(const struct ocelli_dataset *ds, int64_t i, uint8_t *buf, const uint8_t **out,
                   bool *bad);
/* Whether two datasets are the same. */
int dataset_hash(const struct ocelli_dataset *ds, char hex[DATASET_HASH]);

/* ---- Files of a folder (folder.c) ---- */

int folder_pixels(const struct ocelli_dataset *ds, int64_t i, uint8_t *buf, bool *bad);
int folder_hash(const struct ocelli_dataset *ds, char hex[DATASET_HASH]);
int64_t folder_bad(const struct folder *f);
void folder_free(struct folder **f);

#endif
