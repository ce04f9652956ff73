#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ocelli/data.h>

#include "base/hash.h"
#include "data/idx.h"
#include "data/loader.h"
#include "idxfile.h"
#include "tempdir.h"
#include "test.h"

#define N 50 /* images of the small dataset */
#define H 3
#define W 4

static char dir[64], path[128];

static void setup(void)
{
    tempdir_make(dir);
    snprintf(path, sizeof(path), "%s/x", dir);
}

static void teardown(void)
{
    tempdir_remove(dir);
}

static uint8_t ramp(size_t i)
{
    return (uint8_t)(i * 7 + 3);
}

/* An image's pixels say its number. */
static uint8_t number(size_t i)
{
    return (uint8_t)(i / (H * W));
}

static uint8_t label(size_t i)
{
    return (uint8_t)(i * 3 % 10);
}

static uint8_t eleven(size_t i)
{
    return i == 17 ? 10 : 0;
}

static uint8_t *sample(size_t *bytes)
{
    return idx_bytes(3, (int[]){2, H, W}, ramp, bytes);
}

START_TEST(test_good)
{
    size_t bytes;
    uint8_t *b = sample(&bytes);
    for (int gzip = 0; gzip < 2; gzip++) {
        struct idx x;
        (gzip ? put_gzip : put_file)(path, b, bytes);
        assert_ok(idx_read(&x, path, 3));
        ck_assert(x.rank == 3 && x.dim[0] == 2 && x.dim[1] == H && x.dim[2] == W);
        ck_assert_uint_eq(x.bytes, 2 * H * W);
        for (size_t i = 0; i < x.bytes; i++)
            ck_assert_int_eq(x.data[i], ramp(i));
        idx_free(&x);
        assert_fails(idx_read(&x, path, 1), OCELLI_ERR_FORMAT, "not an IDX file");
        ck_assert_ptr_null(x.data);
    }
    free(b);
}
END_TEST

static uint8_t *slurp(size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    uint8_t *b = malloc(4096);
    *bytes = fread(b, 1, 4096, f);
    ck_assert_uint_lt(*bytes, 4096);
    fclose(f);
    return b;
}

/* Every length short of the whole: FORMAT, and the message says truncated. */
START_TEST(test_truncated)
{
    for (int gzip = 0; gzip < 2; gzip++) {
        size_t bytes;
        struct idx x;
        uint8_t *plain = sample(&bytes), *b;
        (gzip ? put_gzip : put_file)(path, plain, bytes);
        b = slurp(&bytes);
        for (size_t n = 0; n < bytes; n++) {
            put_file(path, b, n);
            ck_assert_msg(idx_read(&x, path, 3) == OCELLI_ERR_FORMAT, "%zu of %zu bytes pass", n,
                          bytes);
            ck_assert_msg(strstr(ocelli_error(), path) == ocelli_error() &&
                              strstr(ocelli_error(), ": truncated: "),
                          "%zu bytes: %s", n, ocelli_error());
        }
        free(b);
        free(plain);
    }
}
END_TEST

/* Every byte changed in three ways: no crash, no wrong header accepted; in a gzip stream the
 * checksum sees every change of content. */
START_TEST(test_flipped)
{
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    for (int gzip = 0; gzip < 2; gzip++) {
        size_t bytes, plain_bytes;
        uint8_t *plain = sample(&plain_bytes), *b;
        (gzip ? put_gzip : put_file)(path, plain, plain_bytes);
        b = slurp(&bytes);
        for (size_t i = 0; i < bytes; i++)
            for (int m = 0; m < 3; m++) {
                struct idx x;
                b[i] ^= masks[m];
                put_file(path, b, bytes);
                int err = idx_read(&x, path, 3);
                b[i] ^= masks[m];
                if (!gzip)
                    ck_assert_msg((err == OCELLI_ERR_FORMAT) == (i < 16), "byte %zu: %d", i, err);
                else if (!err) /* only what gzip itself does not look at: time, system */
                    ck_assert(memcmp(x.data, plain + 16, x.bytes) == 0);
                else
                    ck_assert_int_eq(err, OCELLI_ERR_FORMAT);
                idx_free(&x);
            }
        free(b);
        free(plain);
    }
}
END_TEST

START_TEST(test_hostile)
{
    struct idx x;
    uint8_t h[17] = {0,    0,    8,    3,    0xff, 0xff, 0xff, 0xff, 0xff,
                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
    put_file(path, h, sizeof(h));
    assert_fails(idx_read(&x, path, 3), OCELLI_ERR_FORMAT, "claims more than");
    memcpy(h + 4, (uint8_t[]){0x7f, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1}, 12); /* 2 GB */
    put_file(path, h, sizeof(h));
    assert_fails(idx_read(&x, path, 3), OCELLI_ERR_FORMAT, "claims more than");
    h[4] = 3; /* 50 MB claimed, 1 there */
    put_file(path, h, sizeof(h));
    assert_fails(idx_read(&x, path, 3), OCELLI_ERR_FORMAT, "truncated: 1 bytes");
    memset(h + 4, 0, 12);
    put_file(path, h, sizeof(h));
    assert_fails(idx_read(&x, path, 3), OCELLI_ERR_FORMAT, "extent 0 is 0");
    size_t bytes;
    uint8_t *b = sample(&bytes), *more = calloc(1, bytes + 1);
    memcpy(more, b, bytes);
    for (int gzip = 0; gzip < 2; gzip++) {
        (gzip ? put_gzip : put_file)(path, more, bytes + 1);
        assert_fails(idx_read(&x, path, 3), OCELLI_ERR_FORMAT, "more data");
    }
    free(more);
    free(b);
    assert_fails(idx_read(&x, dir, 3), OCELLI_ERR_IO, "directory");
    unlink(path);
    assert_fails(idx_read(&x, path, 3), OCELLI_ERR_IO, "No such file");
}
END_TEST

START_TEST(test_dataset)
{
    struct ocelli_dataset *ds;
    put_dataset(dir, "train", N, H, W, true, number, label);
    put_dataset(dir, "t10k", 7, H, W, false, number, label);
    assert_ok(ocelli_dataset_open(&ds, "mnist", dir, OCELLI_TRAIN));
    const struct ocelli_dataset_info *in = ocelli_dataset_get_info(ds);
    ck_assert_str_eq(in->name, "mnist");
    ck_assert(in->count == N && in->channels == 1 && in->height == H && in->width == W);
    ck_assert(in->classes == 10 && !strcmp(in->class_names[9], "nine"));
    uint8_t px[H * W];
    int l;
    for (int i = 0; i < N; i++) {
        assert_ok(ocelli_dataset_get(ds, i, px, &l));
        ck_assert(px[0] == i && px[H * W - 1] == i && l == i * 3 % 10);
    }
    assert_ok(ocelli_dataset_get(ds, 0, NULL, NULL));
    assert_fails(ocelli_dataset_get(ds, N, px, &l), OCELLI_ERR_INVALID, "no image 50");
    assert_fails(ocelli_dataset_get(ds, -1, px, &l), OCELLI_ERR_INVALID, "no image -1");
    ocelli_dataset_close(&ds);
    ck_assert_ptr_null(ds);
    ocelli_dataset_close(&ds);
    assert_ok(ocelli_dataset_open(&ds, "fashion-mnist", dir, OCELLI_TEST));
    ck_assert_int_eq(ocelli_dataset_get_info(ds)->count, 7);
    ck_assert_str_eq(ocelli_dataset_get_info(ds)->class_names[9], "ankle boot");
    ocelli_dataset_close(&ds);
}
END_TEST

START_TEST(test_dataset_failures)
{
    struct ocelli_dataset *ds;
    assert_fails(ocelli_dataset_open(&ds, "imagenet", dir, OCELLI_TRAIN), OCELLI_ERR_INVALID,
                 "fashion-mnist, mnist");
    ck_assert_ptr_null(ds);
    assert_fails(ocelli_dataset_open(&ds, "mnist", NULL, OCELLI_TRAIN), OCELLI_ERR_IO,
                 "--data-dir");
    assert_fails(ocelli_dataset_open(&ds, "fashion-mnist", "/no/such", OCELLI_TRAIN), OCELLI_ERR_IO,
                 "no folder /no/such");
    assert_fails(ocelli_dataset_open(&ds, "fashion-mnist", dir, OCELLI_TRAIN), OCELLI_ERR_IO,
                 "dataset-fashion-mnist");
    put_dataset(dir, "train", N, H, W, true, number, eleven);
    assert_fails(ocelli_dataset_open(&ds, "mnist", dir, OCELLI_TRAIN), OCELLI_ERR_FORMAT,
                 "label 17 is 10, not in 0..9 (at byte 25)");
    put_dataset(dir, "train", N, H, W, true, number, label);
    char labels[128];
    size_t bytes;
    uint8_t *b = idx_bytes(1, (int[]){N - 1}, label, &bytes);
    snprintf(labels, sizeof(labels), "%s/train-labels-idx1-ubyte.gz", dir);
    put_gzip(labels, b, bytes);
    free(b);
    assert_fails(ocelli_dataset_open(&ds, "mnist", dir, OCELLI_TRAIN), OCELLI_ERR_FORMAT,
                 "50 images but 49 labels");
}
END_TEST

static struct ocelli_dataset *open_small(void)
{
    struct ocelli_dataset *ds;
    put_dataset(dir, "train", N, H, W, false, number, label);
    assert_ok(ocelli_dataset_open(&ds, "mnist", dir, OCELLI_TRAIN));
    return ds;
}

/* Which image each place of a batch holds, checked through its pixels and label. */
static void read_batch(const struct batch *b, int batch, uint8_t *which)
{
    for (int i = 0; i < batch; i++) {
        float v = b->pixels[i * H * W];
        which[i] = (uint8_t)(v * 255 + 0.5f);
        for (int k = 0; k < H * W; k++)
            ck_assert(b->pixels[i * H * W + k] == (float)which[i] / 255.0f);
        ck_assert_int_eq(b->labels[i], label(which[i]));
    }
}

#define BATCH 8
#define STEPS (N / BATCH)
#define EPOCHS 3

static void read_all(struct ocelli_dataset *ds, uint64_t seed, int delay,
                     uint8_t which[EPOCHS * STEPS][BATCH])
{
    struct loader *l;
    assert_ok(
        loader_create(&l, ds, &(struct loader_params){BATCH, true, .seed = seed, .buffers = 3}));
    for (int i = 0; i < EPOCHS * STEPS; i++) {
        struct batch *b;
        if (delay)
            usleep((useconds_t)(i * 7919 % 5) * 300);
        assert_ok(loader_next(l, &b));
        ck_assert(b->epoch == i / STEPS && b->step == i % STEPS && b->count == BATCH);
        read_batch(b, BATCH, which[i]);
        loader_release(l, b);
    }
    loader_destroy(&l);
    ck_assert_ptr_null(l);
}

START_TEST(test_loader_order)
{
    static uint8_t a[EPOCHS * STEPS][BATCH], b[EPOCHS * STEPS][BATCH];
    struct ocelli_dataset *ds = open_small();
    read_all(ds, 5, 0, a);
    read_all(ds, 5, 1, b);
    ck_assert(memcmp(a, b, sizeof(a)) == 0);
    read_all(ds, 6, 0, b);
    ck_assert(memcmp(a, b, sizeof(a)) != 0);
    ck_assert(memcmp(a[0], a[STEPS], sizeof(a[0]) * STEPS) != 0);
    for (int e = 0; e < EPOCHS; e++) { /* no image twice in an epoch */
        bool seen[N] = {false};
        for (int i = 0; i < STEPS * BATCH; i++) {
            uint8_t w = a[e * STEPS + i / BATCH][i % BATCH];
            ck_assert(w < N && !seen[w]);
            seen[w] = true;
        }
    }
    /* Begun anywhere, also past an epoch's last batch, the rest is the same. */
    for (int start = 0; start < EPOCHS * STEPS; start++) {
        struct loader *l;
        struct batch *got;
        uint8_t which[BATCH];
        bool at_end = start % STEPS == 0 && start > 0;
        assert_ok(loader_create(
            &l, ds,
            &(struct loader_params){BATCH, true, .seed = 5,
                                    .epoch = at_end ? start / STEPS - 1 : start / STEPS,
                                    .step = at_end ? STEPS : start % STEPS}));
        for (int i = start; i < EPOCHS * STEPS && i < start + 4; i++) {
            assert_ok(loader_next(l, &got));
            read_batch(got, BATCH, which);
            ck_assert(memcmp(which, a[i], BATCH) == 0);
            loader_release(l, got);
        }
        loader_destroy(&l);
    }
    ocelli_dataset_close(&ds);
}
END_TEST

START_TEST(test_loader_sequence)
{
    struct ocelli_dataset *ds = open_small();
    struct loader *l;
    struct batch *b;
    int at = 0;
    ck_assert_int_eq(loader_steps(ds, BATCH, false), STEPS + 1);
    assert_ok(loader_create(&l, ds, &(struct loader_params){.batch = BATCH}));
    for (;;) {
        uint8_t which[BATCH];
        assert_ok(loader_next(l, &b));
        if (!b)
            break;
        ck_assert_int_eq(b->count, N - at < BATCH ? N - at : BATCH);
        read_batch(b, b->count, which);
        for (int i = 0; i < b->count; i++)
            ck_assert_int_eq(which[i], at++);
        for (int i = b->count; i < BATCH; i++)
            ck_assert(b->labels[i] == 0 && b->pixels[i * H * W] == 0);
        loader_release(l, b);
    }
    ck_assert_int_eq(at, N);
    assert_ok(loader_next(l, &b));
    ck_assert_ptr_null(b);
    loader_destroy(&l);
    ocelli_dataset_close(&ds);
}
END_TEST

/* A batch handed out is left alone until it is released; all out is an error, not a hang. */
START_TEST(test_loader_hold)
{
    struct ocelli_dataset *ds = open_small();
    struct loader *l;
    struct batch *b[3], *more;
    uint64_t sum[3];
    assert_ok(loader_create(&l, ds, &(struct loader_params){BATCH, true, .seed = 1, .buffers = 3}));
    for (int i = 0; i < 3; i++) {
        assert_ok(loader_next(l, &b[i]));
        sum[i] = hash64(b[i]->pixels, BATCH * H * W * sizeof(float), 0);
    }
    assert_fails(loader_next(l, &more), OCELLI_ERR_INVALID, "all 3");
    loader_release(l, b[1]);
    for (int i = 0; i < 20; i++) {
        assert_ok(loader_next(l, &more));
        ck_assert_ptr_eq(more, b[1]);
        loader_release(l, more);
    }
    ck_assert_uint_eq(sum[0], hash64(b[0]->pixels, BATCH * H * W * sizeof(float), 0));
    ck_assert_uint_eq(sum[2], hash64(b[2]->pixels, BATCH * H * W * sizeof(float), 0));
    loader_destroy(&l); /* with two still out */
    assert_fails(loader_create(&l, ds, &(struct loader_params){.batch = N + 1, .shuffle = true}),
                 OCELLI_ERR_INVALID, "do not make a batch of 51");
    assert_fails(loader_create(&l, ds, &(struct loader_params){BATCH, true, .step = STEPS + 1}),
                 OCELLI_ERR_INVALID, "no batch");
    assert_fails(loader_create(&l, ds, &(struct loader_params){.batch = 0}), OCELLI_ERR_INVALID,
                 "batch of 0");
    ocelli_dataset_close(&ds);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("data");
    TCase *t = tcase_create("data");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_good);
    tcase_add_test(t, test_truncated);
    tcase_add_test(t, test_flipped);
    tcase_add_test(t, test_hostile);
    tcase_add_test(t, test_dataset);
    tcase_add_test(t, test_dataset_failures);
    tcase_add_test(t, test_loader_order);
    tcase_add_test(t, test_loader_sequence);
    tcase_add_test(t, test_loader_hold);
    suite_add_tcase(s, t);
    return run_suite(s);
}
