#include "train/metrics.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define HEAD "epoch,train_loss,train_accuracy,test_loss,test_accuracy,lr,seconds\n"
#define MAX_FILE ((size_t)64 << 20)

locale_t numbers_begin(locale_t *old)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    *old = c ? uselocale(c) : (locale_t)0;
    return c;
}

void numbers_end(locale_t c, locale_t old)
{
    if (!c)
        return;
    uselocale(old);
    freelocale(c);
}

int history_add(struct history *h, const struct ocelli_epoch *e)
{
    int err = grow(&h->row, &h->cap, h->n + 1, sizeof(*h->row));
    if (!err)
        h->row[h->n++] = *e;
    return err;
}

void history_free(struct history *h)
{
    free(h->row);
    *h = (struct history){0};
}

static void field(struct text *t, const char *fmt, double x)
{
    text_add(t, ",");
    if (isfinite(x))
        text_add(t, fmt, x);
}

int metrics_write(const char *path, const struct history *h)
{
    struct text t = {0};
    locale_t old, c = numbers_begin(&old);
    text_add(&t, HEAD);
    for (int i = 0; i < h->n; i++) {
        const struct ocelli_epoch *e = &h->row[i];
        text_add(&t, "%d", e->epoch);
        field(&t, "%.6f", e->train_loss);
        field(&t, "%.6f", e->train_accuracy);
        field(&t, "%.6f", e->test_loss);
        field(&t, "%.6f", e->test_accuracy);
        field(&t, "%.9g", e->lr);
        field(&t, "%.3f", e->seconds);
        text_add(&t, "\n");
    }
    numbers_end(c, old);
    int err = t.failed ? fail_memory() : file_replace(path, t.s, t.len, 0666);
    text_free(&t);
    return err;
}

void metrics_read_seconds(const char *path, struct history *h)
{
    char *s, *save = NULL;
    size_t bytes;
    if (file_read(path, MAX_FILE, &s, &bytes) != 0)
        return;
    locale_t old, c = numbers_begin(&old);
    for (char *line = strtok_r(s, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *comma = strrchr(line, ','), *end;
        long epoch = strtol(line, &end, 10);
        if (end == line || *end != ',' || epoch < 1 || epoch > h->n || !comma[1])
            continue;
        double seconds = strtod(comma + 1, &end);
        if (!*end && isfinite(seconds) && seconds >= 0)
            h->row[epoch - 1].seconds = seconds;
    }
    numbers_end(c, old);
    free(s);
}
