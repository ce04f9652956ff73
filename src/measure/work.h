/* What candidates compute, and on what they are judged: a problem of an operation (work_problem.c),
 * or somebody's own kernel (work_kernel.c). A candidate is a variant's name and a setting, both
 * text that the work itself checks. */
#ifndef MEASURE_WORK_H
#define MEASURE_WORK_H

#include "device/launch.h"
#include "ops/op.h"

#define WORK_MAX_BUFFERS (OP_MAX_IN + OP_MAX_EPI + OP_MAX_OUT)
#define WORK_MAX_CASES 12

/* Inputs, then outputs. */
struct work_case {
    struct desc desc[WORK_MAX_BUFFERS]; /* rank -1: absent */
    int n_in, n_out;
    unsigned updates; /* bit k: input k is written, too */
    double terms;     /* products or summands of a result */
    const char *text; /* what to call it */
};

struct candidate {
    const char *variant, *setting;
};

struct work {
    struct work_case cases[WORK_MAX_CASES];
    int n_cases; /* small ones, and last the one that is timed */
    /* The launches of a candidate, or of the reference (NULL). UNSUPPORTED: it does not apply to
     * that case. */
    int (*plan)(void *user, int c, const struct candidate *k, struct launches *out);
    /* Its results may be off so many times as far as plain sums; 0: no further. NULL: none is. */
    int (*noise)(void *user, const struct candidate *k);
    void (*destroy)(void *user);
    void *user;
    struct arena arena;
};
int work_problem(struct work **out, const char *problem, const struct caps *caps);
/* spec: the text of a specification (kernel.h). */
int work_kernel(struct work **out, const char *spec, const struct caps *caps);
void work_destroy(struct work **w);

#endif
