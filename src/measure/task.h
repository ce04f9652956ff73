/* Tuning one problem: its candidates, what is known of them, its best. */
#ifndef MEASURE_TASK_H
#define MEASURE_TASK_H

#include <ocelli/tune.h>

#include "measure/runner.h"
#include "tune/book.h"
#include "tune/db.h"
#include "tune/kernel.h"
#include "tune/space.h"

#define TASK_VARIANTS 8
#define ROUNDS_LAST 21 /* of the best against the default */

/* What all tasks of a run share. */
struct tuner {
    struct ocelli_tune_params p; /* defaults filled in */
    const struct ocelli_device_info *info;
    struct tune_device who;
    struct tune_db *db;
    struct runner *runner; /* one for all: one worker a device */
    struct ahead *ahead;   /* NULL: candidates are compiled where they are judged */
    bool beside;           /* ..while others are timed, not in turn with that */
    char device[16];       /* the worker's */
    char *kind;
    double start;   /* clock */
    bool stopped;   /* by the listener */
    bool finishing; /* the last races: they are not stopped */
    struct task *current;
    struct task *task;
    int n_tasks;
};

/* Defaults, database, runner; tuner_close() in any case. With DB_READ, db may be NULL. */
int tuner_open(struct tuner *u, struct ocelli_device *dev, const struct tune_device *who,
               const struct ocelli_tune_params *p, enum db_mode mode);
void tuner_close(struct tuner *u);

/* A candidate that was tried, by the hash of its variant and setting; and of its launches. */
struct known {
    uint64_t name, launches;
    double cost; /* ms; infinity: rejected */
};

/* A variant with its space. */
struct contest {
    const struct variant *v; /* NULL: the user's kernel */
    const char *name;
    struct space_hold hold;
    struct space space;
    int start[SPACE_PARAMS]; /* a point; start[0] < 0: none */
};

struct recalled {
    int contest;
    int tv[MAX(SPACE_PARAMS, MAX_TUNABLES)];
};

struct task {
    struct tuner *tuner;
    char *problem;
    int uses;
    struct problem p;
    void *attr;
    struct kernel_spec *kernel; /* NULL: an operation's problem */
    char *spec;
    struct contest contest[TASK_VARIANTS];
    int n_contests;
    struct runner *runner;
    struct known *known;
    int n_known, cap_known;
    int tried, rejected, remembered;
    double last_ms;           /* of the last candidate; 0: rejected */
    struct recalled recalled; /* the best of what the database has.. */
    double recalled_ms;       /* ..and its time then, 0: nothing */
    /* The default and the best so far. */
    char *def_variant, *def_setting, *variant, *setting;
    double default_ms, best_ms, spread, error;
    char *anchor_variant, *anchor_setting; /* what candidates are timed against */
    double anchor_ms;
    double deadline;    /* of the slice in work */
    int stale;          /* candidates since the best changed */
    int passes;         /* slices so far */
    bool done;          /* nothing left to try */
    struct arena arena; /* lists of values */
    char *failure;      /* why the default itself is no good, in words */
    bool unseen;        /* there was no time to find out */
    int index;          /* among the tuner's */
};

/* An operation's problem, or a kernel (which it takes). Reads what the database knows. task_free()
 * in any case. */
int task_init(struct task *t, struct tuner *tuner, const char *problem, struct kernel_spec *kernel);
void task_free(struct task *t);
int task_plan(const struct task *t, const struct contest *c, const int *tv, uint64_t *launches,
              char source[33]);
bool task_values(const struct task *t, const struct contest *c, const char *setting, int *tv);
void task_setting(const struct task *t, const struct contest *c, const int *tv, struct text *out);
/* What was tried, by name or by what it launches; NULL: it was not. */
const struct known *task_known(const struct task *t, const char *variant, const char *setting,
                               uint64_t launches);
int task_known_add(struct task *t, const char *variant, const char *setting, uint64_t launches,
                   double cost);
/* The worker is this one's from now on. */
void task_use(struct task *t);
/* Judges and times the default. */
int task_begin(struct task *t);
/* Searches until the deadline or until nothing more is gained. */
int task_search(struct task *t, double deadline);
/* The last race, of that many seconds a round and contender, and its winner to the database. */
int task_finish(struct task *t, double seconds);
/* Is there anything for a last race? */
bool task_is_better(const struct task *t);

/* Places to begin at, the nearest first (start.c). */
#define TASK_STARTS 3
struct task_start {
    double distance;
    int contest, point[SPACE_PARAMS];
};
int task_starts(struct task *t, struct task_start *list, int *n);
/* How unlike each other two problems are; infinity: nothing can be learnt for one from the other.
 */
double problem_distance(const char *a, const char *b);

/* Tells the listener; false: stop. */
bool tuner_tell(struct task *t);
int task_result(const struct task *t, struct ocelli_tune_result *out);

#endif
