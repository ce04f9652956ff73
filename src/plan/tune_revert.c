/* Taking winners back. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ocelli/ocelli.h>

#include "plan/tuned.h"
#include "tune/setting.h"

/* Its winner is there, and is not the default; what is known of that one's time. */
static int is_other(void *user, const struct tune_winner *w)
{
    struct ocelli_tune_result *r = user;
    if (r->default_ms <= 0)
        r->default_ms = w->default_ms;
    return strcmp(w->variant, r->default_variant) != 0 ||
           strcmp(w->setting, r->default_setting) != 0;
}

static int revert_one(struct tune_db *db, const struct tune_device *who, const char *kind,
                      const struct ocelli_tune_result *r)
{
    _Alignas(16) char attr[PROBLEM_ATTR_BYTES];
    struct problem p;
    struct launches l;
    int tv[MAX_TUNABLES], err;
    char source[33];
    TRY(problem_parse(r->problem, &p, attr));
    const struct variant *v = op_variant(p.op, r->default_variant);
    if (!v || !setting_parse(r->default_setting, v, tv))
        TRY(fail(OCELLI_ERR_INVALID, "%s: \"%s %s\" is no variant's setting", r->problem,
                 r->default_variant, r->default_setting));
    TRY(problem_plan(&p, who->caps, v, tv, &l));
    err = who->source(&l, source);
    launches_free(&l);
    TRY(err);
    TRY(db_put_winner(db, &(struct tune_winner){.key = {r->problem, who->name, who->driver},
                                                .kind = kind,
                                                .variant = r->default_variant,
                                                .setting = r->default_setting,
                                                .source = source,
                                                .ms = r->default_ms,
                                                .default_ms = r->default_ms,
                                                .tried = r->tried,
                                                .rejected = r->rejected,
                                                .objective = "time",
                                                .time = (int64_t)time(NULL),
                                                .version = ocelli_version()}));
out:
    return err;
}

int ocelli_tune_revert(struct ocelli_device *dev, const char *database,
                       const struct ocelli_tune_result *r, int n, int *reverted)
{
    const struct tune_device who = tune_device_of(dev);
    struct text path = {0}, kind = {0};
    struct tune_db *db = NULL;
    int err = 0;
    *reverted = 0;
    if (database)
        text_add(&path, "%s", database);
    else if (!db_default_path(&path))
        TRY(fail(OCELLI_ERR_IO, "tuning database: there is no place for it"));
    device_kind(who.caps, &kind);
    if (path.failed || kind.failed)
        TRY(fail_memory());
    TRY(db_open(&db, path.s, DB_WRITE, device_log(dev)));
    for (int i = 0; i < n; i++) {
        const struct tune_key k = {r[i].problem, who.name, who.driver};
        struct ocelli_tune_result one = r[i];
        int other = db_each_winner(db, &k, is_other, &one);
        if (other < 0)
            TRY(other);
        if (other > 0) {
            TRY(revert_one(db, &who, kind.s, &one));
            ++*reverted;
        }
    }
out:
    db_close(&db);
    text_free(&path);
    text_free(&kind);
    return err;
}
