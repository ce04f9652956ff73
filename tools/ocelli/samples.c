/* A few images of a dataset as files, to try a network on. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

/* "0-ankle-boot.png": the class in letters that need no quotes anywhere. */
static int sample_path(char path[PATH_MAX], const char *dir, int i, const char *label)
{
    int n = snprintf(path, PATH_MAX - sizeof(".png"), "%s/%d-%s", dir, i, label);

    if (n < 0 || n >= PATH_MAX - (int)sizeof(".png"))
        return cli_error("%s: %s", dir, strerror(ENAMETOOLONG));
    for (char *c = path + n - strlen(label); *c; c++)
        if (!isalnum((unsigned char)*c))
            *c = '-';
    strcat(path, ".png");
    return EXIT_DONE;
}

/* Datasets keep each colour by itself, pictures each pixel. */
static void interleave(const struct ocelli_dataset_info *info, const uint8_t *planes,
                       uint8_t *pixels)
{
    size_t area = (size_t)info->height * (size_t)info->width, channels = (size_t)info->channels;

    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < area; i++)
            pixels[i * channels + c] = planes[c * area + i];
}

int samples_write(const struct ocelli_dataset *ds, int n, const char *dir)
{
    const struct ocelli_dataset_info *info = ocelli_dataset_get_info(ds);
    size_t bytes = (size_t)info->channels * (size_t)info->height * (size_t)info->width;
    uint8_t *planes = malloc(bytes), *pixels = malloc(bytes);
    struct ocelli_image im = {info->width, info->height, info->channels, pixels};
    char path[PATH_MAX];
    int status = EXIT_DONE;

    if (!planes || !pixels)
        status = cli_error("%s: out of memory", dir);
    else if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        status = cli_error("%s: cannot make it: %s", dir, strerror(errno));
    for (int i = 0; status == EXIT_DONE && i < n && i < info->count; i++) {
        int label = 0, err;

        if ((err = ocelli_dataset_get(ds, i, planes, &label)) != 0) {
            if (ocelli_dataset_bad(ds) == 0) /* else it was said that some are skipped */
                status = cli_failed(NULL, err);
        } else if ((status = sample_path(path, dir, i, info->class_names[label])) == EXIT_DONE) {
            interleave(info, planes, pixels);
            if ((err = ocelli_image_write(&im, path)) != 0)
                status = cli_failed(NULL, err);
        }
    }
    free(planes);
    free(pixels);
    return status;
}

int data_open(const struct cli *cli, const struct data_args *a, const int image[3],
              enum ocelli_split split, struct ocelli_dataset **out)
{
    struct ocelli_dataset_params p = {
        .dir = a->dir,
        .split = split,
        .channels = image[0] == 1 ? 1 : 3,
        .height = a->image_size ? a->image_size : image[1],
        .width = a->image_size ? a->image_size : image[2],
        .held_out = a->held_out,
        .seed = cli->seed,
        .skip_bad = a->skip_bad,
    };
    int err = ocelli_dataset_open_with(out, a->name, &p);

    return err ? cli_failed(NULL, err) : EXIT_DONE;
}

void data_report(const struct cli *cli, const struct ocelli_dataset *a, const struct ocelli_dataset *b)
{
    int64_t bad = (a ? ocelli_dataset_bad(a) : 0) + (b ? ocelli_dataset_bad(b) : 0);

    if (bad > 0 && !cli->quiet)
        fprintf(stderr, "ocelli: %lld images could not be read and were skipped\n", (long long)bad);
}
