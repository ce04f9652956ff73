/* Tuning: finding the variant and parameters of a kernel that are fastest on a device.
 *
 * Candidates are compiled and run by a worker, a process of its own: one that hangs or crashes
 * costs no more than itself. Each is compared with the reference kernel before it is timed: whole
 * numbers to the bit, real ones within a bound, canaries around all buffers, repeats to the bit.
 * What wins must win again, by more than the noise, in a race against the default. Every result is
 * in the database before the next candidate starts; plans (plan.h) use the winners from then on. */
#ifndef OCELLI_TUNE_H
#define OCELLI_TUNE_H

#include <ocelli/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is known so far; told after every candidate, and about ten times a second while one is in
 * work. Texts live until the call returns. */
struct ocelli_tune_progress {
    const char *problem;           /* in work now */
    int index, count;              /* it is number index of count */
    int tried, rejected;           /* candidates for it */
    double candidate_ms;           /* of the last one; 0: rejected */
    double default_ms, best_ms;    /* of it; 0: not known yet */
    const char *variant, *setting; /* of the best */
    double spent, budget;          /* seconds, of all */
    double total_ms, saved_ms;     /* of all problems, each as often as it is used */
};
/* False: stop now. Everything found is kept. */
typedef bool (*ocelli_tune_progress_fn)(void *user, const struct ocelli_tune_progress *p);

/* Zero in a field means its default. */
struct ocelli_tune_params {
    double budget;        /* seconds in all (60); what is in work then is given up */
    int candidates;       /* at most so many a problem; 0: as the budget allows */
    const char *strategy; /* "auto" (default), or what ocelli_tune_strategy() lists */
    const char *values;   /* "MR=4,8 NV=2": only these values of the parameters named */
    const char *worker;   /* the program whose `tune-worker` command is the worker; NULL:
                             $OCELLI_TUNE_WORKER,   else "ocelli" in $PATH */
    const char *database; /* NULL: $OCELLI_TUNING_DB, else ocelli/tuning.db in $XDG_DATA_HOME or
                             ~/.local/share */
    bool afresh;          /* try again what was tried; else it is only remembered */
    bool busy; /* compare processor time: for a device that is the processor, on a machine that
                  others use */
    int jobs; /* processes that compile candidates before they are judged: while others are timed, or,
                 on a CPU device, in turn with that; 0: as many as suit the device, 1: none */
    double compile_seconds, run_seconds; /* after which a candidate is given up (60 and 20) */
    uint64_t seed;
    ocelli_tune_progress_fn progress;
    void *user;
    ocelli_log_fn log; /* NULL: silence */
};

struct ocelli_tune_result {
    char *problem;           /* problem string, or "kernel NAME SIZE=N.." */
    char *variant, *setting; /* of the winner. variant "": the default is no good, setting says why;
                                 "" there, too: there was no time for this problem */
    char *default_variant, *default_setting;
    double default_ms, best_ms; /* of the last race between them; equal when the default stays */
    double spread;              /* of the ratio in that race */
    int uses;                   /* how often the network has it */
    int tried, rejected;        /* candidates, those of earlier runs included */
    int known;                  /* of these, remembered from earlier runs */
};
OCELLI_API void ocelli_tune_results_free(struct ocelli_tune_result **r, int n);

/* The names of strategies; NULL behind the last. */
OCELLI_API const char *ocelli_tune_strategy(int i);

/* Tunes problems, each the string of one operation on known shapes (as `ocelli tune --list` prints
 * them). Fails: INVALID (no such problem or strategy), IO (no worker), DEVICE, MEMORY. */
OCELLI_API int ocelli_tune_problems(struct ocelli_device *dev, const char *const *problem, int n,
                                    const struct ocelli_tune_params *p,
                                    struct ocelli_tune_result **out);
/* Tunes what a plan of the graph would run, time going to what takes longest. q as for
 * ocelli_plan_create(). *n: how many problems. budget < 0: only lists them. */
OCELLI_API int ocelli_tune_graph(struct ocelli_device *dev, const struct ocelli_graph *g,
                                 const struct ocelli_plan_params *q,
                                 const struct ocelli_tune_params *p,
                                 struct ocelli_tune_result **out, int *n);
/* Takes winners back: from now on each of these problems has its default on this device. What was
 * tried stays known. *reverted: how many had something else. For networks that turn out slower as a
 * whole. Fails: INVALID, IO, MEMORY. */
OCELLI_API int ocelli_tune_revert(struct ocelli_device *dev, const char *database,
                                  const struct ocelli_tune_result *r, int n, int *reverted);
/* Tunes somebody's own kernel: `spec` is the text of a specification (JSON, ocelli(1) has the
 * format, or T1), file names in it are relative to `folder`; `source` replaces the kernel file that
 * it names (NULL: does not). Fails besides: FORMAT. */
OCELLI_API int ocelli_tune_kernel(struct ocelli_device *dev, const char *spec, const char *folder,
                                  const char *source, const struct ocelli_tune_params *p,
                                  struct ocelli_tune_result **out);
/* ---- The database ---- */

enum ocelli_tune_format {
    OCELLI_TUNE_WINNERS, /* JSON lines: an object for each problem's winner */
    OCELLI_TUNE_ALL,     /* and one for every candidate that was tried */
    OCELLI_TUNE_T4,      /* the auto-tuning community's result format */
};
struct ocelli_tune_counts {
    int64_t winners, results, older, refused;
};
/* database as in ocelli_tune_params. problem NULL: all. *text is the caller's to free(). */
OCELLI_API int ocelli_tune_export(const char *database, enum ocelli_tune_format format,
                                  const char *problem, char **text);
/* JSON lines, of OCELLI_TUNE_WINNERS or ALL. What is not sensible is refused and counted; of two
 * winners for one problem the one measured later stays. */
OCELLI_API int ocelli_tune_import(const char *database, const char *text,
                                  struct ocelli_tune_counts *out);
OCELLI_API int ocelli_tune_merge(const char *database, const char *from,
                                 struct ocelli_tune_counts *out);
/* Where the database is or would be; "" when there is no place. In `path`, cut to `size`. */
OCELLI_API void ocelli_tune_path(char *path, size_t size);
/* 0 when the database is sound or not there. */
OCELLI_API int ocelli_tune_check(const char *database);

/* A winner, judged and raced against the default once more. */
struct ocelli_tune_verdict {
    char *problem, *variant, *setting;
    const char *status; /* "holds", "slower" (than the default, by more than the noise), "wrong",
                           "stale" (for another version of the kernel: no plan uses it), "skipped"
                           (no time, or somebody's own kernel) */
    char *why;
    double gain_then, gain_now; /* the default's time as a multiple of its time; 0: not measured */
};
/* Looks at winners of this device, p->candidates of them (20), drawn by p->seed, in p->budget
 * seconds. Changes nothing: what does not hold can be tuned again. Fails as
 * ocelli_tune_problems(). */
OCELLI_API int ocelli_tune_verify(struct ocelli_device *dev, const struct ocelli_tune_params *p,
                                  struct ocelli_tune_verdict **out, int *n);
OCELLI_API void ocelli_tune_verdicts_free(struct ocelli_tune_verdict **v, int n);

/* ---- Simulation ---- */

/* How a strategy does on a recorded space (JSON lines, gzip or plain), without a device: `repeats`
 * searches from different seeds of at most `fraction` of its candidates each. */
struct ocelli_tune_simulation {
    int candidates; /* in the space, good ones */
    double best_ms, median_ms;
    double to95; /* median over the repeats of the candidates needed to come within 95 % of the best
                    performance; infinity when most did not */
    double curve[5]; /* median performance, 1 the best there is, after 1, 2, 5, 10, 20 % of the
                        space */
};
OCELLI_API int ocelli_tune_simulate(const char *path, const char *strategy, int repeats,
                                    double fraction, uint64_t seed,
                                    struct ocelli_tune_simulation *out);
/* The same, starting from the best of another recorded space, as far as this one has it: how much
 * is carried over from a problem to its relatives. */
OCELLI_API int ocelli_tune_transfer(const char *path, const char *from, const char *strategy,
                                    int repeats, double fraction, uint64_t seed,
                                    struct ocelli_tune_simulation *out);
/* Writes what the database has for a problem on a device as a recorded space. */
OCELLI_API int ocelli_tune_record(struct ocelli_device *dev, const char *problem,
                                  const char *database, const char *path);

/* What `ocelli tune-worker` does: serves candidates on standard input and output until the end of
 * input. */
OCELLI_API int ocelli_tune_worker(void);

#ifdef __cplusplus
}
#endif
#endif
