#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ocelli/version.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/shape.h"
#include "tempdir.h"
#include "test.h"

static char dir[64];

static void make_dir(void)
{
    tempdir_make(dir);
}

static void remove_dir(void)
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

START_TEST(test_sizes)
{
    size_t r = 7;
    ck_assert(mul_size(3, 5, &r) && r == 15);
    ck_assert(!mul_size(SIZE_MAX, 2, &r));
    ck_assert(!mul_size(SIZE_MAX / 2 + 1, 2, &r));
    ck_assert(mul_size(SIZE_MAX, 1, &r) && r == SIZE_MAX);
    ck_assert(add_size(SIZE_MAX - 1, 1, &r) && r == SIZE_MAX);
    ck_assert(!add_size(SIZE_MAX, 1, &r));
    ck_assert_uint_eq(div_up(0, 4), 0);
    ck_assert_uint_eq(div_up(SIZE_MAX, 2), SIZE_MAX / 2 + 1);
    ck_assert_uint_eq(round_up(9, 8), 16);
    ck_assert_uint_eq(round_up(16, 8), 16);
}
END_TEST

START_TEST(test_grow)
{
    int *a = NULL, cap = 0;
    for (int i = 0; i < 1000; i++) {
        assert_ok(grow(&a, &cap, i + 1, sizeof(*a)));
        ck_assert_int_ge(cap, i + 1);
        ck_assert_int_eq(a[i], 0);
        a[i] = i + 1;
    }
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(a[i], i + 1);
    int before = cap;
    assert_fails(grow(&a, &cap, INT_MAX, SIZE_MAX / 4), OCELLI_ERR_MEMORY, "memory");
    ck_assert_int_eq(cap, before);
    ck_assert_int_eq(a[999], 1000);
    free(a);
}
END_TEST

START_TEST(test_arena)
{
    struct arena a = {0};
    char *all[300];
    for (int i = 0; i < 300; i++) {
        size_t n = (size_t)(i * 37 % 5000);
        all[i] = arena_alloc(&a, n);
        ck_assert_ptr_nonnull(all[i]);
        ck_assert_uint_eq((uintptr_t)all[i] % _Alignof(max_align_t), 0);
        bool zero = true;
        for (size_t k = 0; k < n; k++)
            zero &= all[i][k] == 0;
        ck_assert(zero);
        memset(all[i], i & 0x7f, n);
    }
    for (int i = 0; i < 300; i++) {
        bool kept = true;
        for (size_t k = 0; k < (size_t)(i * 37 % 5000); k++)
            kept &= all[i][k] == (i & 0x7f);
        ck_assert(kept);
    }
    ck_assert_str_eq(arena_str(&a, "word"), "word");
    ck_assert_str_eq(arena_printf(&a, "%d-%s", 5, "x"), "5-x");
    ck_assert(memcmp(arena_copy(&a, "abc", 3), "abc", 3) == 0);
    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX - 8));
    arena_free(&a);
    ck_assert_ptr_null(a.blocks);
}
END_TEST

START_TEST(test_text)
{
    struct text t = {0};
    for (int i = 0; i < 100; i++)
        text_add(&t, "%d,", i);
    ck_assert(!t.failed);
    ck_assert_uint_eq(t.len, strlen(t.s));
    ck_assert_uint_eq(t.len, 10 * 2 + 90 * 3);
    ck_assert(strncmp(t.s, "0,1,2,", 6) == 0);
    text_free(&t);
    ck_assert_ptr_null(t.s);
}
END_TEST

static void *other_thread(void *arg)
{
    (void)arg;
    fail(OCELLI_ERR_IO, "another thread's");
    return NULL;
}

START_TEST(test_errors)
{
    pthread_t t;
    ck_assert_int_eq(fail(OCELLI_ERR_IO, "%s: broken", "file"), OCELLI_ERR_IO);
    ck_assert_str_eq(ocelli_error(), "file: broken");
    ck_assert_int_eq(fail_in(OCELLI_ERR_IO, "layer %d", 3), OCELLI_ERR_IO);
    ck_assert_str_eq(ocelli_error(), "layer 3: file: broken");
    ck_assert_int_eq(pthread_create(&t, NULL, other_thread, NULL), 0);
    pthread_join(t, NULL);
    ck_assert_str_eq(ocelli_error(), "layer 3: file: broken");
    fail(OCELLI_ERR_IO, "%s again", ocelli_error());
    ck_assert_str_eq(ocelli_error(), "layer 3: file: broken again");
    fail(OCELLI_ERR_IO, "two\nlines \033[2J");
    ck_assert_str_eq(ocelli_error(), "two lines  [2J");
    for (int i = 0; i >= OCELLI_ERR_CANCELLED; i--)
        for (int k = i + 1; k <= 0; k++)
            ck_assert_str_ne(ocelli_strerror(i), ocelli_strerror(k));
    ck_assert_str_eq(ocelli_strerror(1), ocelli_strerror(-1000));
    ck_assert_str_eq(ocelli_version(), "0.1.0");
}
END_TEST

static void keep_log(void *user, enum ocelli_log_level level, const char *message)
{
    ck_assert_int_eq(level, OCELLI_LOG_INFO);
    *(size_t *)user = strlen(message);
}

START_TEST(test_log)
{
    size_t len = 0;
    char *s = malloc(5000);
    memset(s, 'x', 4999);
    s[4999] = 0;
    log_to(&(struct log){keep_log, &len}, OCELLI_LOG_INFO, "%s", s);
    ck_assert_uint_eq(len, 4999);
    log_to(&(struct log){keep_log, &len}, OCELLI_LOG_INFO, "%d", 12);
    ck_assert_uint_eq(len, 2);
    log_to(NULL, OCELLI_LOG_INFO, "nowhere");
    log_to(&(struct log){0}, OCELLI_LOG_INFO, "nowhere");
    free(s);
}
END_TEST

static int entries(void)
{
    return tempdir_entries(dir);
}

START_TEST(test_file)
{
    char *s;
    size_t n;
    const char *p = in_dir("file");
    assert_ok(file_replace(p, "old", 3, 0600));
    assert_ok(file_read(p, 100, &s, &n));
    ck_assert_uint_eq(n, 3);
    ck_assert_str_eq(s, "old");
    free(s);
    struct file_writer w;
    assert_ok(file_create(&w, p, 0600));
    assert_ok(file_write(&w, "new", 3));
    assert_ok(file_read(p, 3, &s, &n));
    ck_assert_str_eq(s, "old"); /* until committed */
    free(s);
    ck_assert_int_eq(entries(), 2);
    assert_ok(file_commit(&w));
    file_discard(&w);
    ck_assert_int_eq(entries(), 1);
    assert_ok(file_read(p, 3, &s, &n));
    ck_assert_str_eq(s, "new");
    free(s);
    assert_ok(file_create(&w, p, 0600));
    assert_ok(file_write(&w, "never", 5));
    file_discard(&w);
    file_discard(&w);
    ck_assert_int_eq(entries(), 1);
    assert_fails(file_read(p, 2, &s, &n), OCELLI_ERR_FORMAT, "limit");
    ck_assert_ptr_null(s);
    assert_ok(file_replace(p, "", 0, 0600));
    assert_ok(file_read(p, 0, &s, &n));
    ck_assert_uint_eq(n, 0);
    free(s);
    struct stat st;
    ck_assert_int_eq(stat(p, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(test_file_failures)
{
    char *s;
    size_t n;
    assert_fails(file_replace(in_dir("no/such/file"), "x", 1, 0600), OCELLI_ERR_IO, "No such file");
    assert_fails(file_read(in_dir("none"), 9, &s, &n), OCELLI_ERR_IO, "none: cannot open");
    assert_fails(file_read(dir, 9, &s, &n), OCELLI_ERR_IO, "directory");
    ck_assert_int_eq(mkdir(in_dir("taken"), 0700), 0);
    assert_fails(file_replace(in_dir("taken"), "x", 1, 0600), OCELLI_ERR_IO,
                 "taken: cannot replace");
    ck_assert_int_eq(entries(), 1);
    /* A device without end, and one without room. */
    assert_fails(file_read("/dev/zero", 1 << 20, &s, &n), OCELLI_ERR_FORMAT, "limit");
    struct file_writer w = {.fd = open("/dev/full", O_WRONLY), .path = strdup("full.csv")};
    if (w.fd >= 0)
        assert_fails(file_write(&w, "x", 1), OCELLI_ERR_IO,
                     "full.csv: cannot write: No space left");
    file_discard(&w);
}
END_TEST

/* A disk that fills up in the middle of a write: the old file stays, nothing else is left. */
START_TEST(test_file_no_room)
{
    static char big[20000];
    char *s;
    size_t n;
    struct rlimit was, small;
    assert_ok(file_replace(in_dir("a"), "old", 3, 0600));
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
    small = was;
    small.rlim_cur = 10000;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    int err = file_replace(in_dir("a"), big, sizeof(big), 0600);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
    ck_assert_int_eq(err, OCELLI_ERR_IO);
    ck_assert_ptr_nonnull(strstr(ocelli_error(), "/a: cannot write: "));
    ck_assert_int_eq(entries(), 1);
    assert_ok(file_read(in_dir("a"), 3, &s, &n));
    ck_assert_str_eq(s, "old");
    free(s);
}
END_TEST

/* What a killed writer left goes with the next write of the same file; a living one's stays. */
START_TEST(test_file_sweep)
{
    struct file_writer w;
    const char *left = in_dir(".a.0123456789abcdef.tmp"),
               *other = in_dir(".b.0123456789abcdef.tmp");
    close(open(left, O_CREAT | O_WRONLY, 0600));
    close(open(other, O_CREAT | O_WRONLY, 0600));
    assert_ok(file_create(&w, in_dir("a"), 0600));
    ck_assert_int_ne(access(left, F_OK), 0);
    ck_assert_int_eq(access(other, F_OK), 0);
    assert_ok(file_replace(in_dir("a"), "2", 1, 0600));
    ck_assert_int_eq(access(w.tmp, F_OK), 0);
    assert_ok(file_commit(&w));
    ck_assert_int_eq(entries(), 2);
}
END_TEST

START_TEST(test_dir_create)
{
    struct stat st;
    assert_ok(dir_create(in_dir("x/y//z/"), 0700));
    ck_assert(stat(in_dir("x/y/z"), &st) == 0 && S_ISDIR(st.st_mode));
    assert_ok(dir_create(in_dir("x/y"), 0700));
    assert_ok(file_replace(in_dir("plain"), "x", 1, 0600));
    assert_fails(dir_create(in_dir("plain"), 0700), OCELLI_ERR_IO, "Not a directory");
    assert_fails(dir_create(in_dir("plain/deeper"), 0700), OCELLI_ERR_IO, "Not a directory");
}
END_TEST

/* The values are part of what checkpoints and caches mean: they must not change between versions.
 */
START_TEST(test_hash)
{
    char hex[33], again[33];
    struct hasher h;
    ck_assert_uint_eq(hash64("", 0, 0), 0x2d06800538d394c2u); /* XXH3's published value */
    ck_assert_uint_ne(hash64("a", 1, 0), hash64("a", 1, 1));
    const char *const pieces[][2] = {{"ab", "c"}, {"a", "bc"}, {"abc", ""}, {"", "abc"}};
    for (int i = 0; i < 4; i++) {
        assert_ok(hasher_init(&h));
        hasher_add_str(&h, pieces[i][0]);
        hasher_add_str(&h, pieces[i][1]);
        hasher_finish(&h, hex);
        ck_assert_uint_eq(strlen(hex), 32);
        ck_assert_uint_eq(strspn(hex, "0123456789abcdef"), 32);
        if (i)
            ck_assert_str_ne(hex, again);
        memcpy(again, hex, sizeof(hex));
    }
}
END_TEST

START_TEST(test_random)
{
    /* Stream (0, 0) and one far away, kept as they were when this was written. */
    ck_assert_uint_eq(random_at(0, 0, 0), 0xf30429728e32fa04u);
    ck_assert_uint_eq(random_at(42, 7, 1000000), 0x1f1acd7996c4e8edu);
    ck_assert_uint_ne(random_at(1, 0, 0), random_at(0, 1, 0));
    ck_assert_uint_ne(random_at(1, 0, 0), random_at(0, 0, 1));
    double sum = 0, squares = 0, product = 0, last = 0;
    int n = 100000, bins[16] = {0};
    bool in_range = true;
    for (int i = 0; i < n; i++) {
        double u = random_uniform(3, 1, (uint64_t)i), z = random_normal(3, 2, (uint64_t)i);
        in_range &= u >= 0 && u < 1 && isfinite(z);
        bins[(int)(u * 16)]++;
        sum += z;
        squares += z * z;
        product += z * last;
        last = z;
    }
    ck_assert(in_range);
    for (int i = 0; i < 16; i++) /* five standard deviations of a binomial count */
        ck_assert_int_lt(abs(bins[i] - n / 16), (int)(5 * sqrt(n / 16.0)));
    ck_assert(fabs(sum / n) < 5 / sqrt(n));
    ck_assert(fabs(squares / n - 1) < 5 * sqrt(2.0 / n));
    ck_assert(fabs(product / n) < 5 / sqrt(n));
}
END_TEST

START_TEST(test_shapes)
{
    char buf[SHAPE_TEXT];
    struct ocelli_shape s = OCELLI_SHAPE(2, 3, 5), t, scalar = {0};
    ck_assert_str_eq(shape_text(&s, buf), "2x3x5");
    ck_assert_str_eq(shape_text(&scalar, buf), "scalar");
    ck_assert(shape_parse("2x3x5", &t) && shape_equal(&s, &t));
    ck_assert(shape_parse("scalar", &t) && t.rank == 0);
    const char *const wrong[] = {"",
                                 "x",
                                 "2x",
                                 "x2",
                                 "2xx3",
                                 "0",
                                 "-1",
                                 "2x3 ",
                                 "2x0",
                                 "1x1x1x1x1x1x1x1x1",
                                 "9223372036854775807",
                                 "99999999999999999999",
                                 "3037000500x3037000500"};
    for (size_t i = 0; i < COUNT(wrong); i++)
        ck_assert_msg(!shape_parse(wrong[i], &t), "%s", wrong[i]);
    ck_assert_int_eq(shape_count(&s), 30);
    ck_assert_int_eq(shape_count(&scalar), 1);
    assert_ok(shape_check(&scalar));
    assert_fails(shape_check(&OCELLI_SHAPE(2, 0)), OCELLI_ERR_INVALID, "2x0");
    assert_fails(shape_check(&OCELLI_SHAPE(INT64_MAX, 2)), OCELLI_ERR_INVALID, "too many");
    assert_fails(shape_check(&(struct ocelli_shape){.rank = 9}), OCELLI_ERR_INVALID, "rank 9");
    assert_fails(shape_check(&(struct ocelli_shape){.rank = -1}), OCELLI_ERR_INVALID, "rank -1");
    struct ocelli_shape big = {.rank = 8};
    for (int i = 0; i < 8; i++)
        big.dim[i] = INT64_MAX;
    ck_assert_uint_eq(strlen(shape_text(&big, buf)), 8 * 19 + 7);
    struct desc d = {OCELLI_F32, s}, e = {OCELLI_U8, s};
    ck_assert(!desc_equal(&d, &e) && desc_equal(&d, &d));
    ck_assert_uint_eq(desc_bytes(&d), 120);
    ck_assert_uint_eq(desc_bytes(&e), 30);
    ck_assert_uint_eq(ocelli_dtype_size((enum ocelli_dtype)99), 0);
    ck_assert_str_eq(dtype_name(OCELLI_I32), "i32");
}
END_TEST

START_TEST(test_clock)
{
    double a = clock_seconds();
    usleep(2000);
    double b = clock_seconds();
    ck_assert(b - a >= 0.002 && b - a < 10);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base");
    TCase *t = tcase_create("base");
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_test(t, test_sizes);
    tcase_add_test(t, test_grow);
    tcase_add_test(t, test_arena);
    tcase_add_test(t, test_text);
    tcase_add_test(t, test_errors);
    tcase_add_test(t, test_log);
    tcase_add_test(t, test_file);
    tcase_add_test(t, test_file_failures);
    tcase_add_test(t, test_file_no_room);
    tcase_add_test(t, test_file_sweep);
    tcase_add_test(t, test_dir_create);
    tcase_add_test(t, test_hash);
    tcase_add_test(t, test_random);
    tcase_add_test(t, test_shapes);
    tcase_add_test(t, test_clock);
    suite_add_tcase(s, t);
    return run_suite(s);
}
