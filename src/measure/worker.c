/* The worker: runner.h has the protocol. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ocelli/tune.h>

#include "base/child.h"
#include "measure/judge.h"

struct worker {
    FILE *in, *out;
    struct ocelli_device *dev;
    struct work *work;
    struct judge *judge;
};

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static int answer(struct worker *w, json_t *doc)
{
    char *s = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
    json_decref(doc);
    if (!s)
        return fail_memory();
    bool ok = fprintf(w->out, "%s\n", s) > 0 && fflush(w->out) == 0;
    free(s);
    return ok ? 0 : fail(OCELLI_ERR_IO, "tuning worker: nobody listens");
}

static int answer_error(struct worker *w, int code)
{
    return answer(w, json_pack("{s:s, s:i}", "error", ocelli_error(), "code", code));
}

static void stage(void *user, const char *what)
{
    (void)answer(user, json_pack("{s:s}", "stage", what));
}

/* What JSON has no number for becomes a large one. */
static double bounded(double x)
{
    return isfinite(x) ? x : 1e30;
}

static int do_open(struct worker *w, const json_t *q)
{
    const char *device = text_of(q, "device"), *spec = text_of(q, "spec");
    const struct ocelli_device_params p = {.device = *device ? device : NULL};
    int err;
    stage(w, STAGE_COMPILE);
    judge_destroy(&w->judge);
    work_destroy(&w->work);
    if (!w->dev)
        TRY(ocelli_device_open(&w->dev, &p));
    TRY(*spec ? work_kernel(&w->work, spec, device_caps(w->dev))
              : work_problem(&w->work, text_of(q, "problem"), device_caps(w->dev)));
    TRY(judge_create(&w->judge, w->dev, w->work, stage, w));
out:
    if (err)
        return answer_error(w, err);
    return answer(w, json_pack("{s:i, s:b}", "cases", w->work->n_cases, "keeps",
                               device_keeps_programs(w->dev)));
}

static int do_check(struct worker *w, const json_t *q)
{
    const struct candidate k = {text_of(q, "variant"), text_of(q, "setting")};
    struct verdict v;
    int err = judge_check(w->judge, &k, &v);
    if (err)
        return answer_error(w, err);
    return answer(w, json_pack("{s:s, s:s, s:f}", "status", v.status, "why", v.why, "error",
                               bounded(v.error)));
}

/* What comes of it is found out when it is checked. */
static int do_prepare(struct worker *w, const json_t *q)
{
    const struct candidate k = {text_of(q, "variant"), text_of(q, "setting")};
    (void)judge_prepare(w->judge, &k);
    return answer(w, json_pack("{s:s}", "status", "ok"));
}

static struct candidate candidate_of(const json_t *q, const char *key)
{
    const json_t *list = json_object_get(q, key);
    const char *v = json_string_value(json_array_get(list, 0));
    const char *s = json_string_value(json_array_get(list, 1));
    return (struct candidate){v ? v : "", s ? s : ""};
}

static int do_race(struct worker *w, const json_t *q)
{
    const struct candidate a = candidate_of(q, "a"), b = candidate_of(q, "b");
    const struct race_params p = {
        .rounds = (int)json_integer_value(json_object_get(q, "rounds")),
        .seconds = json_number_value(json_object_get(q, "seconds")),
        .limit = json_number_value(json_object_get(q, "limit")),
        .busy = json_is_true(json_object_get(q, "busy")),
    };
    struct race r;
    int err = judge_race(w->judge, &a, &b, &p, &r);
    if (err)
        return answer_error(w, err);
    return answer(w, json_pack("{s:s, s:s, s:f, s:f, s:f, s:f}", "status", r.verdict.status, "why",
                               r.verdict.why, "a_ms", bounded(r.a_ms), "b_ms", bounded(r.b_ms),
                               "ratio", bounded(r.ratio), "spread", bounded(r.spread)));
}

static int serve(struct worker *w, const char *line)
{
    json_t *q = json_loads(line, 0, NULL);
    const char *what = text_of(q, "do");
    int err;
    if (strcmp(what, "open") == 0)
        err = do_open(w, q);
    else if (strcmp(what, "check") == 0 && w->judge)
        err = do_check(w, q);
    else if (strcmp(what, "prepare") == 0 && w->judge)
        err = do_prepare(w, q);
    else if (strcmp(what, "race") == 0 && w->judge)
        err = do_race(w, q);
    else
        err = answer(
            w, json_pack("{s:s, s:i}", "error", "no such request", "code", OCELLI_ERR_INVALID));
    json_decref(q);
    return err;
}

int ocelli_tune_worker(void)
{
    struct worker w = {.in = stdin};
    char *line = NULL;
    size_t cap = 0;
    int err = child_serve(&w.out);
    if (err)
        return err;
    while (!err && getline(&line, &cap, w.in) > 0)
        err = serve(&w, line);
    free(line);
    judge_destroy(&w.judge);
    work_destroy(&w.work);
    ocelli_device_close(&w.dev);
    fclose(w.out);
    return err;
}
