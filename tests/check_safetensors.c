#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "formats/safetensors.h"
#include "tempdir.h"
#include "test.h"

static char dir[64], path[128];

static void setup(void)
{
    tempdir_make(dir);
    snprintf(path, sizeof(path), "%s/x.safetensors", dir);
}

static void teardown(void)
{
    tempdir_remove(dir);
}

static const float values[6] = {1, -2.5f, 3e-30f, 4, 5, 1e30f};
static const int32_t whole[2] = {-7, 2000000000};
static const uint8_t bytes3[3] = {0, 128, 255};

static const struct st_tensor tensors[] = {
    {"conv1.weight", {OCELLI_F32, {2, {2, 3}}}, values},
    {"steps", {OCELLI_I32, {1, {2}}}, whole},
    {"odd \"name\"\t\xc3\xa9", {OCELLI_U8, {3, {1, 3, 1}}}, bytes3},
    {"scalar", {OCELLI_F32, {0}}, values + 3},
};
static const struct st_pair pairs[] = {{"net", "lenet5"}, {"note", "a \"quote\", \\ and \n"}};

static char *written(size_t *bytes)
{
    char *s;
    assert_ok(safetensors_write(path, tensors, COUNT(tensors), pairs, COUNT(pairs)));
    assert_ok(file_read(path, 1 << 20, &s, bytes));
    return s;
}

static char *copy(const char *s, size_t bytes)
{
    char *c = malloc(bytes + 1);
    return memcpy(c, s, bytes);
}

static void check_content(const struct safetensors *st)
{
    ck_assert_int_eq(st->n, COUNT(tensors));
    for (size_t i = 0; i < COUNT(tensors); i++) {
        const struct st_tensor *t = safetensors_find(st, tensors[i].name);
        ck_assert_ptr_nonnull(t);
        ck_assert(desc_equal(&t->desc, &tensors[i].desc));
        ck_assert(memcmp(t->data, tensors[i].data, desc_bytes(&t->desc)) == 0);
    }
    for (size_t i = 0; i < COUNT(pairs); i++)
        ck_assert_str_eq(safetensors_meta(st, pairs[i].key), pairs[i].value);
    ck_assert_ptr_null(safetensors_find(st, "none"));
    ck_assert_ptr_null(safetensors_meta(st, "none"));
}

START_TEST(test_round_trip)
{
    struct safetensors *st;
    size_t n, m;
    char *a = written(&n), *b = written(&m);
    ck_assert_uint_eq(n, m);
    ck_assert(memcmp(a, b, n) == 0);
    uint64_t len = 0;
    memcpy(&len, a, 8);
    ck_assert_uint_eq(len % 8, 0); /* the first tensor is aligned */
    assert_ok(safetensors_open(&st, path));
    ck_assert(st->checked);
    check_content(st);
    safetensors_close(&st);
    ck_assert_ptr_null(st);
    safetensors_close(&st);
    free(a);
    free(b);
    assert_ok(safetensors_write(path, NULL, 0, NULL, 0));
    assert_ok(safetensors_open(&st, path));
    ck_assert_int_eq(st->n, 0);
    safetensors_close(&st);
}
END_TEST

START_TEST(test_write_failures)
{
    struct st_tensor twice[] = {tensors[0], tensors[0]};
    assert_fails(safetensors_write(path, twice, 2, NULL, 0), OCELLI_ERR_INVALID, "conv1.weight");
    struct st_tensor binary = {"\xff\xfe", tensors[0].desc, values};
    assert_fails(safetensors_write(path, &binary, 1, NULL, 0), OCELLI_ERR_INVALID, "UTF-8");
    struct st_tensor reserved = {"__metadata__", tensors[0].desc, values};
    assert_fails(safetensors_write(path, &reserved, 1, NULL, 0), OCELLI_ERR_INVALID,
                 "__metadata__");
    struct st_pair again = {"ocelli.xxh3", "x"};
    assert_fails(safetensors_write(path, NULL, 0, &again, 1), OCELLI_ERR_INVALID, "ocelli.xxh3");
    char *big = malloc(SAFETENSORS_MAX_HEADER + 1);
    memset(big, 'x', SAFETENSORS_MAX_HEADER);
    big[SAFETENSORS_MAX_HEADER] = 0;
    struct st_pair huge = {"huge", big};
    assert_fails(safetensors_write(path, NULL, 0, &huge, 1), OCELLI_ERR_INVALID, "above the limit");
    free(big);
    ck_assert_int_eq(tempdir_entries(dir), 0);
    assert_fails(safetensors_write("/no/such/dir/x", tensors, 1, NULL, 0), OCELLI_ERR_IO,
                 "/no/such/dir/x");
}
END_TEST

START_TEST(test_truncated)
{
    size_t n;
    char *a = written(&n);
    for (size_t k = 0; k < n; k++) {
        struct safetensors *st;
        ck_assert_msg(safetensors_parse(&st, "f", copy(a, k), k) == OCELLI_ERR_FORMAT,
                      "%zu of %zu bytes pass", k, n);
        ck_assert_ptr_null(st);
        ck_assert(strncmp(ocelli_error(), "f: ", 3) == 0);
    }
    struct safetensors *st; /* and one too many */
    char *more = copy(a, n);
    more[n] = 0;
    assert_fails(safetensors_parse(&st, "f", more, n + 1), OCELLI_ERR_FORMAT, "1 bytes after");
    free(a);
}
END_TEST

/* Any bit of any byte: refused, or no longer called checked (where the checksum's own name was
 * hit). */
START_TEST(test_flipped)
{
    size_t n;
    char *a = written(&n);
    int unchecked = 0;
    for (size_t k = 0; k < n; k++)
        for (int bit = 0; bit < 8; bit++) {
            struct safetensors *st;
            a[k] ^= (char)(1 << bit);
            int err = safetensors_parse(&st, "f", copy(a, n), n);
            a[k] ^= (char)(1 << bit);
            if (err)
                ck_assert_int_eq(err, OCELLI_ERR_FORMAT);
            else
                ck_assert_msg(!st->checked, "byte %zu bit %d unnoticed", k, bit);
            unchecked += !err;
            safetensors_close(&st);
        }
    ck_assert_int_le(unchecked, 8 * (int)strlen("ocelli.xxh3"));
    free(a);
}
END_TEST

/* A file of that header and `data` zero bytes. */
static int parse(struct safetensors **st, const char *header, size_t data)
{
    size_t len = strlen(header);
    char *f = calloc(1, 8 + len + data);
    for (int i = 0; i < 8; i++)
        f[i] = (char)(len >> (8 * i));
    memcpy(f + 8, header, len);
    return safetensors_parse(st, "f", f, 8 + len + data);
}

#define T(type, shape, a, b) \
    "{\"dtype\":\"" type "\",\"shape\":[" shape "],\"data_offsets\":[" #a "," #b "]}"

static const struct {
    const char *header;
    size_t data;
    const char *words; /* NULL: fine */
} attacks[] = {
    {"{}", 0, NULL},
    {"{}   ", 0, NULL},
    {"{\"a\":" T("F32", "2", 0, 8) ",\"b\":" T("U8", "", 8, 9) "}", 9, NULL},
    {"{\"b\":" T("U8", "", 8, 9) ",\"a\":" T("F32", "2", 0, 8) "}", 9, NULL},
    {"{\"a\":" T("F16", "2", 0, 4) "}", 4, NULL},
    {"{\"__metadata__\":{\"k\":\"v\"}}", 0, NULL},
    {"", 0, "start with {"},
    {" {}", 0, "start with {"},
    {"[]", 0, "start with {"},
    {"{", 0, "header"},
    {"{}x", 0, "header"},
    {"{\"a\":1}", 0, "not {dtype"},
    {"{\"a\":" T("F32", "2", 0, 8) ",\"a\":" T("F32", "2", 0, 8) "}", 8, "duplicate"},
    {"{\"a\":" T("F32", "2", 0, 8) ",\"b\":" T("F32", "2", 4, 12) "}", 12, "overlaps"},
    {"{\"a\":" T("F32", "2", 0, 8) ",\"b\":" T("F32", "2", 0, 8) "}", 8, "overlaps"},
    {"{\"a\":" T("F32", "2", 0, 8) ",\"b\":" T("F32", "2", 12, 20) "}", 20, "hole"},
    {"{\"a\":" T("F32", "2", 4, 12) "}", 12, "hole"},
    {"{\"a\":" T("F32", "2", 0, 8) "}", 12, "4 bytes after"},
    {"{\"a\":" T("F32", "2", 0, 8) "}", 4, "outside"},
    {"{\"a\":" T("F32", "2", 8, 0) "}", 8, "outside"},
    {"{\"a\":" T("F32", "3", 0, 8) "}", 8, "do not span"},
    {"{\"a\":" T("F32", "-2", 0, 8) "}", 8, "extent"},
    {"{\"a\":" T("F32", "0", 0, 0) "}", 0, "extent"},
    {"{\"a\":" T("F32", "2.0", 0, 8) "}", 8, "extent"},
    {"{\"a\":" T("F32", "4611686018427387904,4", 0, 8) "}", 8, "overflows"},
    {"{\"a\":" T("F32", "4611686018427387905", 0, 4) "}", 4, "overflows"},
    {"{\"a\":" T("F32", "1,1,1,1,1,1,1,1,1", 0, 4) "}", 4, "rank"},
    {"{\"a\":" T("F33", "1", 0, 4) "}", 4, "dtype"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, "not {dtype"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"more\":1}}", 1, "not {dtype"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":1,\"data_offsets\":[0,1]}}", 1, "not {dtype"},
    {"{\"a\":" T("U8", "1", 0, 9223372036854775808) "}", 1, "header"},
    {"{\"__metadata__\":{\"k\":1}}", 0, "no string"},
    {"{\"__metadata__\":[]}", 0, "no object"},
    {"{\"__metadata__\":{\"ocelli.xxh3\":\"\"}}", 0, "checksum"},
    {"{\"__metadata__\":{\"ocelli.xxh3\":\"00000000000000000000000000000000\"}}", 0, "checksum"},
    {"{\"\xff\":" T("U8", "1", 0, 1) "}", 1, "header"},
};

START_TEST(test_attacks)
{
    for (size_t i = 0; i < COUNT(attacks); i++) {
        struct safetensors *st;
        int err = parse(&st, attacks[i].header, attacks[i].data);
        if (attacks[i].words) {
            ck_assert_msg(err == OCELLI_ERR_FORMAT, "%s: %d", attacks[i].header, err);
            ck_assert_msg(strstr(ocelli_error(), attacks[i].words) != NULL, "%s: %s",
                          attacks[i].header, ocelli_error());
        } else {
            ck_assert_msg(err == 0, "%s: %s", attacks[i].header, ocelli_error());
        }
        safetensors_close(&st);
    }
    static const uint64_t lengths[] = {
        SAFETENSORS_MAX_HEADER + 1, 100000001, UINT64_MAX, UINT64_MAX - 7, 9, 1000};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct safetensors *st;
        char *f = calloc(1, 16);
        memcpy(f, &lengths[i], 8);
        ck_assert_int_eq(safetensors_parse(&st, "f", f, 16), OCELLI_ERR_FORMAT);
    }
    struct safetensors *st;
    assert_fails(safetensors_open(&st, dir), OCELLI_ERR_IO, dir);
}
END_TEST

/* Deep nesting ends in an error, not in the stack's end. */
START_TEST(test_nesting)
{
    struct safetensors *st;
    size_t n = 1 << 20;
    char *h = malloc(n + 1);
    memset(h, '[', n);
    memcpy(h, "{\"a\":", 5);
    h[n] = 0;
    assert_fails(parse(&st, h, 0), OCELLI_ERR_FORMAT, "header");
    free(h);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("safetensors");
    TCase *t = tcase_create("safetensors");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_round_trip);
    tcase_add_test(t, test_write_failures);
    tcase_add_test(t, test_truncated);
    tcase_add_test(t, test_flipped);
    tcase_add_test(t, test_attacks);
    tcase_add_test(t, test_nesting);
    suite_add_tcase(s, t);
    return run_suite(s);
}
