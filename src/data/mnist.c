/* The MNIST family: four IDX files. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "data/dataset.h"

static const char *const prefixes[] = {[OCELLI_TRAIN] = "train", [OCELLI_TEST] = "t10k"};

/* Reads dir/<split>-<kind>-ubyte.gz, or without .gz where there is no such file. */
static int read_part(struct idx *x, const char *package, const char *dir, enum ocelli_split split,
                     const char *kind, int rank)
{
    struct text path = {0};
    int err = 0;
    text_add(&path, "%s/%s-%s-ubyte.gz", dir, prefixes[split], kind);
    if (!path.failed && access(path.s, F_OK) != 0) {
        path.s[path.len - 3] = 0;
        if (access(path.s, F_OK) != 0) {
            err = fail(OCELLI_ERR_IO, "%s.gz: no such file%s%s", path.s,
                       package ? "; it is in Debian's package " : "", package ? package : "");
            goto out;
        }
    }
    err = path.failed ? fail_memory() : idx_read(x, path.s, rank);
out:
    text_free(&path);
    return err;
}

static int check(const struct ocelli_dataset_info *in, const char *dir, const struct idx *images,
                 const struct idx *labels)
{
    const int64_t *d = images->dim;
    if (labels->dim[0] != d[0])
        return fail(OCELLI_ERR_FORMAT, "%s: %s: %" PRId64 " images but %" PRId64 " labels",
                    in->name, dir, d[0], labels->dim[0]);
    if (d[1] > DATASET_MAX_EXTENT || d[2] > DATASET_MAX_EXTENT)
        return fail(OCELLI_ERR_FORMAT,
                    "%s: %s: images of %" PRId64 "x%" PRId64 " pixels are above the "
                    "limit of %d",
                    in->name, dir, d[1], d[2], DATASET_MAX_EXTENT);
    for (int64_t i = 0; i < d[0]; i++)
        if (labels->data[i] >= in->classes)
            return fail(OCELLI_ERR_FORMAT,
                        "%s: %s: label %" PRId64 " is %d, not in 0..%d (at byte %" PRId64 ")",
                        in->name, dir, i, labels->data[i], in->classes - 1, 8 + i);
    return 0;
}

int mnist_open(struct ocelli_dataset *ds, const char *dir, const char *package,
               enum ocelli_split split)
{
    int err;
    struct idx images = {0}, labels = {0};
    TRY(read_part(&labels, package, dir, split, "labels-idx1", 1));
    TRY(read_part(&images, package, dir, split, "images-idx3", 3));
    TRY(check(&ds->info, dir, &images, &labels));
    ds->info.count = images.dim[0];
    ds->info.channels = 1;
    ds->info.height = (int)images.dim[1];
    ds->info.width = (int)images.dim[2];
    ds->labels = malloc((size_t)ds->info.count * sizeof(*ds->labels));
    if (!ds->labels)
        TRY(fail_memory());
    for (int64_t i = 0; i < ds->info.count; i++)
        ds->labels[i] = labels.data[i];
    ds->pixels = images.data;
    images.data = NULL;
out:
    idx_free(&images);
    idx_free(&labels);
    return err;
}
