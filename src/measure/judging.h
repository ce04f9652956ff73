/* The judge's inside: judge.c checks, race.c times. */
#ifndef MEASURE_JUDGING_H
#define MEASURE_JUDGING_H

#include "measure/judge.h"
#include "measure/setup.h"

enum judge_mode { JUDGE_WHOLE, JUDGE_REAL, JUDGE_MODES };

/* Inputs of a case, and what must come out. */
struct truth {
    bool known;
    uint8_t *in[WORK_MAX_BUFFERS], *want[WORK_MAX_BUFFERS]; /* of each input, of each result */
    float *bound[WORK_MAX_BUFFERS];                         /* NULL: to the bit */
};

/* Ready to be timed. */
struct contender {
    char *name;
    struct setup setup;
    uint8_t *bits; /* of the first output, after the first run */
    int runs;      /* in a round */
    uint64_t used;
};
#define CONTENDERS 4

struct judge {
    struct ocelli_device *dev;
    const struct work *work;
    struct truth truth[WORK_MAX_CASES][JUDGE_MODES];
    struct contender contender[CONTENDERS];
    uint64_t clock; /* of `used` */
    void (*stage)(void *user, const char *what);
    void *user;
};

/* k NULL: the reference. UNSUPPORTED: it does not apply. setup_free() in any case. */
int judge_setup(const struct judge *j, int c, const struct candidate *k, bool bare,
                struct setup *u);
void judge_load(const struct setup *u, uint8_t *const *in, int rest);
/* Both return false. */
bool judge_reject(struct verdict *v, const char *status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool judge_failed(struct verdict *v, int err);
void judge_forget_contenders(struct judge *j);

#endif
