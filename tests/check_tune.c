/* The tuning database and what plans take of it. No OpenCL device: children may be forked here. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ocelli/ocelli.h>

#include "base/file.h"
#include "device/device.h"
#include "plan/tuned.h"
#include "test.h"
#include "tempdir.h"
#include "tune/book.h"
#include "tune/record.h"
#include "tune/setting.h"

static char dir[64];
static _Alignas(16) char attr[PROBLEM_ATTR_BYTES];

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
    static char path[2][256];
    static int n;
    n = !n;
    snprintf(path[n], sizeof(path[n]), "%s/%s", dir, name);
    return path[n];
}

static const struct caps cpu = {
    .type = OCELLI_DEVICE_CPU,
    .cpu_style = true,
    .compute_units = 2,
    .vector_width = 16,
    .max_group = 4096,
    .max_item = {4096, 4096, 4096},
    .local_bytes = 1 << 18,
    .align = 128,
    .memory_bytes = 1 << 30,
    .max_alloc = 1 << 28,
};

static int fake_source(const struct launches *l, char hex[33])
{
    (void)l;
    snprintf(hex, 33, "feed");
    return 0;
}

static const struct tune_device device = {"cpu0", "1.0", &cpu, fake_source};

#define GEMM "gemm a=64x64 b=64x64"
static struct tune_winner winner(const char *setting)
{
    return (struct tune_winner){.key = {GEMM, "cpu0", "1.0"},
                                .kind = "cpu v16 u2",
                                .variant = "block",
                                .setting = setting,
                                .source = "feed",
                                .ms = 0.5,
                                .default_ms = 1,
                                .objective = "time",
                                .time = 1000,
                                .version = "0"};
}

#define GOOD "MR=4 NV=2 KC=256 MB=4 NB=1 PACK_A=1 PACK_B=2"

static struct tune_db *opened(const char *name, enum db_mode mode)
{
    static const struct log silent;
    struct tune_db *db = NULL;
    assert_ok(db_open(&db, in_dir(name), mode, &silent));
    return db;
}

static void write_winner(const char *name, const struct tune_winner *w)
{
    struct tune_db *db = opened(name, DB_WRITE);
    assert_ok(db_put_winner(db, w));
    db_close(&db);
}

static int count_winner(void *user, const struct tune_winner *w)
{
    ck_assert_str_ne(w->variant, "");
    ++*(int *)user;
    return 0;
}

static int count_result(void *user, const struct tune_result *r)
{
    ck_assert_str_ne(r->setting, "");
    ++*(int *)user;
    return 0;
}

START_TEST(test_rows)
{
    ck_assert_ptr_null(opened("none.db", DB_READ));
    const struct tune_winner w = {.key = {GEMM, "cpu0", "1.0"},
                                  .kind = "k",
                                  .variant = "block",
                                  .setting = GOOD,
                                  .source = "s",
                                  .ms = 0.25,
                                  .default_ms = 0.5,
                                  .spread = 0.01,
                                  .error = 0.125,
                                  .tried = 7,
                                  .rejected = 2,
                                  .objective = "busy",
                                  .clock = 3000,
                                  .time = 5,
                                  .version = "v"};
    write_winner("a/b/t.db", &w);
    struct tune_db *db = opened("a/b/t.db", DB_READ);
    struct text text = {0}, again = {0};
    assert_ok(db_export(db, true, NULL, &text));
    ck_assert_ptr_nonnull(strstr(text.s, "\"default_ms\":0.5"));
    ck_assert_ptr_nonnull(strstr(text.s, "\"rejected\":2"));
    assert_ok(db_check(db));
    db_close(&db);
    /* There and back: the same text. */
    struct db_counts n;
    static const struct log silent;
    db = opened("other.db", DB_WRITE);
    assert_ok(db_import(db, text.s, &n, &silent));
    ck_assert_int_eq(n.winners, 1);
    assert_ok(db_import(db, text.s, &n, &silent));
    ck_assert_int_eq(n.winners, 0);
    ck_assert_int_eq(n.older, 1);
    assert_ok(db_export(db, true, NULL, &again));
    ck_assert_str_eq(text.s, again.s);
    db_close(&db);
    text_free(&text);
    text_free(&again);
}
END_TEST

START_TEST(test_hostile)
{
    static const char *const bad[] = {
        "not JSON",
        "{}",
        "[1]",
        "{\"row\":\"winner\"}",
        /* each one thing wrong with what test_rows takes */
        "-DX",
        "MR=4 -DX=1",
        "MR=4;x",
        "MR=99999999999",
        "MR=0x10",
        "MR=1e3",
        "MR",
        "=1",
        "MR=4\\nX=1",
    };
    struct tune_db *db = opened("t.db", DB_WRITE);
    static const struct log silent;
    struct db_counts n;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct text t = {0};
        if (i < 4)
            text_add(&t, "%s\n", bad[i]);
        else
            text_add(&t,
                     "{\"row\":\"result\",\"problem\":\"p\",\"device\":\"d\",\"driver\":\"1\","
                     "\"variant\":\"v\","
                     "\"setting\":\"%s\",\"source\":\"s\",\"status\":\"ok\",\"why\":\"\",\"ms\":1,"
                     "\"spread\":0}",
                     bad[i]);
        assert_ok(db_import(db, t.s, &n, &silent));
        ck_assert_msg(n.refused == 1 && n.results == 0, "\"%s\" was taken", bad[i]);
        text_free(&t);
    }
    db_close(&db);
    /* Other files are not touched. */
    assert_ok(file_replace(in_dir("text.db"), "hello, this is no database at all", 33, 0600));
    assert_fails(db_open(&db, in_dir("text.db"), DB_WRITE, &silent), OCELLI_ERR_FORMAT, "text.db");
}
END_TEST

START_TEST(test_setting)
{
    const struct variant *v = op_variant(op_find("gemm"), "block");
    int tv[MAX_TUNABLES];
    ck_assert(setting_parse(GOOD, v, tv));
    ck_assert_int_eq(tv[0], 4);
    ck_assert_int_eq(tv[2], 256);
    ck_assert(
        !setting_parse("MR=5 NV=2 KC=256 MB=4 NB=1 PACK_A=1 PACK_B=2", v, tv)); /* no such value */
    ck_assert(!setting_parse("MR=4 NV=2 KC=256 MB=4 NB=1 PACK_A=1", v, tv));    /* one is missing */
    ck_assert(!setting_parse(GOOD " MB=4", v, tv));                             /* twice */
    ck_assert(!setting_parse(GOOD " XX=4", v, tv));                             /* no such name */
}
END_TEST

/* What a plan gets, "" for the default. */
static const char *asked(const struct tune_device *dev, const char *force)
{
    static const struct log silent;
    static struct text t;
    struct problem p;
    struct tune_book *book = NULL;
    const struct variant *v, *plain;
    int tv[MAX_TUNABLES], usual[MAX_TUNABLES];
    assert_ok(problem_parse(GEMM, &p, attr));
    assert_ok(book_open(&book, dev, &silent));
    assert_ok(problem_select_tuned(&p, dev->caps, force, &(struct tuned){book_find, book}, &v, tv));
    assert_ok(problem_select(&p, dev->caps, force, &plain, usual));
    book_close(&book);
    text_free(&t);
    t = (struct text){0};
    if (v == plain && memcmp(tv, usual, sizeof(tv)) == 0)
        return "";
    setting_print(v, tv, &t);
    return t.s;
}

START_TEST(test_layers)
{
    char user[256], site[256];
    snprintf(user, sizeof(user), "%s", in_dir("user.db"));
    snprintf(site, sizeof(site), "%s", in_dir("site.db"));
    setenv("OCELLI_TUNING_DB", user, 1);
    setenv("OCELLI_SITE_DB", site, 1);
    ck_assert_str_eq(asked(&device, NULL), "");
    const char *at_site = "MR=6 NV=1 KC=256 MB=4 NB=1 PACK_A=1 PACK_B=1";
    struct tune_winner w = winner(at_site);
    write_winner("site.db", &w);
    ck_assert_str_eq(asked(&device, NULL), at_site);
    w.setting = GOOD;
    write_winner("user.db", &w);
    ck_assert_str_eq(asked(&device, NULL), GOOD);
    ck_assert_str_eq(asked(&device, "block"), GOOD);
    ck_assert_str_eq(asked(&device, "ref"), "");
    /* Another driver, a relative, a stranger. */
    struct tune_device other = device;
    struct caps near = cpu, far = cpu;
    other.driver = "2.0";
    ck_assert_str_eq(asked(&other, NULL), GOOD);
    other.name = "cpu1";
    near.compute_units = 4;
    other.caps = &near;
    ck_assert_str_eq(asked(&other, NULL), GOOD);
    far.compute_units = 64;
    other.caps = &far;
    ck_assert_str_eq(asked(&other, NULL), "");
    /* A changed kernel, a value that is not declared, a variant that there is not, one that does
     * not fit. */
    unlink(site);
    w.source = "beef";
    write_winner("user.db", &w);
    ck_assert_str_eq(asked(&device, NULL), "");
    w = winner("MR=5 NV=2 KC=256 MB=4 NB=1 PACK_A=1 PACK_B=2");
    write_winner("user.db", &w);
    ck_assert_str_eq(asked(&device, NULL), "");
    w = winner("MR=24 NV=4 KC=256 MB=4 NB=1 PACK_A=1 PACK_B=2");
    write_winner("user.db", &w);
    ck_assert_str_eq(asked(&device, NULL), "");
    w = winner(GOOD);
    w.variant = "best";
    write_winner("user.db", &w);
    ck_assert_str_eq(asked(&device, NULL), "");
    unsetenv("OCELLI_TUNING_DB");
    unsetenv("OCELLI_SITE_DB");
}
END_TEST

/* Winners of a network that turned out slower: the defaults are back, what was tried stays. */
START_TEST(test_revert)
{
    struct ocelli_device *dev = NULL;
    struct tune_winner w = winner(GOOD);
    char user[256], source[33];
    struct problem p;
    struct launches l;
    int tv[MAX_TUNABLES], n = 0, reverted;
    snprintf(user, sizeof(user), "%s", in_dir("revert.db"));
    setenv("OCELLI_TUNING_DB", user, 1);
    setenv("OCELLI_STYLE", "cpu", 1);
    assert_ok(ocelli_device_open(&dev, &(struct ocelli_device_params){.device = "null"}));
    const struct tune_device who = tune_device_of(dev);
    assert_ok(problem_parse(GEMM, &p, attr));
    const struct variant *v = op_variant(p.op, "block");
    ck_assert(setting_parse(GOOD, v, tv));
    assert_ok(problem_plan(&p, who.caps, v, tv, &l));
    assert_ok(launches_source(&l, source));
    launches_free(&l);
    w.key = (struct tune_key){GEMM, who.name, who.driver};
    w.source = source;
    write_winner("revert.db", &w);
    ck_assert_str_eq(asked(&who, NULL), GOOD);
    struct text def = {0};
    assert_ok(problem_select(&p, who.caps, NULL, &v, tv));
    setting_print(v, tv, &def);
    struct ocelli_tune_result r = {.problem = GEMM,
                                   .default_variant = (char *)v->name,
                                   .default_setting = def.s,
                                   .default_ms = 1};
    assert_ok(ocelli_tune_revert(dev, user, &r, 1, &reverted));
    ck_assert_int_eq(reverted, 1);
    ck_assert_str_eq(asked(&who, NULL), "");
    assert_ok(ocelli_tune_revert(dev, user, &r, 1, &reverted));
    ck_assert_int_eq(reverted, 0);
    struct tune_db *db = opened("revert.db", DB_READ);
    assert_ok(db_each_winner(db, NULL, count_winner, &n));
    ck_assert_int_eq(n, 1);
    db_close(&db);
    r.default_setting = "MR=5";
    assert_fails(ocelli_tune_revert(dev, user, &r, 1, &reverted), OCELLI_ERR_INVALID, "MR=5");
    text_free(&def);
    ocelli_device_close(&dev);
    unsetenv("OCELLI_STYLE");
    unsetenv("OCELLI_TUNING_DB");
}
END_TEST

static void warned(void *user, enum ocelli_log_level level, const char *message)
{
    ck_assert_int_eq(level, OCELLI_LOG_WARNING);
    ck_assert_ptr_nonnull(strstr(message, "not kept"));
    ++*(int *)user;
}

/* A place where nothing can be written: what is there is known, what is new lives in memory. */
START_TEST(test_read_only)
{
    struct tune_winner w = winner(GOOD);
    int warnings = 0, n = 0;
    const struct log log = {warned, &warnings};
    struct tune_db *db = NULL;
    /* A file where the folder should be stops root, too. */
    assert_ok(file_replace(in_dir("file"), "x", 1, 0600));
    assert_ok(db_open(&db, in_dir("file/t.db"), DB_WRITE, &log));
    assert_ok(db_put_winner(db, &w));
    assert_ok(db_each_winner(db, NULL, count_winner, &n));
    ck_assert_int_eq(n, 1);
    db_close(&db);
    ck_assert_int_eq(warnings, 1);
    if (geteuid() == 0)
        return; /* permissions do not stop root */
    write_winner("ro/t.db", &w);
    ck_assert_int_eq(chmod(in_dir("ro/t.db"), 0400), 0);
    ck_assert_int_eq(chmod(in_dir("ro"), 0500), 0);
    assert_ok(db_open(&db, in_dir("ro/t.db"), DB_WRITE, &log));
    n = 0;
    assert_ok(db_each_winner(db, NULL, count_winner, &n));
    ck_assert_int_eq(n, 1);
    db_close(&db);
    ck_assert_int_eq(warnings, 2);
    chmod(in_dir("ro"), 0700);
}
END_TEST

#define WRITERS 8

/* $OCELLI_TEST_ROWS rows each (100): none is lost. */
START_TEST(test_writers)
{
    const char *s = getenv("OCELLI_TEST_ROWS");
    int rows = s ? atoi(s) : 100, n = 0, status;
    pid_t child[WRITERS];
    for (int c = 0; c < WRITERS; c++) {
        child[c] = fork();
        ck_assert_int_ge(child[c], 0);
        if (child[c] > 0)
            continue;
        static const struct log silent;
        struct tune_db *db = NULL;
        int err = db_open(&db, in_dir("shared.db"), DB_WRITE, &silent);
        for (int i = 0; i < rows && !err; i++) {
            char setting[64];
            snprintf(setting, sizeof(setting), "C=%d I=%d", c, i);
            err = db_put_result(db, &(struct tune_result){.key = {"p", "d", "1"},
                                                          .variant = "v",
                                                          .setting = setting,
                                                          .source = "s",
                                                          .status = "ok",
                                                          .why = ""});
        }
        if (err)
            fprintf(stderr, "writer %d: %s\n", c, ocelli_error());
        db_close(&db);
        _exit(err ? 1 : 0);
    }
    for (int c = 0; c < WRITERS; c++) {
        ck_assert_int_eq(waitpid(child[c], &status, 0), child[c]);
        ck_assert_int_eq(status, 0);
    }
    struct tune_db *db = opened("shared.db", DB_READ);
    assert_ok(db_each_result(db, NULL, count_result, &n));
    ck_assert_int_eq(n, WRITERS * rows);
    assert_ok(db_check(db));
    db_close(&db);
}
END_TEST

/* ---- Records ---- */

START_TEST(test_records)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"parameters\":{\"A\":[]}}",
        "{\"parameters\":{\"A\":[1,2]}}",
        "{\"parameters\":{\"A\":[1,2]}}\n{\"at\":[3],\"ms\":1}\n",
        "{\"parameters\":{\"A\":[1,2]}}\n{\"at\":[1],\"ms\":0}\n",
        "{\"parameters\":{\"A\":[1,2]}}\n{\"at\":[1,2],\"ms\":1}\n",
        "{\"parameters\":{\"A\":[1,2]}}\n{\"at\":[1],\"ms\":1}\n{",
    };
    struct record *r = NULL;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_ok(file_replace(in_dir("bad.jsonl"), bad[i], strlen(bad[i]), 0600));
        assert_fails(record_read(&r, in_dir("bad.jsonl")), OCELLI_ERR_FORMAT, "bad.jsonl");
    }
    struct tune_db *db = opened("r.db", DB_WRITE);
    struct tune_result row = {{"p", "d", "1"}, "v", NULL, "s", "ok", "", 0, 0};
    for (int i = 0; i < 6; i++) {
        char setting[32];
        snprintf(setting, sizeof(setting), "A=%d B=%d", 1 + i % 2, 10 * (1 + i / 2));
        row.setting = setting;
        row.status = i == 3 ? "wrong" : "ok";
        row.ms = i == 3 ? 0 : 1 + i;
        assert_ok(db_put_result(db, &row));
    }
    assert_ok(record_write(db, &row.key, in_dir("good.jsonl.gz")));
    db_close(&db);
    assert_ok(record_read(&r, in_dir("good.jsonl.gz")));
    ck_assert_int_eq(r->good, 5);
    ck_assert(r->best == 1 && r->median == 3);
    ck_assert(space_valid(&r->space, (int[]){1, 2}) && !space_valid(&r->space, (int[]){1, 1}));
    record_free(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tune");
    TCase *t = tcase_create("tune");
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_set_timeout(t, 300);
    tcase_add_test(t, test_rows);
    tcase_add_test(t, test_hostile);
    tcase_add_test(t, test_setting);
    tcase_add_test(t, test_layers);
    tcase_add_test(t, test_revert);
    tcase_add_test(t, test_read_only);
    tcase_add_test(t, test_writers);
    tcase_add_test(t, test_records);
    suite_add_tcase(s, t);
    return run_suite(s);
}
