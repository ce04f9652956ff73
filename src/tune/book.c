#include "tune/book.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tune/setting.h"

/* The site's database: one for all users of a machine, written by whoever looks after it. */
#define SITE_DB "/etc/ocelli/tuning.db"

struct tune_book {
    struct tune_device dev;
    struct tune_db *layer[2]; /* user's, site's; NULL: none */
    char *kind;
};

static const char *kind_word(enum ocelli_device_type type)
{
    static const char *const words[] = {"cpu", "gpu", "accelerator", "null"};
    return words[type];
}

void device_kind(const struct caps *caps, struct text *out)
{
    text_add(out, "%s v%d u%d", kind_word(caps->type), caps->vector_width, caps->compute_units);
}

/* ---- Layers ---- */

static int open_layer(struct tune_db **out, const char *path, const struct log *log)
{
    int err = db_open(out, path, DB_READ, log);
    if (err && err != OCELLI_ERR_MEMORY) {
        log_to(log, OCELLI_LOG_WARNING, "%s; not used", ocelli_error());
        err = 0;
    }
    return err;
}

int book_open(struct tune_book **out, const struct tune_device *dev, const struct log *log)
{
    struct tune_book *b = NULL;
    struct text path = {0}, kind = {0};
    const char *site = secure_getenv("OCELLI_SITE_DB");
    int err = 0;
    *out = NULL;
    b = calloc(1, sizeof(*b));
    if (!b)
        return fail_memory();
    b->dev = *dev;
    if (db_default_path(&path))
        TRY(open_layer(&b->layer[0], path.s, log));
    TRY(open_layer(&b->layer[1], site ? site : SITE_DB, log));
    device_kind(dev->caps, &kind);
    if (kind.failed)
        TRY(fail_memory());
    b->kind = kind.s;
    *out = b;
    b = NULL;
out:
    text_free(&path);
    book_close(&b);
    return err;
}

void book_close(struct tune_book **bp)
{
    struct tune_book *b = *bp;
    if (!b)
        return;
    for (size_t i = 0; i < COUNT(b->layer); i++)
        db_close(&b->layer[i]);
    free(b->kind);
    free(b);
    *bp = NULL;
}

/* ---- Looking up ---- */

struct asking {
    struct tune_book *book;
    const struct problem *p;
    const struct variant *only;
    bool near;   /* of another device */
    double best; /* distance of what was found, < 0: nothing */
    const struct variant *v;
    int tv[MAX_TUNABLES];
};

/* Kinds of device that differ in more than their number of units have nothing to tell each other;
 * the distance is the logarithm of that. Infinity: too far. */
static double distance(const char *a, const char *b)
{
    char x[16], y[16];
    int v, w, m, n;
    if (sscanf(a, "%15s v%d u%d", x, &v, &m) != 3 || sscanf(b, "%15s v%d u%d", y, &w, &n) != 3 ||
        strcmp(x, y) != 0 || v != w || m < 1 || n < 1)
        return INFINITY;
    double d = fabs(log2((double)m / n));
    return d <= 1 ? d : INFINITY;
}

/* Made of the same source? */
static bool same_source(const struct asking *a, const struct variant *v, const int *tv,
                        const char *source)
{
    struct launches l;
    char hex[33] = "";
    if (problem_plan(a->p, a->book->dev.caps, v, tv, &l) != 0)
        return false;
    bool same = a->book->dev.source(&l, hex) == 0 && strcmp(hex, source) == 0;
    launches_free(&l);
    return same;
}

static int consider(void *user, const struct tune_winner *w)
{
    struct asking *a = user;
    const struct caps *caps = a->book->dev.caps;
    const struct variant *v = op_variant(a->p->op, w->variant);
    const double d = a->near ? distance(a->book->kind, w->kind) : 0;
    int tv[MAX_TUNABLES];
    if (!v || (a->only && v != a->only) || isinf(d) || (a->best >= 0 && d >= a->best) ||
        !setting_parse(w->setting, v, tv) || !variant_applies(v, a->p, caps) ||
        (v->valid && !v->valid(a->p, caps, tv)) || !same_source(a, v, tv, w->source))
        return 0;
    a->best = d;
    a->v = v;
    memcpy(a->tv, tv, sizeof(tv));
    return 0;
}

static bool is(const char *want, const char *have)
{
    return !want || strcmp(want, have) == 0;
}

/* The library's own lines of that key. */
static void consider_shipped(struct asking *a, const struct tune_key *k)
{
    for (const char *s = tune_shipped; *s;) {
        size_t len = strcspn(s, "\n");
        struct tune_winner w;
        json_t *doc = NULL;
        /* Most lines are of other problems; parsing them all would cost more than planning. */
        if (len && memmem(s, len, k->problem, strlen(k->problem)) &&
            winner_parse(s, len, &doc, &w) && is(k->problem, w.key.problem) &&
            is(k->device, w.key.device) && is(k->driver, w.key.driver))
            consider(a, &w);
        json_decref(doc);
        s += len + (s[len] != '\0');
    }
}

static void ask_layers(struct asking *a, const struct tune_key *k)
{
    for (size_t i = 0; i < COUNT(a->book->layer) && a->best != 0; i++)
        if (a->book->layer[i])
            (void)db_each_winner(a->book->layer[i], k, consider, a);
    if (a->best != 0)
        consider_shipped(a, k);
}

bool book_find(void *user, const struct problem *p, const struct variant *only,
               const struct variant **v, int tv[MAX_TUNABLES])
{
    struct tune_book *book = user;
    struct asking a = {.book = book, .p = p, .only = only, .best = -1};
    struct text problem = {0};
    problem_print(p, &problem);
    if (problem.s && !problem.failed) {
        ask_layers(&a, &(struct tune_key){problem.s, book->dev.name, book->dev.driver});
        if (a.best < 0) { /* another driver of this device is its nearest relative */
            ask_layers(&a, &(struct tune_key){problem.s, book->dev.name, NULL});
        }
        a.near = true;
        if (a.best < 0)
            ask_layers(&a, &(struct tune_key){problem.s, NULL, NULL});
    }
    text_free(&problem);
    if (a.best < 0)
        return false;
    *v = a.v;
    memcpy(tv, a.tv, sizeof(a.tv));
    return true;
}
