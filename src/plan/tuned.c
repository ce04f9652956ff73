#include "plan/tuned.h"

#include <ocelli/tune.h>

#include <stdlib.h>
#include <string.h>

#include "measure/tuner.h"
#include "plan/rewrite.h"

static int effort_of(const struct ocelli_plan_params *q, enum ocelli_effort *out)
{
    static const char *const words[] = {"", "off", "db", "quick", "full"};
    const char *s = secure_getenv("OCELLI_TUNE");
    *out = q->effort;
    if ((unsigned)q->effort >= COUNT(words))
        return fail(OCELLI_ERR_INVALID, "plan: effort %d: there is none", (int)q->effort);
    if (q->effort != OCELLI_EFFORT_DEFAULT)
        return 0;
    *out = OCELLI_EFFORT_DB;
    for (size_t i = 1; s && *s && i < COUNT(words); i++)
        if (strcmp(words[i], s) == 0) {
            *out = (enum ocelli_effort)i;
            return 0;
        }
    if (s && *s)
        return fail(OCELLI_ERR_INVALID, "OCELLI_TUNE: \"%s\" is not off, db, quick or full", s);
    return 0;
}

struct tune_device tune_device_of(const struct ocelli_device *dev)
{
    const struct ocelli_device_info *info = ocelli_device_get_info(dev);
    return (struct tune_device){info->name, info->driver, device_caps(dev), launches_source};
}

#define QUICK_SECONDS 30
#define FULL_SECONDS 600
/* A candidate that takes so long must not take all of QUICK's time. */
#define QUICK_COMPILE 10
#define QUICK_RUN 5

/* The device's listeners behind the tuner's, which have one `user` for both. */
static bool tell_device(void *user, const struct ocelli_tune_progress *p)
{
    void *listener;
    bool (*tuning)(void *, const struct ocelli_tune_progress *) = device_tuning(user, &listener);
    return !tuning || tuning(listener, p);
}

static void log_device(void *user, enum ocelli_log_level level, const char *message)
{
    log_to(device_log(user), level, "%s", message);
}

/* Tunes what the book does not know of. What goes wrong here is no reason not to run. */
static int tune_unknown(struct plan_tuned *t, struct ocelli_device *dev, const struct graph *g,
                        enum ocelli_effort effort)
{
    const struct tune_device who = tune_device_of(dev);
    const bool quick = effort == OCELLI_EFFORT_QUICK;
    const struct log *log = device_log(dev);
    const struct ocelli_tune_params p = {.budget = quick ? QUICK_SECONDS : FULL_SECONDS,
                                         .compile_seconds = quick ? QUICK_COMPILE : 0,
                                         .run_seconds = quick ? QUICK_RUN : 0,
                                         .progress = tell_device,
                                         .log = log_device,
                                         .user = dev};
    struct ocelli_tune_result *r = NULL;
    struct problem_list l = {0};
    int err, unknown = 0;
    TRY(problem_list_of(&l, g, who.caps));
    for (int i = 0; i < l.n; i++) {
        _Alignas(16) char attr[PROBLEM_ATTR_BYTES];
        struct problem problem;
        const struct variant *v;
        int tv[MAX_TUNABLES];
        TRY(problem_parse(l.problem[i], &problem, attr));
        if (book_find(t->book, &problem, NULL, &v, tv))
            continue;
        char *name = l.problem[unknown];
        l.problem[unknown] = l.problem[i];
        l.problem[i] = name;
        l.uses[unknown++] = l.uses[i];
    }
    if (unknown > 0)
        log_to(log, OCELLI_LOG_INFO, "tune: %d problems that nothing is known of, in %g seconds",
               unknown, p.budget);
    if (unknown > 0 &&
        tuner_run(dev, &who,
                  &(struct tune_request){(const char *const *)l.problem, l.uses, unknown, NULL}, &p,
                  &r) != 0)
        log_to(log, OCELLI_LOG_WARNING, "tune: %s; going on without", ocelli_error());
    ocelli_tune_results_free(&r, unknown);
out:
    problem_list_free(&l);
    return err;
}

int plan_tuned_open(struct plan_tuned *t, struct ocelli_device *dev, const struct caps *caps,
                    const struct graph *g, const struct ocelli_plan_params *q)
{
    struct tune_device who = tune_device_of(dev);
    enum ocelli_effort effort;
    int err;
    *t = (struct plan_tuned){0};
    who.caps = caps;
    TRY(effort_of(q, &effort));
    if (effort == OCELLI_EFFORT_OFF || device_is_null(dev))
        return 0;
    TRY(book_open(&t->book, &who, device_log(dev)));
    if (effort > OCELLI_EFFORT_DB) {
        TRY(tune_unknown(t, dev, g, effort));
        book_close(&t->book); /* it may have been opened before there was a database */
        TRY(book_open(&t->book, &who, device_log(dev)));
    }
    t->tuned = (struct tuned){book_find, t->book};
out:
    return err;
}

void plan_tuned_close(struct plan_tuned *t)
{
    book_close(&t->book);
}
