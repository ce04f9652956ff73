/* Datasets of coloured images: CIFAR-10's records, and folders of pictures. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <ocelli/data.h>
#include <ocelli/image.h>

#include "data/augment.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "data/resample.h"
#include "idxfile.h"
#include "tempdir.h"
#include "test.h"

static char dir[64];

static void setup(void)
{
    tempdir_make(dir);
}

static void teardown(void)
{
    tempdir_remove(dir);
}

static const char *in_dir(const char *name)
{
    static char path[4][256];
    static int i;
    i = (i + 1) % 4;
    snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
    return path[i];
}

/* ---- CIFAR-10 ---- */

enum { RECORD = 1 + 3 * 32 * 32 };

/* Records whose label and bytes tell their number. */
static void put_records(const char *name, int first, int n, size_t bytes)
{
    static uint8_t data[8 * RECORD];
    for (int i = 0; i < n; i++) {
        data[i * RECORD] = (uint8_t)((first + i) % 10);
        for (int k = 1; k < RECORD; k++)
            data[i * RECORD + k] = (uint8_t)(first + i + k % 7);
    }
    put_file(in_dir(name), data, bytes ? bytes : (size_t)n * RECORD);
}

START_TEST(test_cifar10)
{
    struct ocelli_dataset *ds;
    uint8_t pixels[RECORD];
    int label;
    put_records("data_batch_1.bin", 0, 5, 0);
    put_records("data_batch_2.bin", 5, 3, 0);
    put_records("test_batch.bin", 20, 2, 0);
    assert_ok(ocelli_dataset_open(&ds, "cifar10", dir, OCELLI_TRAIN));
    const struct ocelli_dataset_info *in = ocelli_dataset_get_info(ds);
    ck_assert(in->count == 8 && in->channels == 3 && in->height == 32 && in->width == 32);
    ck_assert(in->classes == 10 && strcmp(in->class_names[6], "frog") == 0);
    for (int i = 0; i < 8; i++) {
        assert_ok(ocelli_dataset_get(ds, i, pixels, &label));
        ck_assert_int_eq(label, i % 10);
        for (int k = 1; k < RECORD; k++)
            ck_assert_int_eq(pixels[k - 1], i + k % 7);
    }
    ocelli_dataset_close(&ds);
    assert_ok(ocelli_dataset_open(&ds, "cifar10", dir, OCELLI_TEST));
    ck_assert_int_eq(ocelli_dataset_get_info(ds)->count, 2);
    ocelli_dataset_close(&ds);
    put_records("data_batch_2.bin", 5, 3, 3 * RECORD - 1);
    assert_fails(ocelli_dataset_open(&ds, "cifar10", dir, OCELLI_TRAIN), OCELLI_ERR_FORMAT,
                 "data_batch_2.bin: 9218 bytes");
    put_file(in_dir("data_batch_2.bin"), "", 0);
    assert_fails(ocelli_dataset_open(&ds, "cifar10", dir, OCELLI_TRAIN), OCELLI_ERR_FORMAT,
                 "data_batch_2.bin");
    uint8_t bad[RECORD] = {10};
    put_file(in_dir("data_batch_2.bin"), bad, sizeof(bad));
    assert_fails(ocelli_dataset_open(&ds, "cifar10", dir, OCELLI_TRAIN), OCELLI_ERR_FORMAT,
                 "label 0 is 10, not in 0..9 (at byte 0)");
    remove(in_dir("test_batch.bin"));
    assert_fails(ocelli_dataset_open(&ds, "cifar10", dir, OCELLI_TEST), OCELLI_ERR_IO,
                 "test_batch.bin");
    assert_fails(ocelli_dataset_open(&ds, "cifar10", NULL, OCELLI_TEST), OCELLI_ERR_IO,
                 "--data-dir");
}
END_TEST

/* ---- Resampling ---- */

static struct ocelli_image picture(int height, int width, int channels, uint8_t *pixels)
{
    return (struct ocelli_image){width, height, channels, pixels};
}

START_TEST(test_resample)
{
    uint8_t src[40 * 60 * 3], dst[3 * 20 * 20];
    /* Same size: the same bytes, in planes. */
    for (int i = 0; i < 20 * 20 * 3; i++)
        src[i] = (uint8_t)(i * 31 % 251);
    struct ocelli_image p = picture(20, 20, 3, src);
    assert_ok(resample_cover(&p, 3, 20, 20, dst));
    for (int i = 0; i < 400; i++)
        for (int c = 0; c < 3; c++)
            ck_assert_int_eq(dst[c * 400 + i], src[i * 3 + c]);
    /* A plane in x and y stays one, and the middle of the longer side is taken. */
    for (int y = 0; y < 40; y++)
        for (int x = 0; x < 60; x++)
            src[y * 60 + x] = (uint8_t)(x * 3 + y);
    p = picture(40, 60, 1, src);
    assert_ok(resample_cover(&p, 3, 20, 20, dst));
    for (int y = 1; y < 19; y++)
        for (int x = 1; x < 19; x++)
            for (int c = 0; c < 3; c++) {
                double want = 3 * (2 * (x + 5) + 0.5) + 2 * y + 0.5;
                ck_assert(fabs(dst[c * 400 + y * 20 + x] - want) <= 0.5 + 1e-3);
            }
    /* Larger than the picture, and grey of a colour. */
    uint8_t red[12] = {255, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0};
    p = picture(2, 2, 3, red);
    assert_ok(resample_cover(&p, 1, 20, 20, dst));
    for (int i = 0; i < 400; i++)
        ck_assert_int_eq(dst[i], 76); /* 0.299 * 255 */
}
END_TEST

/* ---- Folders ---- */

enum { SIDE = 14, KEPT = 16, PER_CLASS = 6 }; /* 8/7 */

static const char *const classes[] = {"ant", "bee", "cow"};

/* A picture of one colour that tells class and number. */
static void put_picture(const char *path, int class, int i)
{
    uint8_t pixels[18 * 20 * 3];
    for (int k = 0; k < 18 * 20; k++) {
        pixels[3 * k] = (uint8_t)(60 * class + 20);
        pixels[3 * k + 1] = (uint8_t)(10 * i);
        pixels[3 * k + 2] = 99;
    }
    struct ocelli_image p = picture(18, 20, 3, pixels);
    assert_ok(ocelli_image_write(&p, path));
}

static void put_folder(const char *sub, int per_class)
{
    char path[512];
    mkdir(in_dir(sub), 0700);
    for (int c = 0; c < 3; c++) {
        snprintf(path, sizeof(path), "%s/%s", in_dir(sub), classes[c]);
        mkdir(path, 0700);
        for (int i = 0; i < per_class; i++) {
            snprintf(path, sizeof(path), "%s/%s/%d.png", in_dir(sub), classes[c], i);
            put_picture(path, c, i);
        }
        snprintf(path, sizeof(path), "%s/%s/notes.txt", in_dir(sub), classes[c]);
        put_file(path, "no picture", 10);
    }
}

static struct ocelli_dataset_params folder_params(const char *sub, enum ocelli_split split)
{
    return (struct ocelli_dataset_params){
        .dir = sub, .split = split, .height = SIDE, .width = SIDE, .held_out = 0.25f, .seed = 4};
}

static void check_image(struct ocelli_dataset *ds, int64_t i)
{
    uint8_t pixels[3 * SIDE * SIDE];
    int label;
    assert_ok(ocelli_dataset_get(ds, i, pixels, &label));
    ck_assert_int_eq(pixels[0], 60 * label + 20);
    for (int k = 0; k < SIDE * SIDE; k++)
        ck_assert(pixels[k] == pixels[0] && pixels[2 * SIDE * SIDE + k] == 99);
}

START_TEST(test_folder)
{
    struct ocelli_dataset *ds;
    struct ocelli_dataset_params p = folder_params(dir, OCELLI_TRAIN);
    put_folder("train", PER_CLASS);
    put_folder("val", 2);
    assert_ok(ocelli_dataset_open_with(&ds, "folder", &p));
    const struct ocelli_dataset_info *in = ocelli_dataset_get_info(ds);
    ck_assert(in->count == 3 * PER_CLASS && in->channels == 3 && in->height == SIDE);
    ck_assert(in->classes == 3 && strcmp(in->class_names[1], "bee") == 0);
    ck_assert(ds->height == KEPT && ds->width == KEPT);
    for (int i = 0; i < in->count; i++)
        check_image(ds, i);
    assert_fails(ocelli_dataset_get(ds, in->count, NULL, NULL), OCELLI_ERR_INVALID, "no image 18");
    ocelli_dataset_close(&ds);
    p.split = OCELLI_TEST;
    assert_ok(ocelli_dataset_open_with(&ds, "folder", &p));
    ck_assert_int_eq(ocelli_dataset_get_info(ds)->count, 6);
    ocelli_dataset_close(&ds);
    mkdir(in_dir("val/dog"), 0700);
    assert_fails(ocelli_dataset_open_with(&ds, "folder", &p), OCELLI_ERR_FORMAT, "val/dog");
    p.dir = in_dir("val/ant");
    assert_fails(ocelli_dataset_open_with(&ds, "folder", &p), OCELLI_ERR_FORMAT, "val/ant");
    p = folder_params(dir, OCELLI_TRAIN);
    p.channels = 2;
    assert_fails(ocelli_dataset_open_with(&ds, "folder", &p), OCELLI_ERR_INVALID, "2x14x14");
}
END_TEST

/* Without a folder for testing: both parts together are everything, the seed says which is which.
 */
START_TEST(test_held_out)
{
    char hex[4][DATASET_HASH];
    put_folder("all", PER_CLASS);
    for (int k = 0; k < 4; k++) {
        struct ocelli_dataset *ds;
        struct ocelli_dataset_params p =
            folder_params(in_dir("all"), k % 2 ? OCELLI_TEST : OCELLI_TRAIN);
        p.seed = k < 2 ? 4 : 5;
        assert_ok(ocelli_dataset_open_with(&ds, "folder", &p));
        int64_t n = ocelli_dataset_get_info(ds)->count;
        ck_assert_int_eq(n, k % 2 ? 4 : 14); /* a quarter of 18, rounded to even */
        for (int i = 0; i < n; i++)
            check_image(ds, i);
        assert_ok(dataset_hash(ds, hex[k]));
        ocelli_dataset_close(&ds);
    }
    ck_assert_str_ne(hex[0], hex[2]);
    ck_assert_str_ne(hex[1], hex[3]);
}
END_TEST

enum { BATCH = 4, BATCHES = 12 };

static int read_batches(struct ocelli_dataset *ds, int threads, bool shuffle, float *pixels,
                        int *labels)
{
    struct loader *l;
    struct batch *b;
    int n = 0, err = 0;
    struct loader_params p = {.batch = BATCH,
                              .shuffle = shuffle,
                              .group = 2,
                              .seed = 9,
                              .threads = threads,
                              .buffers = 5};
    p.augment = (struct ocelli_augment){.flip = true, .crop = 2, .color = 0.2f};
    assert_ok(loader_create(&l, ds, &p));
    while (n < BATCHES && (err = loader_next(l, &b)) == 0 && b) {
        memcpy(pixels + n * BATCH * 3 * SIDE * SIDE, b->pixels,
               BATCH * 3 * SIDE * SIDE * sizeof(float));
        for (int i = 0; i < BATCH; i++)
            labels[n * BATCH + i] = i < b->count ? b->labels[i] : -2;
        if (shuffle)
            ck_assert_msg(b->epoch == n / 4 && b->step == n % 4, "batch %d is %d of epoch %d", n,
                          (int)b->step, (int)b->epoch); /* 18 images: 4 batches */
        n++;
        loader_release(l, b);
    }
    loader_destroy(&l);
    return err;
}

START_TEST(test_threads)
{
    static float pixels[3][BATCHES * BATCH * 3 * SIDE * SIDE];
    int labels[3][BATCHES * BATCH];
    static const int threads[3] = {1, 2, 5};
    struct ocelli_dataset *ds;
    struct ocelli_dataset_params p = folder_params(dir, OCELLI_TRAIN);
    put_folder("train", PER_CLASS);
    put_folder("test", 1);
    assert_ok(ocelli_dataset_open_with(&ds, "folder", &p));
    for (int k = 0; k < 3; k++)
        assert_ok(read_batches(ds, threads[k], true, pixels[k], labels[k]));
    for (int k = 1; k < 3; k++) {
        ck_assert_mem_eq(pixels[0], pixels[k], sizeof(pixels[0]));
        ck_assert_mem_eq(labels[0], labels[k], sizeof(labels[0]));
    }
    ck_assert(memcmp(pixels[0], pixels[0] + 4 * BATCH * 3 * SIDE * SIDE, sizeof(float) * 16) != 0);
    ocelli_dataset_close(&ds);
}
END_TEST

START_TEST(test_bad_pictures)
{
    static float pixels[BATCHES * BATCH * 3 * SIDE * SIDE];
    int labels[BATCHES * BATCH], left_out = 0, seen = 0;
    struct ocelli_dataset *ds;
    struct ocelli_dataset_params p = folder_params(dir, OCELLI_TRAIN);
    put_folder("train", PER_CLASS);
    put_folder("test", 1);
    put_file(in_dir("train/bee/3.png"), "\x89PNG\r\n\x1a\n damaged", 16);
    assert_ok(ocelli_dataset_open_with(&ds, "folder", &p));
    assert_fails(read_batches(ds, 2, false, pixels, labels), OCELLI_ERR_FORMAT, "train/bee/3.png");
    ocelli_dataset_close(&ds);
    p.skip_bad = true;
    assert_ok(ocelli_dataset_open_with(&ds, "folder", &p));
    ck_assert_int_eq(ocelli_dataset_bad(ds), 0);
    assert_ok(read_batches(ds, 2, true, pixels, labels));
    for (int i = 0; i < BATCHES * BATCH; i++)
        ck_assert(labels[i] >= 0); /* another one in its place */
    assert_ok(read_batches(ds, 2, false, pixels, labels));
    for (int i = 0; i < 5 * BATCH; i++) {
        left_out += labels[i] == -1;
        seen += labels[i] >= 0;
    }
    ck_assert(left_out == 1 && seen == 17);
    ck_assert_int_eq(ocelli_dataset_bad(ds), 1);
    ocelli_dataset_close(&ds);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("folder");
    TCase *t = tcase_create("folder");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_cifar10);
    tcase_add_test(t, test_resample);
    tcase_add_test(t, test_folder);
    tcase_add_test(t, test_held_out);
    tcase_add_test(t, test_threads);
    tcase_add_test(t, test_bad_pictures);
    suite_add_tcase(s, t);
    return run_suite(s);
}
