/* A budget over several problems. */
#include "measure/tuner.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "measure/ahead.h"
#include "measure/task.h"
#include "tune/strategy.h"

#define PASSES 4          /* over all problems, with what time is left */
#define SLICE_SECONDS 2.0 /* at least; less is not worth starting a worker for */
#define BEGIN_SHARE \
    0.4 /* of the budget, at most for the defaults of all; the largest are the first */
#define LAST_SHARE 0.12     /* of the budget, kept for the last races */
#define LAST_SECONDS 0.02   /* of a contender in a round of them, where there is time.. */
#define LEAST_SECONDS 0.002 /* ..and where there is not */
#define STOP_SECONDS 5      /* for the last races once the listener wants to stop */

/* ---- Telling ---- */

bool tuner_tell(struct task *t)
{
    struct tuner *u = t->tuner;
    struct ocelli_tune_progress p = {.problem = t->problem,
                                     .index = t->index,
                                     .count = u->n_tasks,
                                     .tried = t->tried,
                                     .rejected = t->rejected,
                                     .candidate_ms = t->last_ms,
                                     .default_ms = t->default_ms,
                                     .best_ms = t->best_ms,
                                     .variant = t->variant,
                                     .setting = t->setting,
                                     .spent = clock_seconds() - u->start,
                                     .budget = u->p.budget};
    for (int i = 0; i < u->n_tasks; i++) {
        p.total_ms += u->task[i].uses * u->task[i].default_ms;
        p.saved_ms += u->task[i].uses * (u->task[i].default_ms - u->task[i].best_ms);
    }
    return !u->p.progress || u->p.progress(u->p.user, &p);
}

/* While a candidate is in work. */
static bool go_on(void *user)
{
    struct tuner *u = user;
    if (u->current && !tuner_tell(u->current))
        u->stopped = true;
    return u->finishing || !u->stopped;
}

int task_result(const struct task *t, struct ocelli_tune_result *out)
{
    const bool good = !t->failure && t->default_ms > 0;
    *out = (struct ocelli_tune_result){.problem = strdup(t->problem),
                                       .variant = strdup(good ? t->variant : ""),
                                       .setting = strdup(good                       ? t->setting
                                                         : t->failure && !t->unseen ? t->failure
                                                                                    : ""),
                                       .default_variant = strdup(t->def_variant),
                                       .default_setting = strdup(t->def_setting),
                                       .default_ms = t->default_ms,
                                       .best_ms = t->best_ms,
                                       .spread = t->spread,
                                       .uses = t->uses,
                                       .tried = t->tried,
                                       .rejected = t->rejected,
                                       .known = t->remembered};
    bool ok = out->problem && out->variant && out->setting && out->default_variant &&
              out->default_setting;
    return ok ? 0 : fail_memory();
}

void ocelli_tune_results_free(struct ocelli_tune_result **rp, int n)
{
    for (int i = 0; *rp && i < n; i++) {
        struct ocelli_tune_result *r = &(*rp)[i];
        free(r->problem);
        free(r->variant);
        free(r->setting);
        free(r->default_variant);
        free(r->default_setting);
    }
    free(*rp);
    *rp = NULL;
}

const char *ocelli_tune_strategy(int i)
{
    int n = 0;
    while (strategy_names[n])
        n++;
    return i >= 0 && i < n ? strategy_names[i] : NULL;
}

/* ---- The budget ---- */

/* What is at stake: the problem's time, less once it was searched without a better one. */
static double stake(const struct task *t)
{
    return t->done || t->failure || t->default_ms <= 0 ? 0 : t->uses * t->best_ms / (1 + t->passes);
}

static int next_task(const struct tuner *u, const bool *had)
{
    int best = -1;
    for (int i = 0; i < u->n_tasks; i++)
        if (!had[i] && stake(&u->task[i]) > 0 &&
            (best < 0 || stake(&u->task[i]) > stake(&u->task[best])))
            best = i;
    return best;
}

/* Once over all that have something at stake, the largest first, each with its share of the time
 * that is left. */
static int pass(struct tuner *u, double end)
{
    bool *had = calloc((size_t)u->n_tasks + 1, sizeof(*had));
    int err = 0;
    if (!had)
        return fail_memory();
    for (int i; !u->stopped && (i = next_task(u, had)) >= 0;) {
        struct task *t = &u->task[i];
        double left = end - clock_seconds(), all = 0;
        for (int k = 0; k < u->n_tasks; k++)
            all += had[k] ? 0 : stake(&u->task[k]);
        had[i] = true;
        if (left <= 0)
            break;
        double slice = MIN(MAX(left * stake(t) / all, SLICE_SECONDS), left);
        TRY(task_search(t, clock_seconds() + slice));
    }
out:
    free(had);
    return err;
}

/* What is in work then is given up. */
static void end_at(struct tuner *u, double end)
{
    runner_end(u->runner, end);
    if (u->ahead)
        ahead_end(u->ahead, end);
}

static double saved(const struct task *t)
{
    return task_is_better(t) ? t->uses * (t->default_ms - t->best_ms) : 0;
}

/* The last races, those first by which most is won. Also after Ctrl-C: a second it takes, and what
 * was found is worth it. */
static int finish_all(struct tuner *u)
{
    const double now = clock_seconds();
    const double left = u->stopped ? STOP_SECONDS : MAX(u->start + u->p.budget - now, 0);
    bool *done = calloc((size_t)u->n_tasks + 1, sizeof(*done));
    int better = 0, err = 0;
    if (!done)
        return fail_memory();
    u->finishing = true;
    end_at(u, now + left);
    for (int i = 0; i < u->n_tasks; i++)
        better += task_is_better(&u->task[i]);
    /* Half of the time for compiling and for finding out how many runs make a round. */
    const double seconds =
        MIN(MAX(left / 2 / (2 * ROUNDS_LAST * MAX(better, 1)), LEAST_SECONDS), LAST_SECONDS);
    for (int n = 0; n < u->n_tasks; n++) {
        int next = -1;
        for (int i = 0; i < u->n_tasks; i++)
            if (!done[i] && (next < 0 || saved(&u->task[i]) > saved(&u->task[next])))
                next = i;
        done[next] = true;
        TRY(task_finish(&u->task[next], seconds));
    }
out:
    free(done);
    return err;
}

static int search_all(struct tuner *u)
{
    const double end = u->start + u->p.budget * (1 - LAST_SHARE);
    int err = 0;
    end_at(u, end);
    const double enough = u->start + u->p.budget * BEGIN_SHARE;
    for (int i = 0; i < u->n_tasks && !u->stopped && (i == 0 || clock_seconds() < enough); i++)
        TRY(task_begin(&u->task[i]));
    for (int k = 0; k < PASSES && !u->stopped && clock_seconds() < end; k++)
        TRY(pass(u, end));
    TRY(finish_all(u));
out:
    return err;
}

/* ---- All of it ---- */

static int open_database(struct tuner *u, enum db_mode mode)
{
    const struct log log = {u->p.log, u->p.user};
    struct text path = {0};
    int err = 0;
    if (u->p.database)
        text_add(&path, "%s", u->p.database);
    else if (!db_default_path(&path)) {
        log_to(&log, OCELLI_LOG_WARNING,
               "tuning database: neither XDG_DATA_HOME nor HOME is set; results are not kept");
        text_add(&path, ":memory:");
    }
    if (path.failed)
        TRY(fail_memory());
    TRY(db_open(&u->db, path.s, mode, &log));
out:
    text_free(&path);
    return err;
}

static void set_defaults(struct tuner *u, const struct ocelli_tune_params *p)
{
    const char *worker = secure_getenv("OCELLI_TUNE_WORKER");
    u->p = p ? *p : (struct ocelli_tune_params){0};
    u->p.budget = u->p.budget > 0 ? u->p.budget : 60;
    u->p.compile_seconds = u->p.compile_seconds > 0 ? u->p.compile_seconds : 60;
    u->p.run_seconds = u->p.run_seconds > 0 ? u->p.run_seconds : 20;
    u->p.worker = u->p.worker ? u->p.worker : worker && *worker ? worker : "ocelli";
}

/* How many processes may compile besides: all that there are where the device is these processors,
 * in turn with the timing; else, meanwhile, all but the one that the timing needs. */
static int compilers(const struct tuner *u)
{
    cpu_set_t set;
    const int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    const int most = u->beside ? n - 1 : n > 1 ? n : 0;
    return u->p.jobs == 0 ? most : u->p.jobs == 1 ? 0 : u->p.jobs;
}

static int open_runners(struct tuner *u)
{
    const struct runner_params p = {.program = u->p.worker,
                                    .device = u->device,
                                    .compile_s = u->p.compile_seconds,
                                    .run_s = u->p.run_seconds,
                                    .go_on = go_on,
                                    .user = u};
    u->beside = u->info->type != OCELLI_DEVICE_CPU;
    const int n = compilers(u);
    int err = runner_create(&u->runner, &p);
    return !err && n > 0 ? ahead_create(&u->ahead, &p, n) : err;
}

int tuner_open(struct tuner *u, struct ocelli_device *dev, const struct tune_device *who,
               const struct ocelli_tune_params *p, enum db_mode mode)
{
    struct text kind = {0};
    int err = 0;
    *u = (struct tuner){.info = ocelli_device_get_info(dev), .who = *who, .start = clock_seconds()};
    set_defaults(u, p);
    if (u->info->type == OCELLI_DEVICE_NULL)
        TRY(fail(OCELLI_ERR_UNSUPPORTED, "tune: the null device cannot run anything"));
    bool found = !u->p.strategy;
    for (int i = 0; strategy_names[i] && !found; i++)
        found = strcmp(strategy_names[i], u->p.strategy) == 0;
    if (!found)
        TRY(fail(OCELLI_ERR_INVALID, "strategy \"%s\": there is none of that name", u->p.strategy));
    device_kind(who->caps, &kind);
    if (kind.failed)
        TRY(fail_memory());
    u->kind = kind.s;
    kind = (struct text){0};
    snprintf(u->device, sizeof(u->device), "%d", u->info->index);
    TRY(open_database(u, mode));
    TRY(open_runners(u));
out:
    text_free(&kind);
    return err;
}

void tuner_close(struct tuner *u)
{
    for (int i = 0; i < u->n_tasks; i++)
        task_free(&u->task[i]);
    free(u->task);
    runner_destroy(&u->runner);
    ahead_destroy(&u->ahead);
    db_close(&u->db);
    free(u->kind);
    *u = (struct tuner){0};
}

int tuner_run(struct ocelli_device *dev, const struct tune_device *who,
              const struct tune_request *q, const struct ocelli_tune_params *p,
              struct ocelli_tune_result **out)
{
    const int n = q->kernel ? 1 : q->n;
    struct kernel_spec *kernel = q->kernel;
    struct tuner u = {0};
    int err;
    *out = NULL;
    TRY(tuner_open(&u, dev, who, p, DB_WRITE));
    u.task = calloc((size_t)n + 1, sizeof(*u.task));
    *out = calloc((size_t)n + 1, sizeof(**out));
    if (!u.task || !*out)
        TRY(fail_memory());
    for (int i = 0; i < n; i++) {
        u.n_tasks++;
        struct kernel_spec *k = kernel;
        kernel = NULL;
        TRY(task_init(&u.task[i], &u, k ? NULL : q->problem[i], k));
        u.task[i].uses = q->uses ? q->uses[i] : 1;
        u.task[i].index = i;
    }
    TRY(search_all(&u));
    for (int i = 0; i < n; i++)
        TRY(task_result(&u.task[i], &(*out)[i]));
out:
    tuner_close(&u);
    kernel_free(&kernel);
    if (err)
        ocelli_tune_results_free(out, n);
    return err;
}
