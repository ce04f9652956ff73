/* What plan/ hands to tuning: problems with how often they are used, on an open device. */
#ifndef MEASURE_TUNER_H
#define MEASURE_TUNER_H

#include <ocelli/tune.h>

#include "tune/book.h"

struct tune_request {
    const char *const *problem;
    const int *uses; /* NULL: once each */
    int n;
    struct kernel_spec *kernel; /* instead of problems; taken */
};
/* *out: n results (1 for a kernel), in the order of the request. */
int tuner_run(struct ocelli_device *dev, const struct tune_device *who,
              const struct tune_request *request, const struct ocelli_tune_params *p,
              struct ocelli_tune_result **out);
/* What of the database of this device still holds; as ocelli_tune_verify(). */
int tuner_verify(struct ocelli_device *dev, const struct tune_device *who,
                 const struct ocelli_tune_params *p, struct ocelli_tune_verdict **out, int *n);

#endif
