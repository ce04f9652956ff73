/* A dataset of pictures: a folder a class, JPEG and PNG files in it. dir/train and dir/val (or
 * dir/test) are its splits; else the classes are in dir itself, or dir/train alone is there, and
 * some of the images are held out. Files are read when their image is wanted. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <ocelli/image.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "data/resample.h"

#define SIDE 224 /* where no size is asked for */
#define HELD_OUT 0.1f
#define MAX_CLASSES 100000
#define MAX_IMAGES (1 << 30)
/* Keeps what is held out unrelated to other random streams of the same seed. */
#define SPLIT_STREAM 0x73706c6974000000u

struct file {
    const char *path;
    int label;
    uint64_t key; /* of holding out */
};

struct folder {
    struct file *file; /* by class, then by name */
    int n, cap;
    const char **classes;
    int n_classes, cap_classes;
    atomic_uchar *bad; /* of each file: it could not be read */
    atomic_llong n_bad;
    struct arena arena;
};

void folder_free(struct folder **f)
{
    if (!*f)
        return;
    free((*f)->file);
    free((*f)->classes);
    free((void *)(*f)->bad);
    arena_free(&(*f)->arena);
    free(*f);
    *f = NULL;
}

/* ---- Finding the files ---- */

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_picture(const char *name)
{
    static const char *const ends[] = {".jpg", ".jpeg", ".png"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < COUNT(ends); i++)
        if (strcasecmp(dot, ends[i]) == 0)
            return true;
    return false;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What is in a folder, sorted by its bytes, hidden things left out. */
static int list(struct arena *a, const char *path, const char ***out, int *n)
{
    int cap = 0, err = 0;
    const char **name = NULL;
    *n = 0;
    DIR *d = opendir(path);
    if (!d)
        return fail(OCELLI_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        TRY(grow(&name, &cap, *n + 1, sizeof(*name)));
        if (!(name[*n] = arena_str(a, e->d_name)))
            TRY(OCELLI_ERR_MEMORY);
        ++*n;
    }
    if (*n > 0)
        qsort(name, (size_t)*n, sizeof(*name), by_name);
    *out = name;
    name = NULL;
out:
    closedir(d);
    free(name);
    return err;
}

static int add_class(struct folder *f, const char *dir, const char *name, int label)
{
    const char **entry = NULL;
    int n = 0, err = 0;
    const char *path = arena_printf(&f->arena, "%s/%s", dir, name);
    if (!path)
        return OCELLI_ERR_MEMORY;
    TRY(list(&f->arena, path, &entry, &n));
    for (int i = 0; i < n; i++) {
        if (!is_picture(entry[i]))
            continue;
        TRY(grow(&f->file, &f->cap, f->n + 1, sizeof(*f->file)));
        const char *file = arena_printf(&f->arena, "%s/%s", path, entry[i]);
        if (!file)
            TRY(OCELLI_ERR_MEMORY);
        if (f->n >= MAX_IMAGES)
            TRY(fail(OCELLI_ERR_FORMAT, "%s: more than %d images", dir, MAX_IMAGES));
        f->file[f->n++] = (struct file){file, label, 0};
    }
out:
    free(entry);
    return err;
}

static int find_class(const struct folder *f, const char *name)
{
    for (int i = 0; i < f->n_classes; i++)
        if (strcmp(f->classes[i], name) == 0)
            return i;
    return -1;
}

/* The classes below dir; the names are taken from `train` when that is another folder. */
static int find_files(struct folder *f, const char *train, const char *dir)
{
    const char **entry = NULL;
    int n = 0, err;
    TRY(list(&f->arena, train, &entry, &n));
    for (int i = 0; i < n; i++) {
        const char *path = arena_printf(&f->arena, "%s/%s", train, entry[i]);
        if (!path)
            TRY(OCELLI_ERR_MEMORY);
        if (!is_dir(path))
            continue;
        TRY(grow(&f->classes, &f->cap_classes, f->n_classes + 1, sizeof(*f->classes)));
        f->classes[f->n_classes++] = entry[i];
    }
    free(entry);
    entry = NULL;
    if (f->n_classes == 0 || f->n_classes > MAX_CLASSES)
        TRY(fail(OCELLI_ERR_FORMAT, "%s: %d folders, one for each class, are not 1 to %d", train,
                 f->n_classes, MAX_CLASSES));
    TRY(list(&f->arena, dir, &entry, &n));
    for (int i = 0; i < n; i++) {
        const char *path = arena_printf(&f->arena, "%s/%s", dir, entry[i]);
        int label = find_class(f, entry[i]);
        if (!path)
            TRY(OCELLI_ERR_MEMORY);
        if (!is_dir(path))
            continue;
        if (label < 0)
            TRY(fail(OCELLI_ERR_FORMAT, "%s: a class that %s has not", path, train));
        TRY(add_class(f, dir, entry[i], label));
    }
out:
    free(entry);
    return err;
}

/* ---- Holding out ---- */

static int by_key(const void *x, const void *y)
{
    const struct file *a = x, *b = y;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return strcmp(a->path, b->path);
}

static int by_class(const void *x, const void *y)
{
    const struct file *a = x, *b = y;
    return a->label != b->label ? a->label - b->label : strcmp(a->path, b->path);
}

/* Keeps those of the split: the test's are drawn from the seed. */
static void hold_out(struct folder *f, enum ocelli_split split, float part, uint64_t seed)
{
    int test = MIN((int)fmax(1, lrint((double)f->n * part)), f->n);
    for (int i = 0; i < f->n; i++)
        f->file[i].key = random_at(seed, SPLIT_STREAM, (uint64_t)i);
    qsort(f->file, (size_t)f->n, sizeof(*f->file), by_key);
    if (split == OCELLI_TRAIN) {
        memmove(f->file, f->file + test, (size_t)(f->n - test) * sizeof(*f->file));
        test = f->n - test;
    }
    f->n = test;
    qsort(f->file, (size_t)f->n, sizeof(*f->file), by_class);
}

/* ---- Opening ---- */

/* Where the classes are: *train has all of them, *dir is the split; the same when one has to be
 * held out. */
static int find_splits(struct folder *f, const struct ocelli_dataset_params *p, const char **train,
                       const char **dir)
{
    static const char *const tests[] = {"val", "test"};
    const char *path = arena_printf(&f->arena, "%s/train", p->dir);
    if (!path)
        return OCELLI_ERR_MEMORY;
    *train = is_dir(path) ? path : p->dir;
    *dir = *train;
    for (size_t i = 0; is_dir(path) && i < COUNT(tests); i++) {
        const char *test = arena_printf(&f->arena, "%s/%s", p->dir, tests[i]);
        if (!test)
            return OCELLI_ERR_MEMORY;
        if (!is_dir(test))
            continue;
        *dir = test;
        break;
    }
    return 0;
}

static int read_folder(struct ocelli_dataset *ds, const struct ocelli_dataset_params *p)
{
    struct folder *f = ds->folder;
    const char *train, *dir;
    int err;
    TRY(find_splits(f, p, &train, &dir));
    bool apart = train != dir;
    TRY(find_files(f, train, p->split == OCELLI_TEST ? dir : train));
    if (!apart && f->n > 0)
        hold_out(f, p->split, p->held_out > 0 ? p->held_out : HELD_OUT, p->seed);
    if (f->n == 0)
        TRY(fail(OCELLI_ERR_FORMAT, "%s: no JPEG or PNG file for the %s", p->dir,
                 p->split == OCELLI_TEST ? "test" : "training"));
out:
    return err;
}

static int check_params(const struct ocelli_dataset_params *p)
{
    if ((p->channels != 0 && p->channels != 1 && p->channels != 3) || p->height < 0 ||
        p->width < 0 || p->height > DATASET_MAX_EXTENT || p->width > DATASET_MAX_EXTENT)
        return fail(OCELLI_ERR_INVALID, "folder: images of %dx%dx%d are not to be had", p->channels,
                    p->height, p->width);
    if (!(p->held_out >= 0 && p->held_out < 1))
        return fail(OCELLI_ERR_INVALID, "folder: %g of the images held out: not in [0, 1)",
                    (double)p->held_out);
    return 0;
}

/* As the presets: 8/7 of the network's side, of which the middle is taken, or another part. */
static int with_margin(int side)
{
    return side == 227 ? 256 : (int)lround(side * 8 / 7.0);
}

int folder_open(struct ocelli_dataset *ds, const struct ocelli_dataset_params *p)
{
    int err;
    TRY(check_params(p));
    ds->folder = calloc(1, sizeof(*ds->folder));
    if (!ds->folder)
        return fail_memory();
    struct folder *f = ds->folder;
    TRY(read_folder(ds, p));
    f->bad = calloc((size_t)f->n, sizeof(*f->bad));
    ds->labels = malloc((size_t)f->n * sizeof(*ds->labels));
    if (!f->bad || !ds->labels)
        TRY(fail_memory());
    for (int i = 0; i < f->n; i++)
        ds->labels[i] = f->file[i].label;
    ds->info.count = f->n;
    ds->info.channels = p->channels ? p->channels : 3;
    ds->info.height = p->height ? p->height : SIDE;
    ds->info.width = p->width ? p->width : SIDE;
    ds->info.classes = f->n_classes;
    ds->info.class_names = f->classes;
    ds->height = with_margin(ds->info.height);
    ds->width = with_margin(ds->info.width);
out:
    return err;
}

/* ---- Use ---- */

int folder_pixels(const struct ocelli_dataset *ds, int64_t i, uint8_t *buf, bool *bad)
{
    struct folder *f = ds->folder;
    struct ocelli_image *image = NULL;
    int err = ocelli_image_read(&image, f->file[i].path, NULL);
    if (err && err != OCELLI_ERR_MEMORY) {
        if (atomic_exchange(&f->bad[i], 1) == 0)
            atomic_fetch_add(&f->n_bad, 1);
        if (bad)
            *bad = true;
    }
    if (!err)
        err = resample_cover(image, ds->info.channels, ds->height, ds->width, buf);
    ocelli_image_destroy(&image);
    return err;
}

int64_t folder_bad(const struct folder *f)
{
    return atomic_load(&f->n_bad);
}

/* Names, sizes and classes: reading all of them would take as long as an epoch. */
int folder_hash(const struct ocelli_dataset *ds, char hex[DATASET_HASH])
{
    const struct folder *f = ds->folder;
    struct hasher h;
    int err = hasher_init(&h);
    if (err)
        return err;
    for (int i = 0; i < f->n; i++) {
        struct stat st = {0};
        (void)stat(f->file[i].path, &st);
        int64_t size = st.st_size;
        hasher_add_str(&h, strrchr(f->file[i].path, '/'));
        hasher_add_str(&h, f->classes[f->file[i].label]);
        hasher_add(&h, &size, sizeof(size));
    }
    hasher_finish(&h, hex);
    return 0;
}
