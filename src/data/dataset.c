#include "data/dataset.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

#define MAX_EXTENT 4096 /* of an image; keeps count x height x width far from overflow */

static const char *const garments[] = {
    "T-shirt/top", "trouser", "pullover", "dress", "coat",
    "sandal",      "shirt",   "sneaker",  "bag",   "ankle boot",
};
static const char *const digits[] = {
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
};

static const struct source {
    const char *name;
    const char *dir;     /* where its package puts it, NULL: no package */
    const char *package; /* Debian's */
    const char *const *classes;
    int n_classes;
} sources[] = {
    {"fashion-mnist", "/usr/share/datasets/fashion-mnist", "dataset-fashion-mnist", garments,
     COUNT(garments)},
    {"mnist", NULL, NULL, digits, COUNT(digits)},
};

static const char *const prefixes[] = {[OCELLI_TRAIN] = "train", [OCELLI_TEST] = "t10k"};

static const struct source *find(const char *name)
{
    for (size_t i = 0; i < COUNT(sources); i++)
        if (!strcmp(sources[i].name, name))
            return &sources[i];
    struct text list = {0};
    for (size_t i = 0; i < COUNT(sources); i++)
        text_add(&list, "%s%s", i ? ", " : "", sources[i].name);
    fail(OCELLI_ERR_INVALID, "%s: no such dataset; there are %s", name, list.s ? list.s : "");
    text_free(&list);
    return NULL;
}

static int find_dir(const struct source *src, const char **dir)
{
    struct stat st;
    bool given = *dir != NULL;
    if (!given && !src->dir)
        return fail(
            OCELLI_ERR_IO,
            "%s: no package has this dataset: the folder that holds "
            "train-images-idx3-ubyte.gz and its three companions must be given (--data-dir)",
            src->name);
    if (!given)
        *dir = src->dir;
    if (stat(*dir, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    if (!given)
        return fail(OCELLI_ERR_IO,
                    "%s: no folder %s: install Debian's package %s, or give the folder "
                    "that holds the dataset (--data-dir)",
                    src->name, *dir, src->package);
    return fail(OCELLI_ERR_IO, "%s: no folder %s", src->name, *dir);
}

/* Reads dir/<split>-<kind>-ubyte.gz, or without .gz where there is no such file. */
static int read_part(struct idx *x, const struct source *src, const char *dir,
                     enum ocelli_split split, const char *kind, int rank)
{
    struct text path = {0};
    int err = 0;
    text_add(&path, "%s/%s-%s-ubyte.gz", dir, prefixes[split], kind);
    if (!path.failed && access(path.s, F_OK) != 0) {
        path.s[path.len - strlen(".gz")] = 0;
        if (access(path.s, F_OK) != 0) {
            err = fail(OCELLI_ERR_IO, "%s.gz: no such file%s%s", path.s,
                       src->package ? "; it is in Debian's package " : "",
                       src->package ? src->package : "");
            goto out;
        }
    }
    err = path.failed ? fail_memory() : idx_read(x, path.s, rank);
out:
    text_free(&path);
    return err;
}

static int check(const struct ocelli_dataset *ds, const char *dir)
{
    const struct ocelli_dataset_info *in = &ds->info;
    const int64_t *d = ds->images.dim;
    if (ds->labels.dim[0] != d[0])
        return fail(OCELLI_ERR_FORMAT, "%s: %s: %" PRId64 " images but %" PRId64 " labels",
                    in->name, dir, d[0], ds->labels.dim[0]);
    if (d[1] > MAX_EXTENT || d[2] > MAX_EXTENT)
        return fail(OCELLI_ERR_FORMAT,
                    "%s: %s: images of %" PRId64 "x%" PRId64 " pixels are above the "
                    "limit of %d",
                    in->name, dir, d[1], d[2], MAX_EXTENT);
    for (int64_t i = 0; i < d[0]; i++)
        if (ds->labels.data[i] >= in->classes)
            return fail(OCELLI_ERR_FORMAT,
                        "%s: %s: label %" PRId64 " is %d, not in 0..%d (at byte %" PRId64 ")",
                        in->name, dir, i, ds->labels.data[i], in->classes - 1, 8 + i);
    return 0;
}

int ocelli_dataset_open(struct ocelli_dataset **out, const char *name, const char *dir,
                        enum ocelli_split split)
{
    int err = 0;
    struct ocelli_dataset *ds = NULL;
    *out = NULL;
    if (!name || (unsigned)split >= COUNT(prefixes))
        return fail(OCELLI_ERR_INVALID, "dataset: no name, or no such split");
    const struct source *src = find(name);
    if (!src)
        return OCELLI_ERR_INVALID;
    TRY(find_dir(src, &dir));
    ds = calloc(1, sizeof(*ds));
    if (!ds)
        return fail_memory();
    ds->info = (struct ocelli_dataset_info){
        .name = src->name, .channels = 1, .classes = src->n_classes, .class_names = src->classes};
    TRY(read_part(&ds->labels, src, dir, split, "labels-idx1", 1));
    TRY(read_part(&ds->images, src, dir, split, "images-idx3", 3));
    TRY(check(ds, dir));
    ds->info.count = ds->images.dim[0];
    ds->info.height = (int)ds->images.dim[1];
    ds->info.width = (int)ds->images.dim[2];
    ds->image_bytes = (size_t)(ds->images.dim[1] * ds->images.dim[2]);
    *out = ds;
    ds = NULL;
out:
    ocelli_dataset_close(&ds);
    return err;
}

void ocelli_dataset_close(struct ocelli_dataset **ds)
{
    if (!*ds)
        return;
    idx_free(&(*ds)->images);
    idx_free(&(*ds)->labels);
    free(*ds);
    *ds = NULL;
}

const struct ocelli_dataset_info *ocelli_dataset_get_info(const struct ocelli_dataset *ds)
{
    return &ds->info;
}

int ocelli_dataset_get(const struct ocelli_dataset *ds, int64_t i, uint8_t *pixels, int *label)
{
    if (i < 0 || i >= ds->info.count)
        return fail(OCELLI_ERR_INVALID, "%s: no image %" PRId64 ", there are %" PRId64,
                    ds->info.name, i, ds->info.count);
    if (pixels)
        memcpy(pixels, ds->images.data + (size_t)i * ds->image_bytes, ds->image_bytes);
    if (label)
        *label = ds->labels.data[i];
    return 0;
}
