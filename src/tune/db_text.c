/* The database as text. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tune/db.h"
#include "tune/setting.h"

/* ---- Rows as JSON ---- */

static json_t *result_json(const struct tune_result *r)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:f}", "row", "result",
                     "problem", r->key.problem, "device", r->key.device, "driver", r->key.driver,
                     "variant", r->variant, "setting", r->setting, "source", r->source, "status",
                     r->status, "why", r->why, "ms", r->ms, "spread", r->spread);
}

static json_t *winner_json(const struct tune_winner *w)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, "
                     "s:i, s:i, s:I}",
                     "row", "winner", "problem", w->key.problem, "device", w->key.device, "driver",
                     w->key.driver, "kind", w->kind, "variant", w->variant, "setting", w->setting,
                     "source", w->source, "objective", w->objective, "version", w->version, "ms",
                     w->ms, "default_ms", w->default_ms, "spread", w->spread, "error", w->error,
                     "clock", w->clock, "tried", w->tried, "rejected", w->rejected, "time",
                     (json_int_t)w->time);
}

static int add_line(struct text *out, json_t *row, const char *what)
{
    char *s = row ? json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(row);
    if (!s)
        return fail(OCELLI_ERR_FORMAT, "a %s that JSON cannot say", what);
    text_add(out, "%s\n", s);
    free(s);
    return out->failed ? fail_memory() : 0;
}

static int export_winner(void *user, const struct tune_winner *w)
{
    return add_line(user, winner_json(w), "winner");
}

static int export_result(void *user, const struct tune_result *r)
{
    return add_line(user, result_json(r), "result");
}

int db_export(struct tune_db *db, bool all, const struct tune_key *k, struct text *out)
{
    int err;
    TRY(db_each_winner(db, k, export_winner, out));
    if (all)
        TRY(db_each_result(db, k, export_result, out));
out:
    return err;
}

/* ---- Back ---- */

/* A text of printable characters that a database may hold. */
static bool get_text(const json_t *row, const char *name, const char **out)
{
    const json_t *v = json_object_get(row, name);
    const char *s = json_string_value(v);
    *out = s ? s : "";
    if (!s || json_string_length(v) > DB_TEXT_MAX)
        return false;
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            return false;
    return true;
}

static bool get_number(const json_t *row, const char *name, double max, double *out)
{
    const json_t *v = json_object_get(row, name);
    *out = json_number_value(v);
    return json_is_number(v) && *out >= 0 && *out <= max;
}

static bool get_count(const json_t *row, const char *name, double max, int64_t *out)
{
    double v = 0;
    bool ok = json_is_integer(json_object_get(row, name)) && get_number(row, name, max, &v);
    *out = (int64_t)v;
    return ok;
}

static bool get_key(const json_t *row, struct tune_key *k)
{
    return get_text(row, "problem", &k->problem) && get_text(row, "device", &k->device) &&
           get_text(row, "driver", &k->driver) && *k->problem && *k->device;
}

#define MS_MAX 1e9

static bool winner_read(const json_t *row, struct tune_winner *w)
{
    int64_t tried = 0, rejected = 0;
    bool ok = get_key(row, &w->key) && get_text(row, "kind", &w->kind) &&
              get_text(row, "variant", &w->variant) && get_text(row, "setting", &w->setting) &&
              get_text(row, "source", &w->source) && get_text(row, "objective", &w->objective) &&
              get_text(row, "version", &w->version) && get_number(row, "ms", MS_MAX, &w->ms) &&
              get_number(row, "default_ms", MS_MAX, &w->default_ms) &&
              get_number(row, "spread", MS_MAX, &w->spread) &&
              get_number(row, "error", MS_MAX, &w->error) &&
              get_number(row, "clock", 1e6, &w->clock) && get_count(row, "tried", 1e9, &tried) &&
              get_count(row, "rejected", 1e9, &rejected) && get_count(row, "time", 1e12, &w->time);
    w->tried = (int)tried;
    w->rejected = (int)rejected;
    return ok && setting_is_sane(w->setting) && w->ms > 0;
}

static bool result_read(const json_t *row, struct tune_result *r)
{
    return get_key(row, &r->key) && get_text(row, "variant", &r->variant) &&
           get_text(row, "setting", &r->setting) && get_text(row, "source", &r->source) &&
           get_text(row, "status", &r->status) && get_text(row, "why", &r->why) &&
           get_number(row, "ms", MS_MAX, &r->ms) && get_number(row, "spread", MS_MAX, &r->spread) &&
           setting_is_sane(r->setting);
}

static bool is_row(const json_t *doc, const char *what)
{
    const char *s = json_string_value(json_object_get(doc, "row"));
    return s && strcmp(s, what) == 0;
}

bool winner_parse(const char *line, size_t len, json_t **doc, struct tune_winner *w)
{
    *doc = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    *w = (struct tune_winner){0};
    return is_row(*doc, "winner") && winner_read(*doc, w);
}

struct taking {
    struct tune_db *db;
    struct db_counts *n;
    bool older;
};

static int see_time(void *user, const struct tune_winner *there)
{
    *(int64_t *)user = there->time;
    return 0;
}

static int take_winner(void *user, const struct tune_winner *w)
{
    struct taking *t = user;
    int64_t time = -1;
    int err = db_each_winner(t->db, &w->key, see_time, &time);
    if (err)
        return err;
    t->older = time >= w->time;
    *(t->older ? &t->n->older : &t->n->winners) += 1;
    return t->older ? 0 : db_put_winner(t->db, w);
}

static int take_result(void *user, const struct tune_result *r)
{
    struct taking *t = user;
    t->n->results++;
    return db_put_result(t->db, r);
}

static int take_line(struct taking *t, const char *line, size_t len, bool *taken)
{
    struct tune_winner w;
    struct tune_result r;
    json_t *doc = NULL;
    int err = 0;
    *taken = true;
    if (winner_parse(line, len, &doc, &w))
        err = take_winner(t, &w);
    else if (is_row(doc, "result") && result_read(doc, &r))
        err = take_result(t, &r);
    else
        *taken = false;
    json_decref(doc);
    return err;
}

int db_import(struct tune_db *db, const char *text, struct db_counts *out, const struct log *log)
{
    struct taking t = {.db = db, .n = out};
    int err = 0, line = 0;
    *out = (struct db_counts){0};
    for (const char *s = text; *s && !err;) {
        size_t len = strcspn(s, "\n");
        bool taken = true;
        line++;
        if (strspn(s, " \t\r") < len && s[0] != '#')
            err = take_line(&t, s, len, &taken);
        if (!err && !taken) {
            out->refused++;
            log_to(log, OCELLI_LOG_WARNING,
                   "tuning database: line %d is no row with sensible values", line);
        }
        s += len + (s[len] != '\0');
    }
    return err;
}

/* Rows of another database are trusted as little as a text's: they go through the same door. */
struct merging {
    struct taking taking;
    struct text line;
};

static int merge_line(struct merging *m)
{
    bool taken;
    int err = take_line(&m->taking, m->line.s, m->line.len, &taken);
    m->taking.n->refused += !err && !taken;
    text_free(&m->line);
    m->line = (struct text){0};
    return err;
}

static int merge_winner(void *user, const struct tune_winner *w)
{
    struct merging *m = user;
    int err = export_winner(&m->line, w);
    return err ? err : merge_line(m);
}

static int merge_result(void *user, const struct tune_result *r)
{
    struct merging *m = user;
    int err = export_result(&m->line, r);
    return err ? err : merge_line(m);
}

int db_merge(struct tune_db *db, struct tune_db *from, struct db_counts *out)
{
    struct merging m = {.taking = {.db = db, .n = out}};
    int err;
    *out = (struct db_counts){0};
    TRY(db_each_winner(from, NULL, merge_winner, &m));
    TRY(db_each_result(from, NULL, merge_result, &m));
out:
    text_free(&m.line);
    return err;
}

/* ---- T4 ---- */

/* The format's word for what became of a candidate. */
static const char *invalidity(const char *status)
{
    static const struct {
        const char *status, *word;
    } words[] = {
        {"ok", "correct"},           {"compile", "compile"},
        {"wrong", "correctness"},    {"overwrites", "correctness"},
        {"unstable", "correctness"}, {"hang", "timeout"},
        {"slow", "timeout"},         {"constraint", "constraints"},
    };
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcmp(words[i].status, status) == 0)
            return words[i].word;
    return "runtime";
}

static json_t *configuration(const struct tune_result *r)
{
    json_t *c = json_pack("{s:s}", "variant", r->variant);
    struct setting_word w;
    for (const char *s = r->setting; (s = setting_next(s, &w));)
        json_object_set_new(c, w.name, json_integer(w.value));
    return c;
}

static int t4_result(void *user, const struct tune_result *r)
{
    bool ok = strcmp(r->status, "ok") == 0;
    json_t *times = json_pack("{s:[], s:f, s:f, s:f, s:f}", "runtimes", "compilation_time", 0.0,
                              "framework", 0.0, "search_algorithm", 0.0, "validation", 0.0);
    json_t *measured = json_array();
    if (ok) {
        json_array_append_new(json_object_get(times, "runtimes"), json_real(r->ms));
        json_array_append_new(
            measured, json_pack("{s:s, s:f, s:s}", "name", "time", "value", r->ms, "unit", "ms"));
    }
    json_t *row =
        json_pack("{s:s, s:o, s:[s], s:o, s:s, s:i, s:o}", "timestamp", "", "configuration",
                  configuration(r), "objectives", "time", "times", times, "invalidity",
                  invalidity(r->status), "correctness", (int)ok, "measurements", measured);
    return row && json_array_append_new(user, row) == 0 ? 0 : fail_memory();
}

int db_export_t4(struct tune_db *db, const struct tune_key *k, struct text *out)
{
    json_t *results = json_array();
    int err = db_each_result(db, k, t4_result, results);
    json_t *doc = json_pack("{s:s, s:o}", "schema_version", "1.0.0", "results", results);
    char *s = doc ? json_dumps(doc, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    if (!err && !s)
        err = fail_memory();
    if (!err)
        text_add(out, "%s\n", s);
    free(s);
    json_decref(doc);
    return err;
}
