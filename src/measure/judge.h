/* Is a candidate right, and how fast is it? Compared on the same device with the reference, which
 * needs no proof. */
#ifndef MEASURE_JUDGE_H
#define MEASURE_JUDGE_H

#include "device/device.h"
#include "measure/work.h"

/* Of a verdict, and of the database's results. */
#define STATUS_OK "ok"
#define STATUS_CONSTRAINT "constraint" /* it cannot be, on this device */
#define STATUS_COMPILE "compile"
#define STATUS_DEVICE "device"         /* an OpenCL call or the command failed */
#define STATUS_OVERWRITES "overwrites" /* writes beyond its buffers, or to inputs */
#define STATUS_WRONG "wrong"
#define STATUS_UNSTABLE "unstable" /* other bits from the same inputs */
#define STATUS_SLOW "slow"         /* stopped early */
#define STATUS_HANG "hang"
#define STATUS_CRASH "crash"
#define STATUS_STOPPED "stopped" /* by the listener or the end of the budget: nothing is known */

struct verdict {
    const char *status;
    char why[400];
    double error; /* the largest, as part of what is allowed */
};

/* What is begun: each has a time-out of its own. */
#define STAGE_COMPILE "compile"
#define STAGE_RUN "run"
#define STAGE_REFERENCE "reference" /* what is right is computed: no candidate's affair */

struct judge;
/* stage: told what is begun. */
int judge_create(struct judge **out, struct ocelli_device *dev, const struct work *w,
                 void (*stage)(void *user, const char *what), void *user);
void judge_destroy(struct judge **j);

/* On at least three cases to which it applies: whole numbers bit for bit, real ones within a bound
 * for each element, canaries around all buffers, repeats over other garbage to the bit. Fails only
 * when the judge himself cannot go on. */
int judge_check(struct judge *j, const struct candidate *k, struct verdict *out);

/* Compiles what judge_check() and judge_race() would, so that it is kept on disk; runs nothing. */
int judge_prepare(struct judge *j, const struct candidate *k);

struct race {
    double a_ms, b_ms; /* medians */
    double ratio;      /* median of b / a, round by round */
    double spread;     /* median deviation of that */
    struct verdict verdict;
};
struct race_params {
    int rounds;
    double seconds; /* of each contender in a round */
    double limit;   /* b is stopped when its first runs take so many times as long as a; 0: never */
    bool busy;      /* by processor time of this process, for a device that is the processor */
};
/* Times a and b, round about. */
int judge_race(struct judge *j, const struct candidate *a, const struct candidate *b,
               const struct race_params *p, struct race *out);

#endif
