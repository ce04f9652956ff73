#include "train/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "ops/graph.h"

#define FORMAT_KEY "format"
#define FORMAT_WORD "ocelli checkpoint 1"
#define MAX_EPOCHS 1000000
#define NUMBERS 5 /* of an epoch: train_loss, train_accuracy, test_loss, test_accuracy, lr */

void pairs_add(struct pairs *p, const char *key, const char *fmt, ...)
{
    char value[256];
    va_list ap;
    if (p->err)
        return;
    locale_t old, c = numbers_begin(&old);
    va_start(ap, fmt);
    vsnprintf(value, sizeof(value), fmt, ap);
    va_end(ap);
    numbers_end(c, old);
    p->err = grow(&p->item, &p->cap, p->n + 1, sizeof(*p->item));
    if (p->err)
        return;
    struct st_pair pair = {arena_str(&p->arena, key), arena_str(&p->arena, value)};
    if (!pair.key || !pair.value)
        p->err = OCELLI_ERR_MEMORY;
    else
        p->item[p->n++] = pair;
}

void pairs_free(struct pairs *p)
{
    free(p->item);
    arena_free(&p->arena);
    *p = (struct pairs){0};
}

/* Format, run and position as metadata. 17 digits bring a double back to the bit. */
static int describe(struct pairs *p, const struct pairs *run, const struct position *at)
{
    pairs_add(p, FORMAT_KEY, FORMAT_WORD);
    for (int i = 0; i < run->n; i++)
        pairs_add(p, run->item[i].key, "%s", run->item[i].value);
    pairs_add(p, "position.epochs", "%d", at->history.n);
    pairs_add(p, "position.step", "%" PRId64, at->step);
    pairs_add(p, "position.loss", "%.17g", at->loss);
    pairs_add(p, "position.correct", "%.17g", at->correct);
    for (int i = 0; i < at->history.n; i++) {
        const struct ocelli_epoch *e = &at->history.row[i];
        char key[32];
        snprintf(key, sizeof(key), "epoch.%d", e->epoch);
        pairs_add(p, key, "%.17g %.17g %.17g %.17g %.17g", e->train_loss, e->train_accuracy,
                  e->test_loss, e->test_accuracy, e->lr);
    }
    return p->err;
}

/* What a step begins anew is no part of a position. */
static bool passing(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && strcmp(dot + 1, STATE_GRADIENT) == 0;
}

int checkpoint_save(const char *path, const struct pairs *run, const struct position *at,
                    const struct ocelli_weights *w)
{
    int err = 0, n = ocelli_weights_count(w), kept = 0;
    struct pairs p = {0};
    struct arena arena = {0};
    struct st_tensor *t = arena_alloc(&arena, (size_t)MAX(n, 1) * sizeof(*t));
    if (!t) {
        err = OCELLI_ERR_MEMORY;
        goto out;
    }
    TRY(describe(&p, run, at));
    for (int i = 0; i < n; i++) {
        const char *name = ocelli_weights_name(w, i);
        if (passing(name))
            continue;
        struct st_tensor *to = &t[kept++];
        struct ocelli_tensor *src = ocelli_weights_tensor(w, name);
        to->name = name;
        to->desc = (struct desc){ocelli_tensor_dtype(src), *ocelli_tensor_shape(src)};
        void *data = arena_alloc(&arena, ocelli_tensor_bytes(src));
        if (!data) {
            err = OCELLI_ERR_MEMORY;
            goto out;
        }
        TRY(ocelli_tensor_read(src, data, ocelli_tensor_bytes(src)));
        to->data = data;
    }
    TRY(safetensors_write(path, t, kept, p.item, p.n));
out:
    arena_free(&arena);
    pairs_free(&p);
    return err;
}

int checkpoint_open(struct safetensors **out, const char *path)
{
    int err = 0;
    struct safetensors *st = NULL;
    const char *word;
    *out = NULL;
    TRY(safetensors_open(&st, path));
    word = safetensors_meta(st, FORMAT_KEY);
    if (!word || strcmp(word, FORMAT_WORD) != 0 || !st->checked) {
        err = fail(OCELLI_ERR_FORMAT, "%s: no checkpoint of this version, or damaged", path);
        goto out;
    }
    *out = st;
    st = NULL;
out:
    safetensors_close(&st);
    return err;
}

int checkpoint_word(const struct safetensors *st, const char *path, const char *key,
                    const char **out)
{
    *out = safetensors_meta(st, key);
    return *out ? 0 : fail(OCELLI_ERR_FORMAT, "%s: no \"%s\" in it", path, key);
}

int checkpoint_number(const struct safetensors *st, const char *path, const char *key, int64_t low,
                      int64_t high, int64_t *out)
{
    const char *word;
    char *end;
    int err = checkpoint_word(st, path, key, &word);
    if (err)
        return err;
    errno = 0;
    long long v = strtoll(word, &end, 10);
    if (errno || end == word || *end || v < low || v > high)
        return fail(OCELLI_ERR_FORMAT, "%s: \"%s\" is \"%s\", no number in %" PRId64 "..%" PRId64,
                    path, key, word, low, high);
    *out = v;
    return 0;
}

int checkpoint_same_run(const struct safetensors *st, const char *path, const struct pairs *run)
{
    for (int i = 0; i < run->n; i++) {
        const char *word;
        int err = checkpoint_word(st, path, run->item[i].key, &word);
        if (err)
            return err;
        if (strcmp(word, run->item[i].value) != 0)
            return fail(OCELLI_ERR_FORMAT, "%s: of another run: its %s is %s, now it is %s", path,
                        run->item[i].key, word, run->item[i].value);
    }
    return 0;
}

/* n numbers with a space between them. */
static int numbers(const struct safetensors *st, const char *path, const char *key, double *x,
                   int n)
{
    const char *word, *s;
    int err = checkpoint_word(st, path, key, &word);
    if (err)
        return err;
    locale_t old, c = numbers_begin(&old);
    s = word;
    for (int i = 0; i < n && s; i++) {
        char *end;
        x[i] = strtod(s, &end);
        bool good = end != s && *end == (i + 1 < n ? ' ' : 0);
        s = good ? end + 1 : NULL;
    }
    numbers_end(c, old);
    return s ? 0
             : fail(OCELLI_ERR_FORMAT, "%s: \"%s\" is \"%s\", not %d numbers", path, key, word, n);
}

int checkpoint_position(const struct safetensors *st, const char *path, struct position *at)
{
    int err = 0;
    int64_t epochs;
    TRY(checkpoint_number(st, path, "position.epochs", 0, MAX_EPOCHS, &epochs));
    TRY(checkpoint_number(st, path, "position.step", 0, INT64_MAX, &at->step));
    TRY(numbers(st, path, "position.loss", &at->loss, 1));
    TRY(numbers(st, path, "position.correct", &at->correct, 1));
    for (int i = 1; i <= epochs; i++) {
        char key[32];
        double x[NUMBERS];
        snprintf(key, sizeof(key), "epoch.%d", i);
        TRY(numbers(st, path, key, x, NUMBERS));
        TRY(history_add(&at->history, &(struct ocelli_epoch){.epoch = i,
                                                             .train_loss = x[0],
                                                             .train_accuracy = x[1],
                                                             .test_loss = x[2],
                                                             .test_accuracy = x[3],
                                                             .lr = x[4],
                                                             .seconds = NAN}));
    }
out:
    return err;
}

int checkpoint_weights(const struct safetensors *st, const char *path, struct ocelli_weights *w)
{
    for (int i = 0; i < ocelli_weights_count(w); i++) {
        const char *name = ocelli_weights_name(w, i);
        if (passing(name))
            continue;
        struct ocelli_tensor *dst = ocelli_weights_tensor(w, name);
        struct desc want = {ocelli_tensor_dtype(dst), *ocelli_tensor_shape(dst)};
        const struct st_tensor *src = safetensors_find(st, name);
        char a[SHAPE_TEXT], b[SHAPE_TEXT];
        if (!src)
            return fail(OCELLI_ERR_FORMAT, "%s: no tensor \"%s\" in it", path, name);
        if (!desc_equal(&src->desc, &want))
            return fail(OCELLI_ERR_SHAPE, "%s: tensor \"%s\" is %s %s, not %s %s", path, name,
                        dtype_name(src->desc.dtype), shape_text(&src->desc.shape, a),
                        dtype_name(want.dtype), shape_text(&want.shape, b));
        int err = ocelli_tensor_write(dst, src->data, desc_bytes(&want));
        if (err)
            return err;
    }
    return 0;
}
