/* What plans take of tuning. */
#ifndef PLAN_TUNED_H
#define PLAN_TUNED_H

#include <ocelli/plan.h>

#include "device/device.h"
#include "ops/graph.h"
#include "tune/book.h"

struct plan_tuned {
    struct tune_book *book; /* NULL: nothing is asked */
    struct tuned tuned;
};
/* caps: the device's, as the plan may use them; they outlive the book. `effort` as in ocelli_plan_params; by $OCELLI_TUNE where it is the default. With QUICK and FULL,
 * tunes what nothing is known of yet. */
int plan_tuned_open(struct plan_tuned *t, struct ocelli_device *dev, const struct caps *caps,
                    const struct graph *g, const struct ocelli_plan_params *q);
void plan_tuned_close(struct plan_tuned *t);

/* The key and kind under which the databases know a device. */
struct tune_device tune_device_of(const struct ocelli_device *dev);

#endif
