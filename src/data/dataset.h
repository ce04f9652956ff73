/* A dataset in memory. */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include <ocelli/data.h>

#include "data/idx.h"

struct ocelli_dataset {
    struct ocelli_dataset_info info;
    struct idx images; /* count x height x width */
    struct idx labels; /* count */
    size_t image_bytes;
};

#endif
