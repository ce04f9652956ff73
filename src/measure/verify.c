/* Do winners still hold? Judged and raced against the default again, as when they were found. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "measure/task.h"
#include "measure/tuner.h"

#define SAMPLE 20    /* rows, where nothing is said */
#define SECONDS 0.02 /* of a contender in a round */
#define MARGIN 0.02  /* slower by less is noise, whatever the rounds say */

struct row {
    char *problem, *variant, *setting, *source;
    double gain;
};

struct rows {
    struct row *row;
    int n, cap;
};

static void rows_free(struct rows *l)
{
    for (int i = 0; i < l->n; i++) {
        free(l->row[i].problem);
        free(l->row[i].variant);
        free(l->row[i].setting);
        free(l->row[i].source);
    }
    free(l->row);
}

static int add_row(void *user, const struct tune_winner *w)
{
    struct rows *l = user;
    int err = grow(&l->row, &l->cap, l->n + 1, sizeof(*l->row));
    if (err)
        return err;
    struct row *r = &l->row[l->n++];
    *r = (struct row){strdup(w->key.problem), strdup(w->variant), strdup(w->setting),
                      strdup(w->source), w->default_ms > 0 ? w->default_ms / w->ms : 1};
    return r->problem && r->variant && r->setting && r->source ? 0 : fail_memory();
}

/* `most` of them at random, in front. */
static int draw(struct rows *l, int most, uint64_t seed)
{
    most = MIN(most, l->n);
    for (int i = 0; i < most; i++) {
        int k = i + (int)(random_at(seed, 41, (uint64_t)i) % (uint64_t)(l->n - i));
        struct row r = l->row[i];
        l->row[i] = l->row[k];
        l->row[k] = r;
    }
    return most;
}

static void say(struct ocelli_tune_verdict *v, const char *status, const char *why)
{
    v->status = status;
    free(v->why);
    v->why = strdup(why);
}

static bool is_slower(const struct race *r)
{
    return strcmp(r->verdict.status, STATUS_OK) == 0 &&
           r->ratio > 1 + MAX(MARGIN, 2 * r->spread / sqrt(ROUNDS_LAST));
}

/* What seems to be slower is raced twice: chance does not often strike again. */
static int race(struct task *t, const struct candidate *k, struct ocelli_tune_verdict *v)
{
    const struct candidate def = {t->def_variant, t->def_setting};
    const struct race_params p = {ROUNDS_LAST, SECONDS, 0, t->tuner->p.busy};
    struct race r;
    char words[80];
    int err = runner_race(t->runner, &def, k, &p, &r);
    if (!err && is_slower(&r))
        err = runner_race(t->runner, &def, k, &p, &r);
    if (err)
        return err;
    if (strcmp(r.verdict.status, STATUS_STOPPED) == 0) {
        say(v, "skipped", r.verdict.why);
    } else if (strcmp(r.verdict.status, STATUS_OK) != 0) {
        say(v, "wrong", r.verdict.why);
    } else {
        v->gain_now = 1 / r.ratio;
        snprintf(words, sizeof(words), "takes %.3f of the default's time, spread %.3f", r.ratio,
                 r.spread);
        say(v, is_slower(&r) ? "slower" : "holds", words);
    }
    return 0;
}

static const struct contest *contest_of(const struct task *t, const char *variant)
{
    for (int i = 0; i < t->n_contests; i++)
        if (strcmp(t->contest[i].name, variant) == 0)
            return &t->contest[i];
    return NULL;
}

static int judge_row(struct task *t, const struct row *row, struct ocelli_tune_verdict *v)
{
    const struct contest *c = contest_of(t, row->variant);
    const struct candidate k = {row->variant, row->setting};
    int tv[MAX(SPACE_PARAMS, MAX_TUNABLES)], err = 0;
    struct verdict verdict;
    uint64_t launches;
    char source[33];
    if (!c || !task_values(t, c, row->setting, tv) || task_plan(t, c, tv, &launches, source) != 0) {
        say(v, "stale", "there is no such variant or setting for it any more");
        return 0;
    }
    if (strcmp(source, row->source) != 0) {
        say(v, "stale", "the kernel's source has changed");
        return 0;
    }
    task_use(t);
    TRY(runner_check(t->runner, &k, &verdict));
    if (strcmp(verdict.status, STATUS_STOPPED) == 0)
        say(v, "skipped", verdict.why);
    else if (strcmp(verdict.status, STATUS_OK) != 0)
        say(v, "wrong", verdict.why);
    else if (strcmp(k.variant, t->def_variant) == 0 && strcmp(k.setting, t->def_setting) == 0)
        say(v, "holds", "it is the default");
    else
        TRY(race(t, &k, v));
out:
    return err;
}

static int verify_row(struct tuner *u, const struct row *row, struct ocelli_tune_verdict *v)
{
    struct task t = {0};
    int err = 0;
    *v = (struct ocelli_tune_verdict){.problem = strdup(row->problem),
                                      .variant = strdup(row->variant),
                                      .setting = strdup(row->setting),
                                      .gain_then = row->gain};
    u->task = &t;
    u->n_tasks = 1;
    if (u->stopped || clock_seconds() - u->start >= u->p.budget)
        say(v, "skipped", "there was no more time");
    else if (strncmp(row->problem, "kernel ", 7) == 0)
        say(v, "skipped", "a kernel of somebody's own: tune it again with its specification");
    else if (task_init(&t, u, row->problem, NULL) != 0)
        say(v, "stale", ocelli_error());
    else
        err = judge_row(&t, row, v);
    u->task = NULL;
    u->current = NULL;
    u->n_tasks = 0;
    runner_use(u->runner, NULL, NULL); /* it knows problems by where they stand */
    task_free(&t);
    return !err && (!v->why || !v->problem || !v->variant || !v->setting) ? fail_memory() : err;
}

int tuner_verify(struct ocelli_device *dev, const struct tune_device *who,
                 const struct ocelli_tune_params *p, struct ocelli_tune_verdict **out, int *n)
{
    struct ocelli_tune_params q = p ? *p : (struct ocelli_tune_params){0};
    struct rows rows = {0};
    struct tuner u;
    int err;
    *out = NULL;
    *n = 0;
    q.afresh = true;
    TRY(tuner_open(&u, dev, who, &q, DB_READ));
    if (u.db)
        TRY(db_each_winner(u.db, &(struct tune_key){NULL, u.info->name, NULL}, add_row, &rows));
    const int most = draw(&rows, q.candidates > 0 ? q.candidates : SAMPLE, q.seed);
    *out = calloc((size_t)most + 1, sizeof(**out));
    if (!*out)
        TRY(fail_memory());
    runner_end(u.runner, u.start + u.p.budget);
    for (int i = 0; i < most; i++) {
        TRY(verify_row(&u, &rows.row[i], &(*out)[i]));
        (*n)++;
    }
out:
    tuner_close(&u);
    rows_free(&rows);
    if (err)
        ocelli_tune_verdicts_free(out, *n + (*out != NULL));
    return err;
}

void ocelli_tune_verdicts_free(struct ocelli_tune_verdict **vp, int n)
{
    for (int i = 0; *vp && i < n; i++) {
        free((*vp)[i].problem);
        free((*vp)[i].variant);
        free((*vp)[i].setting);
        free((*vp)[i].why);
    }
    free(*vp);
    *vp = NULL;
}
