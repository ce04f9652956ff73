/* Strategies on recorded spaces; and the public functions that need no device. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ocelli/tune.h>

#include "base/file.h"
#include "tune/db.h"
#include "tune/record.h"
#include "tune/strategy.h"

/* Of the space, in per mille, at which curves are sampled. */
static const int marks[5] = {10, 20, 50, 100, 200};

struct replay {
    const struct record *r;
    int limit, evals;
    double best, at[COUNT(marks)]; /* best cost so far, at each mark */
    int to95;                      /* 0: not reached */
};

static double eval(void *user, const int *point)
{
    struct replay *p = user;
    if (p->evals == p->limit)
        return NAN;
    double ms = p->r->ms[space_rank(&p->r->space, point)];
    p->evals++;
    p->best = MIN(p->best, ms);
    if (!p->to95 && p->best <= p->r->best / 0.95)
        p->to95 = p->evals;
    for (size_t i = 0; i < COUNT(marks); i++)
        if (p->evals <= MAX(p->r->good * marks[i] / 1000, 1))
            p->at[i] = p->best;
    return ms;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof(*x), by_value);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* The best of another space, as near as this one has its values. False: that is no candidate here.
 */
static bool carry_over(const struct record *to, const struct record *from, int *point)
{
    int best[SPACE_PARAMS] = {0}, tv[SPACE_PARAMS];
    for (uint64_t k = 0; k < (uint64_t)space_size(&from->space); k++)
        if (from->ms[k] == from->best)
            space_unrank(&from->space, k, best);
    space_values(&from->space, best, tv);
    for (int i = 0; i < to->space.n; i++) {
        int at = 0;
        while (at < from->space.n &&
               strcmp(from->space.param[at].name, to->space.param[i].name) != 0)
            at++;
        if (at == from->space.n)
            return false;
        point[i] = 0;
        for (int v = 1; v < to->space.param[i].n; v++)
            if (fabs(log((double)to->space.param[i].values[v] / tv[at])) <
                fabs(log((double)to->space.param[i].values[point[i]] / tv[at])))
                point[i] = v;
    }
    return space_valid(&to->space, point);
}

static int simulate(const char *path, const char *from, const char *strategy, int repeats,
                    double fraction, uint64_t seed, struct ocelli_tune_simulation *out)
{
    struct record *r = NULL, *other = NULL;
    int start[SPACE_PARAMS] = {0};
    double *to95 = NULL, *at[COUNT(marks)] = {0};
    int err = 0;
    if (repeats < 1 || !(fraction > 0 && fraction <= 1))
        return fail(OCELLI_ERR_INVALID, "simulation: %d repeats of %g of the space", repeats,
                    fraction);
    TRY(record_read(&r, path));
    if (from)
        TRY(record_read(&other, from));
    const bool begins = other && carry_over(r, other, start);
    to95 = calloc((size_t)repeats, sizeof(*to95));
    for (size_t i = 0; i < COUNT(marks); i++)
        if (!to95 || !(at[i] = calloc((size_t)repeats, sizeof(*at[i]))))
            TRY(fail_memory());
    for (int k = 0; k < repeats; k++) {
        struct replay p = {.r = r, .limit = (int)ceil(r->good * fraction), .best = INFINITY};
        struct search s = {.space = &r->space,
                           .eval = eval,
                           .user = &p,
                           .seed = seed + (uint64_t)k,
                           .start = begins ? start : NULL};
        TRY(search_run(&s, strategy));
        to95[k] = p.to95 ? p.to95 : INFINITY;
        for (size_t i = 0; i < COUNT(marks); i++)
            at[i][k] = r->best / p.at[i];
    }
    *out = (struct ocelli_tune_simulation){r->good, r->best, r->median, median(to95, repeats), {0}};
    for (size_t i = 0; i < COUNT(marks); i++)
        out->curve[i] = median(at[i], repeats);
out:
    for (size_t i = 0; i < COUNT(marks); i++)
        free(at[i]);
    free(to95);
    record_free(&r);
    record_free(&other);
    return err;
}

int ocelli_tune_simulate(const char *path, const char *strategy, int repeats, double fraction,
                         uint64_t seed, struct ocelli_tune_simulation *out)
{
    return simulate(path, NULL, strategy, repeats, fraction, seed, out);
}

int ocelli_tune_transfer(const char *path, const char *from, const char *strategy, int repeats,
                         double fraction, uint64_t seed, struct ocelli_tune_simulation *out)
{
    return simulate(path, from, strategy, repeats, fraction, seed, out);
}

/* ---- The database for everybody ---- */

static int open_named(struct tune_db **out, const char *path, enum db_mode mode)
{
    static const struct log silent;
    struct text t = {0};
    int err = 0;
    if (path)
        text_add(&t, "%s", path);
    else if (!db_default_path(&t))
        TRY(fail(OCELLI_ERR_IO, "tuning database: neither XDG_DATA_HOME nor HOME is set"));
    if (t.failed)
        TRY(fail_memory());
    TRY(db_open(out, t.s, mode, &silent));
    if (mode == DB_WRITE && strcmp(db_path(*out), ":memory:") == 0) {
        db_close(out);
        TRY(fail(OCELLI_ERR_IO, "tuning database %s: it cannot be written", t.s));
    }
out:
    text_free(&t);
    return err;
}

int ocelli_tune_export(const char *database, enum ocelli_tune_format format, const char *problem,
                       char **out)
{
    const struct tune_key k = {.problem = problem};
    struct tune_db *db = NULL;
    struct text t = {0};
    int err;
    text_add(&t, "%s", "");
    TRY(open_named(&db, database, DB_READ));
    if (db)
        TRY(format == OCELLI_TUNE_T4 ? db_export_t4(db, &k, &t)
                                     : db_export(db, format == OCELLI_TUNE_ALL, &k, &t));
    *out = t.failed ? NULL : t.s ? t.s : strdup("");
    t.s = NULL;
    if (!*out)
        TRY(fail_memory());
out:
    text_free(&t);
    db_close(&db);
    return err;
}

static struct ocelli_tune_counts counts(const struct db_counts *n)
{
    return (struct ocelli_tune_counts){n->winners, n->results, n->older, n->refused};
}

int ocelli_tune_import(const char *database, const char *text, struct ocelli_tune_counts *out)
{
    static const struct log silent;
    struct tune_db *db = NULL;
    struct db_counts n = {0};
    int err;
    TRY(open_named(&db, database, DB_WRITE));
    TRY(db_import(db, text, &n, &silent));
    *out = counts(&n);
out:
    db_close(&db);
    return err;
}

int ocelli_tune_merge(const char *database, const char *from, struct ocelli_tune_counts *out)
{
    struct tune_db *db = NULL, *other = NULL;
    struct db_counts n = {0};
    int err;
    TRY(open_named(&other, from, DB_READ));
    if (!other)
        TRY(fail(OCELLI_ERR_IO, "tuning database %s: it is not there", from));
    TRY(open_named(&db, database, DB_WRITE));
    TRY(db_merge(db, other, &n));
    *out = counts(&n);
out:
    db_close(&db);
    db_close(&other);
    return err;
}

void ocelli_tune_path(char *path, size_t size)
{
    struct text t = {0};
    snprintf(path, size, "%s", db_default_path(&t) && !t.failed ? t.s : "");
    text_free(&t);
}

int ocelli_tune_check(const char *database)
{
    struct tune_db *db = NULL;
    int err;
    TRY(open_named(&db, database, DB_READ));
    if (db)
        TRY(db_check(db));
out:
    db_close(&db);
    return err;
}
