#include "data/dataset.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"

static const char *const garments[] = {
    "T-shirt/top", "trouser", "pullover", "dress", "coat",
    "sandal",      "shirt",   "sneaker",  "bag",   "ankle boot",
};
static const char *const digits[] = {
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
};
static const char *const objects[] = {
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
};

enum kind { MNIST, CIFAR10, FOLDER };

static const struct source {
    const char *name;
    enum kind kind;
    const char *dir;     /* where its package puts it, NULL: no package */
    const char *package; /* Debian's */
    const char *holds;   /* what its folder must hold */
    const char *const *classes;
    int n_classes;
} sources[] = {
    {"fashion-mnist", MNIST, "/usr/share/datasets/fashion-mnist", "dataset-fashion-mnist",
     "train-images-idx3-ubyte.gz and its three companions", garments, COUNT(garments)},
    {"mnist", MNIST, NULL, NULL, "train-images-idx3-ubyte.gz and its three companions", digits,
     COUNT(digits)},
    {"cifar10", CIFAR10, NULL, NULL,
     "data_batch_1.bin, its four companions and test_batch.bin (the binary version)", objects,
     COUNT(objects)},
    {"folder", FOLDER, NULL, NULL, "a folder of JPEG and PNG files for each class", NULL, 0},
};

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
        return fail(OCELLI_ERR_IO,
                    "%s: no package has this dataset: the folder that holds %s must be given "
                    "(--data-dir)",
                    src->name, src->holds);
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

int ocelli_dataset_open_with(struct ocelli_dataset **out, const char *name,
                             const struct ocelli_dataset_params *params)
{
    int err = 0;
    struct ocelli_dataset_params p = params ? *params : (struct ocelli_dataset_params){0};
    struct ocelli_dataset *ds = NULL;
    *out = NULL;
    if (!name || (unsigned)p.split > OCELLI_TEST)
        return fail(OCELLI_ERR_INVALID, "dataset: no name, or no such split");
    const struct source *src = find(name);
    if (!src)
        return OCELLI_ERR_INVALID;
    TRY(find_dir(src, &p.dir));
    ds = calloc(1, sizeof(*ds));
    if (!ds)
        return fail_memory();
    ds->info = (struct ocelli_dataset_info){
        .name = src->name, .classes = src->n_classes, .class_names = src->classes};
    ds->skip_bad = p.skip_bad;
    if (src->kind == MNIST)
        TRY(mnist_open(ds, p.dir, src->package, p.split));
    else if (src->kind == CIFAR10)
        TRY(cifar10_open(ds, p.dir, p.split));
    else
        TRY(folder_open(ds, &p));
    ds->height = ds->height ? ds->height : ds->info.height;
    ds->width = ds->width ? ds->width : ds->info.width;
    ds->image_bytes = (size_t)ds->info.channels * (size_t)ds->height * (size_t)ds->width;
    *out = ds;
    ds = NULL;
out:
    ocelli_dataset_close(&ds);
    return err;
}

int ocelli_dataset_open(struct ocelli_dataset **out, const char *name, const char *dir,
                        enum ocelli_split split)
{
    return ocelli_dataset_open_with(out, name,
                                    &(struct ocelli_dataset_params){.dir = dir, .split = split});
}

void ocelli_dataset_close(struct ocelli_dataset **ds)
{
    if (!*ds)
        return;
    folder_free(&(*ds)->folder);
    free((*ds)->pixels);
    free((*ds)->labels);
    free(*ds);
    *ds = NULL;
}

const struct ocelli_dataset_info *ocelli_dataset_get_info(const struct ocelli_dataset *ds)
{
    return &ds->info;
}

int64_t ocelli_dataset_bad(const struct ocelli_dataset *ds)
{
    return ds->folder ? folder_bad(ds->folder) : 0;
}

int dataset_pixels(const struct ocelli_dataset *ds, int64_t i, uint8_t *buf, const uint8_t **out,
                   bool *bad)
{
    if (bad)
        *bad = false;
    *out = ds->pixels ? ds->pixels + (size_t)i * ds->image_bytes : buf;
    return ds->pixels ? 0 : folder_pixels(ds, i, buf, bad);
}

int dataset_hash(const struct ocelli_dataset *ds, char hex[DATASET_HASH])
{
    struct hasher h;
    if (ds->folder)
        return folder_hash(ds, hex);
    int err = hasher_init(&h);
    if (err)
        return err;
    hasher_add(&h, ds->pixels, (size_t)ds->info.count * ds->image_bytes);
    hasher_add(&h, ds->labels, (size_t)ds->info.count * sizeof(*ds->labels));
    hasher_finish(&h, hex);
    return 0;
}

/* The middle of an image as it is kept. */
static int copy_middle(const struct ocelli_dataset *ds, int64_t i, uint8_t *pixels)
{
    int err;
    const uint8_t *src;
    size_t h = (size_t)ds->info.height, w = (size_t)ds->info.width,
           area = (size_t)(ds->height * ds->width);
    size_t top = ((size_t)ds->height - h) / 2, left = ((size_t)ds->width - w) / 2;
    uint8_t *buf = malloc(ds->image_bytes);
    if (!buf)
        return fail_memory();
    TRY(dataset_pixels(ds, i, buf, &src, NULL));
    for (size_t c = 0; c < (size_t)ds->info.channels; c++)
        for (size_t y = 0; y < h; y++, pixels += w)
            memcpy(pixels, src + c * area + (top + y) * (size_t)ds->width + left, w);
out:
    free(buf);
    return err;
}

int ocelli_dataset_get(const struct ocelli_dataset *ds, int64_t i, uint8_t *pixels, int *label)
{
    int err = 0;
    if (i < 0 || i >= ds->info.count)
        return fail(OCELLI_ERR_INVALID, "%s: no image %" PRId64 ", there are %" PRId64,
                    ds->info.name, i, ds->info.count);
    if (pixels)
        TRY(copy_middle(ds, i, pixels));
    if (label)
        *label = ds->labels[i];
out:
    return err;
}
