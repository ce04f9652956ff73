/* Trying candidates of one problem. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ocelli/version.h>

#include "base/clock.h"
#include "measure/ahead.h"
#include "measure/hunter.h"

#define SLOW 3.0       /* times the best, after which a candidate is stopped */
#define ROUNDS_FIRST 3 /* of a candidate */
#define ROUNDS_AGAIN 7 /* of one that seems to be better than the best */
#define ROUND_SECONDS 0.01
#define STALE_LIMIT 40 /* candidates without a better one, after which others may have the time */
#define AHEAD_LEAST 8  /* candidates for which compilers are worth starting */
#define FAR 3.0        /* times the best, the most that candidates are timed against */
#define WORTH 0.01     /* what a winner must gain at least */
#define RIVAL \
    2.0 /* a variant whose default takes so many times as long as the best is not searched */

static struct candidate best_of(const struct task *t)
{
    return (struct candidate){t->variant, t->setting};
}

static struct candidate default_of(const struct task *t)
{
    return (struct candidate){t->def_variant, t->def_setting};
}

static int put_result(struct task *t, const struct candidate *k, const char *source,
                      const struct verdict *v, double ms, double spread)
{
    const struct ocelli_device_info *info = t->tuner->info;
    return db_put_result(t->tuner->db,
                         &(struct tune_result){.key = {t->problem, info->name, info->driver},
                                               .variant = k->variant,
                                               .setting = k->setting,
                                               .source = source,
                                               .status = v->status,
                                               .why = v->why,
                                               .ms = isfinite(ms) ? ms : 0,
                                               .spread = spread});
}

static bool is_ok(const struct verdict *v)
{
    return strcmp(v->status, STATUS_OK) == 0;
}

static bool is_stopped(const struct verdict *v)
{
    return strcmp(v->status, STATUS_STOPPED) == 0;
}

static int set_best(struct task *t, const struct candidate *k, double ms, double error)
{
    char *variant = strdup(k->variant), *setting = strdup(k->setting);
    if (!variant || !setting) {
        free(variant);
        free(setting);
        return fail_memory();
    }
    free(t->variant);
    free(t->setting);
    t->variant = variant;
    t->setting = setting;
    t->best_ms = ms;
    t->error = error;
    t->stale = 0;
    return 0;
}

/* ---- One candidate ---- */

static struct race_params rounds(const struct task *t, int n, double seconds, double limit)
{
    return (struct race_params){n, seconds, limit, t->tuner->p.busy};
}

/* What candidates are timed against: the default, whose time does not change, so that costs
 * compare. Where the best is far ahead of it, that would take too long: then what was the best when
 * it came to that. */
static int set_anchor(struct task *t)
{
    if (t->anchor_setting && t->best_ms > t->anchor_ms / FAR)
        return 0;
    free(t->anchor_variant);
    free(t->anchor_setting);
    t->anchor_variant = strdup(t->variant);
    t->anchor_setting = strdup(t->setting);
    t->anchor_ms = t->best_ms;
    return t->anchor_variant && t->anchor_setting ? 0 : fail_memory();
}

/* Checked, timed, and the best's successor if it wins twice. *cost in ms, infinity: rejected; v
 * says whether it was stopped before that was known. */
static int judge_candidate(struct task *t, const struct candidate *k, struct verdict *v,
                           double *cost, double *spread)
{
    const struct candidate anchor = {t->anchor_variant, t->anchor_setting}, best = best_of(t);
    struct race_params p = rounds(t, ROUNDS_FIRST, ROUND_SECONDS, SLOW * t->best_ms / t->anchor_ms);
    struct race r;
    int err = 0;
    *cost = INFINITY;
    *spread = 0;
    TRY(runner_check(t->runner, k, v));
    if (!is_ok(v))
        return 0;
    double error = v->error;
    TRY(runner_race(t->runner, &anchor, k, &p, &r));
    *v = r.verdict;
    *spread = r.spread;
    if (!is_ok(v) && strcmp(v->status, STATUS_SLOW) != 0)
        return 0;
    *cost = r.ratio * t->anchor_ms;
    if (!is_ok(v) || *cost > (1 - WORTH) * t->best_ms)
        return 0;
    p = rounds(t, ROUNDS_AGAIN, ROUND_SECONDS, 0);
    TRY(runner_race(t->runner, &best, k, &p, &r));
    *v = r.verdict;
    if (is_ok(v) && r.ratio < 1 - MAX(WORTH / 2, r.spread))
        TRY(set_best(t, k, r.ratio * t->best_ms, error));
    else if (is_ok(v)) /* chance made it look better than it is */
        *cost = MAX(*cost, r.ratio * t->best_ms);
    TRY(set_anchor(t));
out:
    return err;
}

bool hunter_is_over(const struct hunter *h)
{
    const struct task *t = h->t;
    const int most = t->tuner->p.candidates;
    return h->err || t->tuner->stopped || clock_seconds() > t->deadline ||
           (most > 0 && t->tried - t->remembered >= most) || (!h->whole && t->stale > STALE_LIMIT);
}

/* Strategies that start anew ask again: by name, that is quickly answered. */
static bool remember(struct hunter *h, const char *setting, uint64_t launches, double cost)
{
    h->err = task_known_add(h->t, h->c->name, setting, launches, cost);
    return true;
}

bool hunter_knows(struct hunter *h, const int *point, struct tried *k, double *cost)
{
    int tv[MAX(SPACE_PARAMS, MAX_TUNABLES)] = {0};
    *k = (struct tried){0};
    space_values(&h->c->space, point, tv);
    task_setting(h->t, h->c, tv, &k->setting);
    if (k->setting.failed ||
        (!k->setting.s && (text_add(&k->setting, "%s", ""), k->setting.failed))) {
        h->err = fail_memory();
        return false;
    }
    const struct known *known = task_known(h->t, h->c->name, k->setting.s, 0);
    *cost = known ? known->cost : INFINITY;
    if (known)
        return true;
    /* What the planner refuses was never a candidate. */
    if (task_plan(h->t, h->c, tv, &k->launches, k->source) != 0)
        return remember(h, k->setting.s, 0, INFINITY);
    known = task_known(h->t, h->c->name, k->setting.s, k->launches);
    if (!known)
        return false;
    *cost = known->cost;
    return remember(h, k->setting.s, k->launches, *cost);
}

void tried_free(struct tried *k)
{
    text_free(&k->setting);
}

double hunter_eval(void *user, const int *point)
{
    struct hunter *h = user;
    struct task *t = h->t;
    struct verdict v;
    struct tried k;
    double cost = NAN, spread;
    int err = 0;
    if (hunter_knows(h, point, &k, &cost))
        goto out;
    cost = NAN;
    if (hunter_is_over(h))
        goto out;
    const struct candidate candidate = {h->c->name, k.setting.s};
    t->stale++;
    TRY(judge_candidate(t, &candidate, &v, &cost, &spread));
    if (is_stopped(&v)) {
        cost = NAN;
        goto out;
    }
    t->tried++;
    t->rejected += isinf(cost) != 0;
    t->last_ms = isinf(cost) ? 0 : cost;
    TRY(put_result(t, &candidate, k.source, &v, cost, spread));
    TRY(task_known_add(t, candidate.variant, candidate.setting, k.launches, cost));
    if (!tuner_tell(t))
        t->tuner->stopped = true;
out:
    tried_free(&k);
    h->err = h->err ? h->err : err;
    return h->err ? NAN : cost;
}

/* ---- The problem ---- */

static const struct contest *contest_named(const struct task *t, const char *name)
{
    for (int i = 0; i < t->n_contests; i++)
        if (strcmp(t->contest[i].name, name) == 0)
            return &t->contest[i];
    return NULL;
}

/* The best of earlier runs against the default: times of other days do not compare. */
static int begin_with_recalled(struct task *t)
{
    const struct contest *c = &t->contest[t->recalled.contest];
    struct race_params p = rounds(t, ROUNDS_AGAIN, ROUND_SECONDS, 0);
    struct text setting = {0};
    struct verdict v;
    struct race r;
    int err = 0;
    if (t->recalled_ms == 0)
        return 0;
    task_setting(t, c, t->recalled.tv, &setting);
    if (setting.failed)
        TRY(fail_memory());
    const struct candidate def = default_of(t), k = {c->name, setting.s};
    if (strcmp(k.setting, def.setting) == 0 && strcmp(k.variant, def.variant) == 0)
        goto out;
    TRY(runner_check(t->runner, &k, &v));
    if (!is_ok(&v))
        goto out;
    TRY(runner_race(t->runner, &def, &k, &p, &r));
    if (is_ok(&r.verdict) && r.ratio < 1 - MAX(WORTH / 2, r.spread))
        TRY(set_best(t, &k, r.ratio * t->default_ms, v.error));
    TRY(set_anchor(t));
out:
    text_free(&setting);
    return err;
}

int task_begin(struct task *t)
{
    const struct candidate def = default_of(t);
    const struct contest *c = contest_named(t, def.variant);
    struct race_params p = rounds(t, ROUNDS_FIRST, ROUND_SECONDS, 0);
    int tv[MAX(SPACE_PARAMS, MAX_TUNABLES)], err = 0;
    struct verdict v;
    struct race r = {0};
    uint64_t launches;
    char source[33];
    task_use(t);
    TRY(runner_check(t->runner, &def, &v));
    double error = v.error;
    if (is_ok(&v)) {
        TRY(runner_race(t->runner, &def, &def, &p, &r));
        v = r.verdict;
    }
    if (!is_ok(&v)) {
        if (asprintf(&t->failure, "%s%s%s", is_stopped(&v) ? "" : v.status,
                     is_stopped(&v) ? "" : ": ", v.why) < 0)
            TRY(fail_memory());
        t->unseen = is_stopped(&v);
        t->done = true;
        return 0;
    }
    t->default_ms = r.b_ms;
    t->last_ms = r.b_ms;
    TRY(set_best(t, &def, r.b_ms, error));
    TRY(set_anchor(t));
    if (c && task_values(t, c, def.setting, tv) && task_plan(t, c, tv, &launches, source) == 0 &&
        !task_known(t, def.variant, def.setting, launches)) {
        TRY(put_result(t, &def, source, &v, r.b_ms, r.spread));
        TRY(task_known_add(t, def.variant, def.setting, launches, r.b_ms));
        t->tried++;
    }
    TRY(begin_with_recalled(t));
    if (!tuner_tell(t))
        t->tuner->stopped = true;
out:
    return err;
}

/* Searches one variant's space. */
static int search_contest(struct task *t, const struct contest *c, double deadline)
{
    const char *strategy = t->tuner->p.strategy;
    struct hunter h = {.t = t, .c = c, .whole = strategy && strcmp(strategy, "exhaustive") == 0};
    struct search s = {.space = &c->space,
                       .eval = hunter_eval,
                       .user = &h,
                       .seed = t->tuner->p.seed + (uint64_t)t->passes,
                       .start = c->start[0] < 0 ? NULL : c->start};
    int err;
    t->deadline = deadline;
    t->stale = 0;
    if (t->tuner->ahead && space_size(&c->space) >= AHEAD_LEAST) {
        ahead_use(t->tuner->ahead, t->kernel ? NULL : t->problem, t->spec);
        TRY(hunter_search_ahead(&h, &s, strategy));
    } else {
        TRY(search_run(&s, strategy));
    }
    err = h.err;
out:
    return err;
}

/* What won elsewhere. The search begins at the best of it, where that beats the default's place. */
static int try_starts(struct task *t, double *ms)
{
    struct task_start start[TASK_STARTS];
    int n, err;
    TRY(task_starts(t, start, &n));
    for (int i = 0; i < n && !t->tuner->stopped; i++) {
        struct contest *c = &t->contest[start[i].contest];
        struct hunter h = {.t = t, .c = c, .whole = true};
        const double cost = hunter_eval(&h, start[i].point);
        TRY(h.err);
        if (!(cost < ms[start[i].contest]))
            continue;
        ms[start[i].contest] = cost;
        memcpy(c->start, start[i].point, sizeof(c->start));
    }
out:
    return err;
}

int task_search(struct task *t, double deadline)
{
    double ms[TASK_VARIANTS], start = clock_seconds();
    for (int i = 0; i < TASK_VARIANTS; i++)
        ms[i] = INFINITY;
    int err = 0, before = t->tried;
    task_use(t);
    /* The other variants' defaults first: most are out of the question after that. */
    for (int i = 0; i < t->n_contests && !t->tuner->stopped; i++) {
        struct hunter h = {.t = t, .c = &t->contest[i], .whole = true};
        t->deadline = deadline;
        ms[i] = t->contest[i].start[0] < 0 ? (t->contest[i].space.n ? t->best_ms : INFINITY)
                                           : hunter_eval(&h, t->contest[i].start);
        TRY(h.err);
    }
    if (t->passes == 0)
        TRY(try_starts(t, ms));
    int rivals = 0;
    for (int i = 0; i < t->n_contests; i++)
        rivals += ms[i] <= RIVAL * t->best_ms;
    for (int i = 0, left = rivals; i < t->n_contests && !t->tuner->stopped; i++) {
        if (!(ms[i] <= RIVAL * t->best_ms) || t->contest[i].space.n == 0)
            continue;
        double now = MAX(clock_seconds(), start);
        TRY(search_contest(t, &t->contest[i], now + (deadline - now) / MAX(left, 1)));
        left--;
    }
    t->passes++;
    t->done = t->tried == before ||
              (t->tuner->p.candidates > 0 && t->tried - t->remembered >= t->tuner->p.candidates);
out:
    return err;
}

/* MHz, as Linux has it; 0: it does not say. */
static double host_clock(void)
{
    FILE *f = fopen("/proc/cpuinfo", "re");
    char line[256];
    double mhz = 0;
    while (f && mhz == 0 && fgets(line, sizeof(line), f))
        if (sscanf(line, "cpu MHz : %lf", &mhz) != 1)
            mhz = 0;
    if (f)
        fclose(f);
    return mhz;
}

static int put_winner(struct task *t)
{
    const struct contest *c = contest_named(t, t->variant);
    const struct ocelli_device_info *info = t->tuner->info;
    int tv[MAX(SPACE_PARAMS, MAX_TUNABLES)];
    uint64_t launches;
    char source[33];
    int err = 0;
    if (!c || !task_values(t, c, t->setting, tv))
        return 0;
    TRY(task_plan(t, c, tv, &launches, source));
    TRY(db_put_winner(t->tuner->db,
                      &(struct tune_winner){.key = {t->problem, info->name, info->driver},
                                            .kind = t->tuner->kind,
                                            .variant = t->variant,
                                            .setting = t->setting,
                                            .source = source,
                                            .ms = t->best_ms,
                                            .default_ms = t->default_ms,
                                            .spread = t->spread,
                                            .error = t->error,
                                            .tried = t->tried,
                                            .rejected = t->rejected,
                                            .objective = t->tuner->p.busy ? "busy" : "time",
                                            .clock = host_clock(),
                                            .time = (int64_t)time(NULL),
                                            .version = ocelli_version()}));
out:
    return err;
}

bool task_is_better(const struct task *t)
{
    return !t->failure && t->default_ms > 0 &&
           (strcmp(t->def_variant, t->variant) != 0 || strcmp(t->def_setting, t->setting) != 0);
}

/* By more than the noise? */
static bool is_clear(const struct race *r, int rounds)
{
    return r->ratio < 1 - MAX(WORTH, 2 * r->spread / sqrt(rounds));
}

int task_finish(struct task *t, double seconds)
{
    struct race_params p = rounds(t, ROUNDS_LAST, seconds, 0);
    const struct candidate def = default_of(t), best = best_of(t);
    struct race r;
    int err = 0;
    if (t->failure || t->default_ms <= 0)
        return 0;
    if (task_is_better(t)) {
        task_use(t);
        TRY(runner_race(t->runner, &def, &best, &p, &r));
        if (is_ok(&r.verdict) && r.ratio < 1 - WORTH && !is_clear(&r, p.rounds)) {
            p.rounds *= 3;
            TRY(runner_race(t->runner, &def, &best, &p, &r));
        }
        if (is_ok(&r.verdict) && is_clear(&r, p.rounds)) {
            t->default_ms = r.a_ms;
            t->best_ms = r.ratio * r.a_ms;
            t->spread = r.spread;
        } else {
            TRY(set_best(t, &def, t->default_ms, 0));
        }
        if (is_stopped(&r.verdict))
            return 0; /* nothing was found out: what the database has stays */
    } else {
        t->best_ms = t->default_ms;
    }
    TRY(put_winner(t));
out:
    return err;
}
