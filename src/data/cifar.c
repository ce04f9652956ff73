/* CIFAR-10 in its binary form (Krizhevsky 2009): files of records, a byte for the label and 3 x 32
 * x 32 bytes, all red ones first. Training: data_batch_1.bin and on, as many as there are; test:
 * test_batch.bin. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/dataset.h"

#define SIDE 32
#define IMAGE (3 * SIDE * SIDE)
#define RECORD (1 + IMAGE)
#define MAX_FILE ((size_t)1 << 30)
#define MAX_BATCHES 100

static int add_file(struct ocelli_dataset *ds, const char *path)
{
    char *s = NULL;
    size_t bytes, before = (size_t)ds->info.count, n;
    int err = file_read(path, MAX_FILE, &s, &bytes);
    if (err)
        return err;
    n = bytes / RECORD;
    if (n == 0 || bytes % RECORD != 0)
        TRY(fail(OCELLI_ERR_FORMAT, "%s: %zu bytes are not a whole number of records of %d", path,
                 bytes, RECORD));
    uint8_t *pixels = realloc(ds->pixels, (before + n) * IMAGE);
    if (!pixels)
        TRY(fail_memory());
    ds->pixels = pixels;
    int32_t *labels = realloc(ds->labels, (before + n) * sizeof(*labels));
    if (!labels)
        TRY(fail_memory());
    ds->labels = labels;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *record = (const uint8_t *)s + i * RECORD;
        if (record[0] >= ds->info.classes)
            TRY(fail(OCELLI_ERR_FORMAT, "%s: label %zu is %d, not in 0..%d (at byte %zu)", path, i,
                     record[0], ds->info.classes - 1, i * RECORD));
        labels[before + i] = record[0];
        memcpy(pixels + (before + i) * IMAGE, record + 1, IMAGE);
    }
    ds->info.count += (int64_t)n;
out:
    free(s);
    return err;
}

int cifar10_open(struct ocelli_dataset *ds, const char *dir, enum ocelli_split split)
{
    int err = 0;
    struct text path = {0};
    ds->info.channels = 3;
    ds->info.height = ds->info.width = SIDE;
    for (int i = 1; i <= (split == OCELLI_TEST ? 1 : MAX_BATCHES); i++) {
        text_free(&path);
        if (split == OCELLI_TEST)
            text_add(&path, "%s/test_batch.bin", dir);
        else
            text_add(&path, "%s/data_batch_%d.bin", dir, i);
        if (path.failed)
            TRY(fail_memory());
        if (i > 1 && access(path.s, F_OK) != 0)
            break;
        TRY(add_file(ds, path.s));
    }
out:
    text_free(&path);
    return err;
}
