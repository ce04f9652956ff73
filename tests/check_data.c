#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ocelli/data.h>

#include "base/hash.h"
#include "data/idx.h"
#include "data/augment.h"
#include "data/dataset.h"
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

/* ---- Augmentation: a dataset whose pixels say where they are ---- */

enum { AN = 40, AC = 3, AH = 6, AW = 5 };

static uint8_t place(int image, int c, int y, int x)
{
    return (uint8_t)(1 + (image * 7 + c * 50 + y * AW + x) % 200);
}

/* Three channels in memory: no file format that is read here has them. */
static struct ocelli_dataset colored(uint8_t *pixels, int32_t *labels)
{
    for (int i = 0; i < AN; i++) {
        labels[i] = i % 10;
        for (int c = 0; c < AC; c++)
            for (int y = 0; y < AH; y++)
                for (int x = 0; x < AW; x++)
                    *pixels++ = place(i, c, y, x);
    }
    return (struct ocelli_dataset){
        .info = {"colored", AN, AC, AH, AW, 10, NULL},
        .height = AH,
        .width = AW,
        .pixels = pixels - AN * AC * AH * AW,
        .labels = labels,
        .image_bytes = AC * AH * AW,
    };
}

/* How image i came out: mirrored or not, moved by dy and dx; false: in no way that is allowed. */
static bool find_change(const float *got, int i, int crop, bool *flip, int *dy, int *dx)
{
    for (int m = 0; m < 2 * (2 * crop + 1) * (2 * crop + 1); m++) {
        bool same = true;
        *flip = m & 1;
        *dy = m / 2 / (2 * crop + 1) - crop;
        *dx = m / 2 % (2 * crop + 1) - crop;
        for (int k = 0; same && k < AC * AH * AW; k++) {
            int y = k / AW % AH + *dy, x = (*flip ? AW - 1 - k % AW : k % AW) + *dx;
            bool inside = y >= 0 && y < AH && x >= 0 && x < AW;
            float want = inside ? (float)place(i, k / AW / AH, y, x) / 255.0f : 0;
            same = got[k] == want;
        }
        if (same)
            return true;
    }
    return false;
}

START_TEST(test_flip_and_crop)
{
    uint8_t pixels[AN * AC * AH * AW];
    int32_t labels[AN];
    struct ocelli_dataset ds = colored(pixels, labels);
    struct augmenter a;
    int flips = 0, moved[2][5] = {{0}};
    assert_ok(augment_init(&a, &ds, &(struct ocelli_augment){.flip = true, .crop = 2}, 5));
    for (int epoch = 0; epoch < 10; epoch++) {
        for (int i = 0; i < AN; i++) {
            float got[AC * AH * AW], again[AC * AH * AW];
            bool flip;
            int dy, dx;
            augment_image(&a, epoch, i, pixels + i * AC * AH * AW, got);
            augment_image(&a, epoch, i, pixels + i * AC * AH * AW, again);
            ck_assert_mem_eq(got, again, sizeof(got));
            ck_assert_msg(find_change(got, i, 2, &flip, &dy, &dx), "image %d", i);
            flips += flip;
            moved[0][dy + 2]++;
            moved[1][dx + 2]++;
        }
    }
    ck_assert(flips > 150 && flips < 250); /* of 400 */
    for (int d = 0; d < 5; d++)
        ck_assert(moved[0][d] > 40 && moved[0][d] < 130 && moved[1][d] > 40 && moved[1][d] < 130);
}
END_TEST

/* Colours change by one affine function an image and channel, within the bounds; not more than that. */
START_TEST(test_colors)
{
    uint8_t pixels[AN * AC * AH * AW];
    int32_t labels[AN];
    struct ocelli_dataset ds = colored(pixels, labels);
    struct augmenter a;
    double spread = 0;
    assert_ok(augment_init(&a, &ds, &(struct ocelli_augment){.color = 0.1f}, 5));
    for (int i = 0; i < AN; i++) {
        float got[AC * AH * AW], first = 0;
        augment_image(&a, 3, i, pixels + i * AC * AH * AW, got);
        for (int c = 0; c < AC; c++) {
            const float *v = got + c * AH * AW;
            const uint8_t *u = pixels + (i * AC + c) * AH * AW;
            int p = -1, q = -1; /* the darkest and the lightest that were not clamped */
            for (int k = 0; k < AH * AW; k++) {
                if (v[k] <= 0 || v[k] >= 1)
                    continue;
                p = p < 0 || u[k] < u[p] ? k : p;
                q = q < 0 || u[k] > u[q] ? k : q;
            }
            ck_assert(p >= 0 && u[p] < u[q]);
            float slope = (v[q] - v[p]) * 255 / (float)(u[q] - u[p]);
            ck_assert(slope > 0.899f && slope < 1.101f);
            first = c == 0 ? slope : first;
            ck_assert(fabsf(slope - first) < 1e-3f); /* one contrast for all channels */
            spread += fabs((double)v[p] - u[p] / 255.0);
        }
    }
    ck_assert(spread / (AN * AC) > 1e-3 && spread / (AN * AC) < 0.2);
}
END_TEST

/* The principal components of colours that lie on a line are that line. */
START_TEST(test_principal_colors)
{
    uint8_t pixels[AN * AC * AH * AW];
    int32_t labels[AN];
    struct ocelli_dataset ds = colored(pixels, labels);
    struct augmenter a;
    for (int i = 0; i < AN; i++)
        for (int k = 0; k < AH * AW; k++)
            for (int c = 0; c < AC; c++)
                pixels[(i * AC + c) * AH * AW + k] = (uint8_t)((c + 1) * ((i * 31 + k * 17) % 80));
    assert_ok(augment_init(&a, &ds, &(struct ocelli_augment){.color = 0.1f}, 5));
    for (int k = 0, found = 0; k < 3; k++) {
        const float *v = a.principal[k];
        float size = sqrtf(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
        if (size < 1e-3f)
            continue;
        ck_assert_int_eq(found++, 0);
        ck_assert(fabsf(v[1] / v[0] - 2) < 1e-3f && fabsf(v[2] / v[0] - 3) < 1e-3f);
        ck_assert(fabsf(size - 0.339f) < 0.02f); /* 80 / sqrt(12) * sqrt(14) / 255 */
    }
    assert_fails(augment_init(&a, &ds, &(struct ocelli_augment){.crop = AW}, 5), OCELLI_ERR_INVALID,
                 "crop by 5");
    assert_fails(augment_init(&a, &ds, &(struct ocelli_augment){.color = -1}, 5), OCELLI_ERR_INVALID,
                 "color -1");
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
    tcase_add_test(t, test_flip_and_crop);
    tcase_add_test(t, test_colors);
    tcase_add_test(t, test_principal_colors);
    suite_add_tcase(s, t);
    return run_suite(s);
}
