/* What the files of checkcl share. */
#ifndef TESTS_CHECKCL_TRIAL_H
#define TESTS_CHECKCL_TRIAL_H

#include "checkcl.h"
#include "measure/setup.h"

#define MAX_RESULTS (OP_MAX_OUT + OP_MAX_IN)

/* A result of the operation: an output, or an input that it updates. */
struct result {
    bool updated; /* input `index`, else output `index` */
    int index;
    struct desc desc;
    double *want, *mag, *bound; /* bound 0: equal */
    double terms;
};

/* One problem with its data and what should come out of it. */
struct trial {
    const struct problem *p;
    const struct oracle *oracle;
    const char *text; /* the problem string */
    uint64_t seed;
    enum fill_mode mode;
    double *in[OP_MAX_IN + OP_MAX_EPI]; /* NULL for an absent one */
    struct result result[MAX_RESULTS];
    int n_results;
    struct arena arena;
};

/* Fills the inputs and computes the results with their bounds; false with words in `why` when the
 * problem cannot be tested so. trial_free() in any case. */
bool trial_init(struct trial *t, const struct problem *p, const struct oracle *oracle,
                const char *text, uint64_t seed, enum fill_mode mode, struct text *why);
void trial_free(struct trial *t);

/* The default tunables and every valid change of one; more than `limit` are thinned out at random,
 * the default kept. How many; 0 when the variant's default is not valid. */
#define MAX_SETTINGS 64
int settings(const struct problem *p, const struct caps *caps, const struct variant *v, int limit,
             uint64_t seed, int tv[MAX_SETTINGS][MAX_TUNABLES]);
/* Changes the tunables that the list "NAME=N,NAME=N.." names; false: that does not fit. */
bool change_setting(const struct problem *p, const struct caps *caps, const struct variant *v,
                    const char *list, int *tv);
/* Work-items of all launches; 0 when it cannot be planned, which running it will say. */
double work_items(const struct problem *p, const struct caps *caps, const struct variant *v,
                  const int *tv);
void print_setting(const struct variant *v, const int *tv, struct text *out);

/* Inputs (checkcl_fill.c). */
void fill_inputs(struct trial *t);

/* Adds the epilogue to result 0, which the oracle computed without, and sets all bounds
 * (checkcl_compare.c). */
bool set_bounds(struct trial *t, struct text *why);
/* Are the device's values within the bounds, and do they say anything? With `noise` each may be off by so many
 * times the widest of the bounds: a transform spreads errors over its tile. */
bool compare(const struct trial *t, int k, const double *got, int noise, struct text *why);
/* v as an element of that type can hold it (checkcl_run.c). */
double as_type(enum ocelli_dtype type, double v);

/* A variant with tunables on a device, ready to run (checkcl_run.c). */
struct bench_result {
    double ms;   /* median */
    double busy; /* of all threads, ms of processor time */
    int runs;
};
struct subject {
    struct ocelli_device *dev;
    const struct variant *variant;
    const int *tv;
    struct kept *exact; /* not NULL: every buffer as long as its content, nothing filled in but the
                           inputs, one run: the checker that runs the kernels sees to the rest */
};
/* Runs the trial twice, over different garbage, and compares everything. */
bool subject_check(const struct subject *s, const struct trial *t, struct text *why);
/* Times back-to-back runs of a problem on random data (checkcl_bench.c). */
bool subject_bench(const struct subject *s, const struct problem *p, struct bench_result *out,
                   struct text *why);

/* The buffers of a problem, and its launches recorded (checkcl_run.c); setup_free() in any case. */
int subject_setup(struct setup *u, const struct subject *s, const struct problem *p);

#endif
