#include "measure/runner.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"

#define LINE_MAX_BYTES 65536
#define OPEN_SECONDS 120      /* drivers start slowly */
#define REFERENCE_SECONDS 600 /* plain kernels, on a machine in use */
#define LOOK_SECONDS 0.1      /* between two looks whether to stop */

struct runner {
    struct runner_params p;
    double end;                 /* clock, at which whatever is in work is given up; 0: never */
    const char *problem, *spec; /* in work */
    bool open;                  /* the worker knows them.. */
    bool keeps;                 /* ..and keeps programs on disk */
    struct child child;
    char line[LINE_MAX_BYTES];
    size_t have;
    char stage[16]; /* what the worker said it was doing */
};

int runner_create(struct runner **out, const struct runner_params *p)
{
    struct runner *r = calloc(1, sizeof(*r));
    if (!r)
        return fail_memory();
    *r = (struct runner){.p = *p};
    *out = r;
    return 0;
}

void runner_use(struct runner *r, const char *problem, const char *spec)
{
    r->open = r->open && r->problem == problem && r->spec == spec;
    r->problem = problem;
    r->spec = spec;
}

void runner_end(struct runner *r, double end)
{
    r->end = end;
}

/* ---- The process ---- */

/* The wait status. */
static int stop(struct runner *r)
{
    r->have = 0;
    r->open = false;
    return child_stop(&r->child);
}

void runner_destroy(struct runner **rp)
{
    if (!*rp)
        return;
    stop(*rp);
    free(*rp);
    *rp = NULL;
}

/* ---- Lines ---- */

static bool send_line(struct runner *r, json_t *request)
{
    char *s = json_dumps(request, JSON_COMPACT);
    bool ok = s != NULL;
    json_decref(request);
    if (s) {
        size_t n = strlen(s);
        s[n] = '\n'; /* over the terminating zero */
        ok = child_send(&r->child, s, n + 1);
    }
    free(s);
    return ok;
}

enum heard { HEARD_LINE, HEARD_END, HEARD_NOTHING, HEARD_STOP };

/* A line of the worker's until `deadline`; it stays in r->line, ended by a zero, *len bytes with
 * that. */
static enum heard hear(struct runner *r, double deadline, size_t *len)
{
    for (;;) {
        char *end = memchr(r->line, '\n', r->have);
        if (end) {
            *end = '\0';
            *len = (size_t)(end - r->line) + 1;
            return HEARD_LINE;
        }
        double left = deadline - clock_seconds();
        struct pollfd p = {r->child.fd, POLLIN, 0};
        if (left <= 0)
            return HEARD_NOTHING;
        int n = poll(&p, 1, (int)(left * 1e3) + 1);
        if (n == 0 || (n < 0 && errno == EINTR))
            continue;
        ssize_t got = r->have < sizeof(r->line)
                          ? read(r->child.fd, r->line + r->have, sizeof(r->line) - r->have)
                          : 0;
        if (got <= 0)
            return HEARD_END;
        r->have += (size_t)got;
    }
}

/* The same, but for a look now and then whether to go on. */
static enum heard hear_or_stop(struct runner *r, double deadline, size_t *len)
{
    for (;;) {
        enum heard h = hear(r, MIN(deadline, clock_seconds() + LOOK_SECONDS), len);
        const double now = clock_seconds();
        if (h != HEARD_NOTHING)
            return h;
        if ((r->end > 0 && now >= r->end) || (r->p.go_on && !r->p.go_on(r->p.user)))
            return HEARD_STOP;
        if (now >= deadline)
            return HEARD_NOTHING;
    }
}

static void drop_line(struct runner *r, size_t len)
{
    r->have -= len;
    memmove(r->line, r->line + len, r->have);
}

/* Why there is no reply. The worker is gone. */
static void obituary(struct runner *r, enum heard h, double seconds, struct verdict *v)
{
    const char *what = strcmp(r->stage, STAGE_COMPILE) == 0     ? "compiling"
                       : strcmp(r->stage, STAGE_REFERENCE) == 0 ? "computing what is right"
                                                                : "running";
    const int status = stop(r);
    v->status = h == HEARD_STOP ? STATUS_STOPPED : h == HEARD_NOTHING ? STATUS_HANG : STATUS_CRASH;
    if (h == HEARD_STOP)
        snprintf(v->why, sizeof(v->why), "there was no more time");
    else if (h == HEARD_NOTHING)
        snprintf(v->why, sizeof(v->why), "no answer for %g s while %s", seconds, what);
    else if (WIFSIGNALED(status))
        snprintf(v->why, sizeof(v->why), "signal %d (%s) while %s", WTERMSIG(status),
                 strsignal(WTERMSIG(status)), what);
    else
        snprintf(v->why, sizeof(v->why), "exit status %d while %s", WEXITSTATUS(status), what);
}

static double time_out(const struct runner *r)
{
    return strcmp(r->stage, STAGE_COMPILE) == 0     ? r->p.compile_s
           : strcmp(r->stage, STAGE_REFERENCE) == 0 ? REFERENCE_SECONDS
                                                    : r->p.run_s;
}

/* The reply; NULL: the worker is gone, and why is in *v. */
static json_t *reply(struct runner *r, double seconds, struct verdict *v)
{
    double deadline = clock_seconds() + seconds;
    for (;;) {
        size_t len = 0;
        enum heard h = hear_or_stop(r, deadline, &len);
        if (h != HEARD_LINE) {
            obituary(r, h, seconds, v);
            return NULL;
        }
        json_t *doc = json_loads(r->line, 0, NULL);
        drop_line(r, len);
        const char *stage = json_string_value(json_object_get(doc, "stage"));
        if (!stage)
            return doc ? doc : json_object();
        snprintf(r->stage, sizeof(r->stage), "%s", stage);
        seconds = time_out(r);
        deadline = clock_seconds() + seconds;
        json_decref(doc);
    }
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* ---- Requests ---- */

/* A worker that is ready (r->open), or stopped before it was. A failure here is nobody's but the
 * machine's, or the problem's. */
static int ready(struct runner *r, struct verdict *v)
{
    int err = 0;
    if (r->open)
        return 0;
    if (!r->child.pid)
        TRY(child_start(&r->child, r->p.program, "tune-worker"));
    json_t *open = json_pack("{s:s, s:s*, s:s*, s:s*}", "do", "open", "device", r->p.device,
                             "problem", r->problem, "spec", r->spec);
    snprintf(r->stage, sizeof(r->stage), "open");
    bool sent = send_line(r, open);
    json_t *doc = reply(r, OPEN_SECONDS, v);
    if (!doc && strcmp(v->status, STATUS_STOPPED) == 0)
        return 0;
    if (!sent || !doc)
        err = fail(OCELLI_ERR_DEVICE, "tuning worker: %s", doc ? "it does not listen" : v->why);
    else if (*text_of(doc, "error"))
        err = fail((int)json_integer_value(json_object_get(doc, "code")), "%s",
                   text_of(doc, "error"));
    r->open = !err;
    r->keeps = json_is_true(json_object_get(doc, "keeps"));
    json_decref(doc);
out:
    if (err)
        stop(r);
    return err;
}

/* A request that is the candidate's affair. NULL with *err 0: it cost the worker its life. */
static json_t *ask(struct runner *r, json_t *request, struct verdict *v, int *err)
{
    *err = ready(r, v);
    if (*err || !r->open) {
        json_decref(request);
        return NULL;
    }
    snprintf(r->stage, sizeof(r->stage), STAGE_COMPILE);
    (void)send_line(r, request); /* a worker that does not hear is found out by the reply */
    json_t *doc = reply(r, r->p.compile_s, v);
    if (doc && *text_of(doc, "error"))
        *err = fail(OCELLI_ERR_DEVICE, "tuning worker: %s", text_of(doc, "error"));
    return doc;
}

static void read_verdict(const json_t *doc, struct verdict *v)
{
    static const char *const known[] = {STATUS_OK,       STATUS_CONSTRAINT, STATUS_COMPILE,
                                        STATUS_DEVICE,   STATUS_OVERWRITES, STATUS_WRONG,
                                        STATUS_UNSTABLE, STATUS_SLOW};
    v->status = STATUS_CRASH;
    for (size_t i = 0; i < COUNT(known); i++)
        if (strcmp(known[i], text_of(doc, "status")) == 0)
            v->status = known[i];
    snprintf(v->why, sizeof(v->why), "%s", text_of(doc, "why"));
    v->error = json_number_value(json_object_get(doc, "error"));
}

int runner_check(struct runner *r, const struct candidate *k, struct verdict *out)
{
    int err;
    *out = (struct verdict){0};
    json_t *doc = ask(
        r,
        json_pack("{s:s, s:s, s:s}", "do", "check", "variant", k->variant, "setting", k->setting),
        out, &err);
    if (!err && doc)
        read_verdict(doc, out);
    json_decref(doc);
    return err;
}

int runner_race(struct runner *r, const struct candidate *a, const struct candidate *b,
                const struct race_params *p, struct race *out)
{
    int err;
    *out = (struct race){0};
    json_t *doc =
        ask(r,
            json_pack("{s:s, s:[ss], s:[ss], s:i, s:f, s:f, s:b}", "do", "race", "a", a->variant,
                      a->setting, "b", b->variant, b->setting, "rounds", p->rounds, "seconds",
                      p->seconds, "limit", p->limit, "busy", p->busy),
            &out->verdict, &err);
    if (!err && doc) {
        read_verdict(doc, &out->verdict);
        out->a_ms = json_number_value(json_object_get(doc, "a_ms"));
        out->b_ms = json_number_value(json_object_get(doc, "b_ms"));
        out->ratio = json_number_value(json_object_get(doc, "ratio"));
        out->spread = json_number_value(json_object_get(doc, "spread"));
    }
    json_decref(doc);
    return err;
}

bool runner_prepare(struct runner *r, const struct candidate *k)
{
    struct verdict v = {0};
    if (ready(r, &v) != 0 || !r->open || !r->keeps)
        return false;
    snprintf(r->stage, sizeof(r->stage), STAGE_COMPILE);
    return send_line(r, json_pack("{s:s, s:s, s:s}", "do", "prepare", "variant", k->variant,
                                  "setting", k->setting));
}

bool runner_hear(struct runner *r)
{
    struct verdict v = {0};
    json_t *doc = r->child.pid ? reply(r, r->p.compile_s, &v) : NULL;
    json_decref(doc);
    return doc != NULL;
}
