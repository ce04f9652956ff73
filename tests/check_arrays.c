#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <ocelli/array.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/shape.h"
#include "formats/npy.h"
#include "tempdir.h"
#include "test.h"

static char dir[64], path[160];

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
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void check_same(const struct ocelli_array *a, const struct ocelli_array *b)
{
    size_t count;
    ck_assert_int_eq(a->dtype, b->dtype);
    ck_assert(shape_equal(&a->shape, &b->shape));
    ck_assert(shape_elements(&a->shape, &count));
    ck_assert(count == 0 || memcmp(a->data, b->data, count * ocelli_dtype_size(a->dtype)) == 0);
}

/* Bytes that are 0 or 1, so that they are right as every type. */
static struct ocelli_array sample(enum ocelli_dtype dtype, const struct ocelli_shape *shape, char *name)
{
    static uint8_t bytes[8 * 64];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 5 % 3 == 1);
    return (struct ocelli_array){dtype, *shape, bytes, name};
}

static const struct ocelli_shape shapes[] = {
    {0}, {1, {0}}, {1, {7}}, {2, {2, 3}}, {3, {2, 0, 3}}, {4, {1, 2, 3, 4}}, {8, {1, 1, 2, 1, 1, 2, 1, 2}},
};

START_TEST(test_round_trip)
{
    static const char *const files[] = {"a.npy", "a.pb"};
    int done = 0;
    for (size_t f = 0; f < COUNT(files); f++)
        for (enum ocelli_dtype t = OCELLI_F32; t <= OCELLI_BOOL; t++)
            for (size_t s = 0; s < COUNT(shapes); s++, done++) {
                struct ocelli_array a = sample(t, &shapes[s], "x"), b;
                assert_ok(ocelli_array_write(&a, in_dir(files[f])));
                assert_ok(ocelli_array_read(&b, path));
                check_same(&a, &b);
                ck_assert_str_eq(b.name, f ? "x" : "");
                ocelli_array_free(&b);
                ck_assert_ptr_null(b.data);
            }
    ck_assert_int_eq(done, 2 * 12 * 7);
    ck_assert_int_eq(tempdir_entries(dir), 2); /* and nothing besides */
}
END_TEST

/* A file made here: version, dictionary, data. */
static char *npy(int major, const char *dict, const void *data, size_t bytes, size_t *all)
{
    static char file[1024];
    size_t n = strlen(dict) + 1, at = 8;
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (char)major;
    file[7] = 0;
    for (int i = 0; i < (major == 1 ? 2 : 4); i++)
        file[at++] = (char)(n >> (8 * i));
    memcpy(file + at, dict, n - 1);
    file[at + n - 1] = '\n';
    if (bytes)
        memcpy(file + at + n, data, bytes);
    *all = at + n + bytes;
    return file;
}

static const float six[6] = {0, 1, 2, 3, 4, 5};

START_TEST(test_headers_right)
{
    static const char *const dicts[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
        "{'shape': (2, 3,), 'fortran_order': False, 'descr': '<f4'}   ",
        "{ \"descr\" : \"<f4\", 'fortran_order':False,'shape' : ( 2 ,3 ) }",
    };
    for (size_t i = 0; i < COUNT(dicts); i++)
        for (int major = 1; major <= 3; major++) {
            struct ocelli_array a;
            size_t n;
            char *file = npy(major, dicts[i], six, sizeof(six), &n);
            assert_ok(npy_parse(&a, "t", file, n));
            ck_assert_int_eq(a.shape.rank, 2);
            ck_assert_int_eq(a.shape.dim[1], 3);
            ck_assert(memcmp(a.data, six, sizeof(six)) == 0);
            ocelli_array_free(&a);
        }
}
END_TEST

START_TEST(test_fortran_order)
{
    static const float want[6] = {0, 2, 4, 1, 3, 5}; /* rows of the matrix whose columns are 01, 23, 45 */
    struct ocelli_array a;
    size_t n;
    char *file = npy(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", six, sizeof(six), &n);
    assert_ok(npy_parse(&a, "t", file, n));
    ck_assert(memcmp(a.data, want, sizeof(want)) == 0);
    ocelli_array_free(&a);
    file = npy(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2, 3), }", six, sizeof(six), &n);
    assert_ok(npy_parse(&a, "t", file, n));
    ck_assert(memcmp(a.data, want, sizeof(want)) == 0);
    ocelli_array_free(&a);
}
END_TEST

static const struct {
    const char *dict;
    int code;
    const char *words;
} wrong[] = {
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)", OCELLI_ERR_FORMAT, "no key"},
    {"{'descr': '<f4', 'fortran_order': False}", OCELLI_ERR_FORMAT, "lacks a key"},
    {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,)}", OCELLI_ERR_FORMAT, "twice"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'x': 1}", OCELLI_ERR_FORMAT, "belong"},
    {"{'descr': '<f4', 'fortran_order': 0, 'shape': (6,)}", OCELLI_ERR_FORMAT, "neither"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (6)}", OCELLI_ERR_FORMAT, "comma"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (-6,)}", OCELLI_ERR_FORMAT, "extent"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (06,)}", OCELLI_ERR_FORMAT, "extent"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3 3,)}", OCELLI_ERR_FORMAT, "comma"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", OCELLI_ERR_FORMAT, "extent"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", OCELLI_ERR_FORMAT, "large"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296)}", OCELLI_ERR_FORMAT, "large"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (7,)}", OCELLI_ERR_FORMAT, "24 bytes"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (5,)}", OCELLI_ERR_FORMAT, "24 bytes"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,6)}", OCELLI_ERR_UNSUPPORTED, "rank"},
    {"{'descr': '>f4', 'fortran_order': False, 'shape': (6,)}", OCELLI_ERR_UNSUPPORTED, "big-endian"},
    {"{'descr': '|O', 'fortran_order': False, 'shape': (6,)}", OCELLI_ERR_UNSUPPORTED, "type"},
    {"{'descr': '<f3', 'fortran_order': False, 'shape': (6,)}", OCELLI_ERR_UNSUPPORTED, "type"},
    {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,)}", OCELLI_ERR_UNSUPPORTED, "records"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,)} x", OCELLI_ERR_FORMAT, "newline"},
    {"__import__('os')", OCELLI_ERR_FORMAT, "dictionary"},
};

START_TEST(test_headers_wrong)
{
    size_t n;
    struct ocelli_array a;
    char *file = npy(1, wrong[_i].dict, six, sizeof(six), &n);
    assert_fails(npy_parse(&a, "t", file, n), wrong[_i].code, wrong[_i].words);
    ck_assert_ptr_null(a.data);
}
END_TEST

/* What a reader made of bytes that were tampered with: an error, or something whose size is backed. */
static int try_bytes(const char *name, const char *file, size_t bytes)
{
    struct ocelli_array a, *many;
    int n, err;
    assert_ok(file_replace(in_dir(name), file, bytes, 0600));
    if (strstr(name, ".npz")) {
        err = ocelli_npz_read(&many, &n, path, 0);
        for (int i = 0; i < n; i++)
            ocelli_array_free(&many[i]);
        free(many);
        return err;
    }
    err = ocelli_array_read(&a, path);
    ocelli_array_free(&a);
    return err;
}

static char *content(const char *name, size_t *bytes)
{
    char *s;
    assert_ok(file_read(in_dir(name), 1 << 20, &s, bytes));
    return s;
}

static void write_samples(void)
{
    struct ocelli_array a[2] = {sample(OCELLI_F32, &shapes[3], "w"), sample(OCELLI_I64, &shapes[2], "b")};
    assert_ok(ocelli_array_write(a, in_dir("a.npy")));
    assert_ok(ocelli_array_write(a, in_dir("a.pb")));
    assert_ok(ocelli_npz_write(a, 2, in_dir("a.npz")));
}

static const char *const kinds[] = {"a.npy", "a.pb", "a.npz"};

START_TEST(test_truncated)
{
    size_t n;
    write_samples();
    char *s = content(kinds[_i], &n);
    ck_assert_int_eq(try_bytes(kinds[_i], s, n), 0);
    for (size_t k = 0; k < n; k++) {
        char *part = malloc(k + 1); /* exactly k: a sanitizer sees one byte more */
        memcpy(part, s, k);
        ck_assert_msg(try_bytes(kinds[_i], part, k) != 0, "%s: %zu of %zu bytes pass", kinds[_i], k, n);
        free(part);
    }
    free(s);
}
END_TEST

START_TEST(test_flipped)
{
    static const unsigned char masks[] = {0x01, 0x80, 0xff};
    size_t n, failed = 0;
    write_samples();
    char *s = content(kinds[_i], &n);
    for (size_t k = 0; k < n; k++)
        for (size_t m = 0; m < COUNT(masks); m++) {
            s[k] = (char)(s[k] ^ masks[m]);
            failed += try_bytes(kinds[_i], s, n) != 0;
            s[k] = (char)(s[k] ^ masks[m]);
        }
    ck_assert_uint_gt(failed, n / 8);
    ck_assert_int_eq(try_bytes(kinds[_i], s, n), 0);
    free(s);
}
END_TEST

START_TEST(test_npz)
{
    struct ocelli_array a[3] = {sample(OCELLI_F32, &shapes[5], "conv1.weight"),
                                sample(OCELLI_I64, &shapes[2], NULL), sample(OCELLI_BOOL, &shapes[0], "s")};
    static const char *const names[] = {"conv1.weight", "arr_1", "s"};
    struct ocelli_array *b;
    size_t n1, n2;
    int n;
    assert_ok(ocelli_npz_write(a, 3, in_dir("a.npz")));
    assert_ok(ocelli_npz_read(&b, &n, path, 0));
    ck_assert_int_eq(n, 3);
    for (int i = 0; i < n; i++) {
        check_same(&a[i], &b[i]);
        ck_assert_str_eq(b[i].name, names[i]);
        ocelli_array_free(&b[i]);
    }
    free(b);
    char *first = content("a.npz", &n1);
    assert_ok(ocelli_npz_write(a, 3, in_dir("b.npz")));
    char *again = content("b.npz", &n2);
    ck_assert(n1 == n2 && memcmp(first, again, n1) == 0);
    free(first);
    free(again);
    ck_assert_int_eq(tempdir_entries(dir), 2);
}
END_TEST

START_TEST(test_npz_names)
{
    static char *const bad[] = {"/etc/x", "../x", "a\\b", "a\nb"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct ocelli_array a = sample(OCELLI_F32, &shapes[2], bad[i]);
        assert_fails(ocelli_npz_write(&a, 1, in_dir("a.npz")), OCELLI_ERR_INVALID, "no name");
    }
    struct ocelli_array twice[2] = {sample(OCELLI_F32, &shapes[2], "x"), sample(OCELLI_F32, &shapes[2], "x")};
    assert_fails(ocelli_npz_write(twice, 2, path), OCELLI_ERR_INVALID, "x");
    assert_fails(ocelli_npz_write(twice, 0, path), OCELLI_ERR_INVALID, "no arrays");
    ck_assert_int_eq(tempdir_entries(dir), 0);
}
END_TEST

/* Sizes in a directory that no compressed bytes can give are refused before anything is allocated. */
START_TEST(test_npz_claims)
{
    static const unsigned char head[] = {'P', 'K', 1, 2};
    struct ocelli_array a = sample(OCELLI_F32, &shapes[3], "w");
    size_t n, at = 0;
    assert_ok(ocelli_npz_write(&a, 1, in_dir("a.npz")));
    char *s = content("a.npz", &n);
    while (at + 4 < n && memcmp(s + at, head, 4) != 0)
        at++;
    ck_assert_uint_lt(at + 46, n);
    /* Method deflate and 2 GiB unpacked, in the directory (10, 24) and before the data (8, 22). */
    for (int k = 0; k < 2; k++) {
        char *p = k ? s + 8 : s + at + 10;
        p[0] = 8;
        memcpy(p + 14, "\xff\xff\xff\x7f", 4);
    }
    ck_assert_int_eq(try_bytes("a.npz", s, n), OCELLI_ERR_FORMAT);
    ck_assert_msg(strstr(ocelli_error(), "cannot come from") != NULL, "%s", ocelli_error());
    free(s);
}
END_TEST

START_TEST(test_refused)
{
    struct ocelli_array a = sample(OCELLI_F32, &shapes[3], "w"), b;
    struct ocelli_array *many;
    int n;
    assert_fails(ocelli_array_write(&a, in_dir("a.txt")), OCELLI_ERR_UNSUPPORTED, ".npy or .pb");
    assert_fails(ocelli_array_read(&b, path), OCELLI_ERR_UNSUPPORTED, ".npy or .pb");
    assert_fails(ocelli_array_read(&b, in_dir("none.npy")), OCELLI_ERR_IO, "none.npy");
    assert_fails(ocelli_npz_read(&many, &n, in_dir("none.npz"), 0), OCELLI_ERR_IO, "none.npz");
    assert_fails(ocelli_array_write(&a, in_dir("no/such/a.npy")), OCELLI_ERR_IO, "cannot create");
    a.shape.rank = 9;
    assert_fails(ocelli_array_write(&a, in_dir("a.npy")), OCELLI_ERR_INVALID, "array");
    a = (struct ocelli_array){OCELLI_F32, shapes[3], NULL, NULL};
    assert_fails(ocelli_array_write(&a, path), OCELLI_ERR_INVALID, "array");
    ck_assert_int_eq(tempdir_entries(dir), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("arrays");
    TCase *t = tcase_create("arrays");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_round_trip);
    tcase_add_test(t, test_headers_right);
    tcase_add_test(t, test_fortran_order);
    tcase_add_loop_test(t, test_headers_wrong, 0, COUNT(wrong));
    tcase_add_loop_test(t, test_truncated, 0, COUNT(kinds));
    tcase_add_loop_test(t, test_flipped, 0, COUNT(kinds));
    tcase_add_test(t, test_npz);
    tcase_add_test(t, test_npz_names);
    tcase_add_test(t, test_npz_claims);
    tcase_add_test(t, test_refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
