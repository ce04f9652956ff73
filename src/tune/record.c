#include "tune/record.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "tune/setting.h"

#define LINE_BYTES 65536

/* ---- Reading ---- */

static bool recorded(void *user, const int *tv)
{
    const struct record *r = user;
    int point[SPACE_PARAMS];
    return space_point(&r->space, tv, point) && isfinite(r->ms[space_rank(&r->space, point)]);
}

static const char *word(struct record *r, const json_t *doc, const char *key)
{
    const char *s = json_string_value(json_object_get(doc, key));
    return arena_str(&r->arena, s ? s : "");
}

static int read_head(struct record *r, const json_t *doc)
{
    const char *name;
    json_t *list;
    r->problem = word(r, doc, "space");
    r->variant = word(r, doc, "variant");
    r->source = word(r, doc, "source");
    if (!r->problem || !r->variant || !r->source)
        return fail_memory();
    json_object_foreach(json_object_get(doc, "parameters"), name, list)
    {
        size_t n = json_array_size(list);
        int *v = arena_alloc(&r->arena, (n + 1) * sizeof(*v)), p = r->space.n;
        if (p == SPACE_PARAMS || n < 1)
            return fail(OCELLI_ERR_FORMAT, "parameter %s: too many, or no values", name);
        r->space.param[p].name = arena_str(&r->arena, name);
        if (!v || !r->space.param[p].name)
            return fail_memory();
        for (size_t i = 0; i < n; i++)
            v[i] = (int)json_integer_value(json_array_get(list, i));
        r->space.param[p].values = v;
        r->space.param[p].n = (int)n;
        r->space.n++;
    }
    const double size = space_size(&r->space);
    if (r->space.n == 0 || size > 1 << 24)
        return fail(OCELLI_ERR_FORMAT, "no parameters, or too large a space");
    r->ms = malloc((size_t)size * sizeof(*r->ms));
    if (!r->ms)
        return fail_memory();
    for (size_t i = 0; i < (size_t)size; i++)
        r->ms[i] = NAN;
    r->space.valid = recorded;
    r->space.user = r;
    return 0;
}

static int read_row(struct record *r, const json_t *doc)
{
    const json_t *at = json_object_get(doc, "at"), *ms = json_object_get(doc, "ms");
    int tv[SPACE_PARAMS], point[SPACE_PARAMS];
    if ((int)json_array_size(at) != r->space.n)
        return fail(OCELLI_ERR_FORMAT, "a candidate without a value for each parameter");
    for (int i = 0; i < r->space.n; i++)
        tv[i] = (int)json_integer_value(json_array_get(at, (size_t)i));
    if (!space_point(&r->space, tv, point) || (ms && !(json_number_value(ms) > 0)))
        return fail(OCELLI_ERR_FORMAT, "a candidate that is not in the space, or takes no time");
    r->ms[space_rank(&r->space, point)] = ms ? json_number_value(ms) : INFINITY;
    return 0;
}

static int read_line(struct record *r, const char *line)
{
    json_t *doc = json_loads(line, 0, NULL);
    int err = !doc     ? fail(OCELLI_ERR_FORMAT, "not JSON")
              : !r->ms ? read_head(r, doc)
                       : read_row(r, doc);
    json_decref(doc);
    return err;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int summarise(struct record *r)
{
    const size_t size = (size_t)space_size(&r->space);
    double *all = malloc(size * sizeof(*all));
    if (!all)
        return fail_memory();
    for (size_t i = 0; i < size; i++)
        if (isfinite(r->ms[i]))
            all[r->good++] = r->ms[i];
    if (r->good > 0) {
        qsort(all, (size_t)r->good, sizeof(*all), by_value);
        r->best = all[0];
        r->median = all[r->good / 2];
    }
    free(all);
    return r->good > 1 ? 0 : fail(OCELLI_ERR_FORMAT, "fewer than two candidates with a time");
}

int record_read(struct record **out, const char *path)
{
    struct record *r = calloc(1, sizeof(*r));
    char *line = malloc(LINE_BYTES);
    gzFile f = gzopen(path, "rbe");
    int err = 0, n = 0, code = 0;
    if (!r || !line)
        TRY(fail_memory());
    if (!f)
        TRY(fail(OCELLI_ERR_IO, "%s: it cannot be opened", path));
    while (gzgets(f, line, LINE_BYTES)) {
        n++;
        if ((err = read_line(r, line))) {
            fail_in(err, "%s: line %d", path, n);
            goto out;
        }
    }
    gzerror(f, &code);
    if (code < 0 || !r->ms)
        TRY(fail(OCELLI_ERR_FORMAT, "%s: broken, or nothing in it", path));
    if ((err = summarise(r))) {
        fail_in(err, "%s", path);
        goto out;
    }
    *out = r;
    r = NULL;
out:
    if (f)
        gzclose(f);
    free(line);
    record_free(&r);
    return err;
}

void record_free(struct record **rp)
{
    struct record *r = *rp;
    if (!r)
        return;
    arena_free(&r->arena);
    free(r->ms);
    free(r);
    *rp = NULL;
}

/* ---- Writing ---- */

struct writing {
    json_t *ways;                 /* "variant source" -> how many */
    const char *variant, *source; /* what most rows have */
    json_t *parameters;           /* name -> sorted values */
    struct text rows;
};

static int count_way(void *user, const struct tune_result *r)
{
    json_t *all = ((struct writing *)user)->ways;
    struct text way = {0};
    text_add(&way, "%s %s", r->variant, r->source);
    if (way.failed)
        return fail_memory();
    json_int_t n = json_integer_value(json_object_get(all, way.s));
    json_object_set_new(all, way.s, json_integer(n + 1));
    text_free(&way);
    return 0;
}

static void add_value(json_t *list, int value)
{
    size_t i = 0;
    while (i < json_array_size(list) && json_integer_value(json_array_get(list, i)) < value)
        i++;
    if (json_integer_value(json_array_get(list, i)) != value || i == json_array_size(list))
        json_array_insert_new(list, i, json_integer(value));
}

static int add_row(void *user, const struct tune_result *r)
{
    struct writing *w = user;
    struct setting_word word;
    const char *s = r->setting, *sep = "{\"at\":[";
    if (strcmp(r->variant, w->variant) != 0 || strcmp(r->source, w->source) != 0)
        return 0;
    while ((s = setting_next(s, &word))) {
        json_t *list = json_object_get(w->parameters, word.name);
        if (!list)
            json_object_set_new(w->parameters, word.name, list = json_array());
        add_value(list, word.value);
        text_add(&w->rows, "%s%d", sep, word.value);
        sep = ",";
    }
    if (r->ms > 0)
        text_add(&w->rows, "],\"ms\":%.5g}\n", r->ms);
    else
        text_add(&w->rows, "],\"status\":\"%s\"}\n", r->status);
    return 0;
}

static int write_gz(const char *path, const char *head, const char *rows)
{
    gzFile f = gzopen(path, "wbe9");
    bool ok = f && gzputs(f, head) > 0 && gzputs(f, "\n") > 0 && gzputs(f, rows) > 0;
    if (f)
        ok = gzclose(f) == Z_OK && ok;
    return ok ? 0 : fail(OCELLI_ERR_IO, "%s: it cannot be written", path);
}

int record_write(struct tune_db *db, const struct tune_key *k, const char *path)
{
    struct writing w = {.ways = json_object(), .parameters = json_object()};
    json_int_t most = 0;
    const char *name, *way = NULL;
    char *head = NULL, *variant = NULL;
    json_t *n;
    int err;
    TRY(db_each_result(db, k, count_way, &w));
    json_object_foreach(w.ways, name, n)
    {
        if (json_integer_value(n) > most) {
            most = json_integer_value(n);
            way = name;
        }
    }
    if (!way)
        TRY(fail(OCELLI_ERR_INVALID, "%s: nothing was tried for it on this device", k->problem));
    w.source = strrchr(way, ' ') + 1;
    variant = strndup(way, (size_t)(w.source - way) - 1);
    if (!variant)
        TRY(fail_memory());
    w.variant = variant;
    TRY(db_each_result(db, k, add_row, &w));
    json_t *doc = json_pack("{s:s, s:s, s:s, s:s, s:s, s:O}", "space", k->problem, "variant",
                            w.variant, "source", w.source, "device", k->device, "driver", k->driver,
                            "parameters", w.parameters);
    head = json_dumps(doc, JSON_COMPACT);
    json_decref(doc);
    if (!head || w.rows.failed)
        TRY(fail_memory());
    TRY(write_gz(path, head, w.rows.s));
out:
    free(head);
    free(variant);
    json_decref(w.ways);
    json_decref(w.parameters);
    text_free(&w.rows);
    return err;
}
