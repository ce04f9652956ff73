/* The tuning database and what plans take of it. No OpenCL device: children may be forked here. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "test.h"
#include "tempdir.h"
#include "tune/book.h"
#include "tune/expr.h"
#include "tune/kernel.h"
#include "tune/record.h"
#include "tune/setting.h"
#include "tune/strategy.h"

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

#define GOOD "MR=4 NV=2 PACK_A=1 PACK_B=2 KC=256 MB=4"

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
    ck_assert_int_eq(tv[4], 256);
    ck_assert(!setting_parse("MR=5 NV=2 PACK_A=1 PACK_B=2 KC=256 MB=4", v, tv)); /* no such value */
    ck_assert(!setting_parse("MR=4 NV=2 PACK_A=1 PACK_B=2 KC=256", v, tv)); /* one is missing */
    ck_assert(!setting_parse(GOOD " MB=4", v, tv));                         /* twice */
    ck_assert(!setting_parse(GOOD " XX=4", v, tv));                         /* no such name */
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
    const char *at_site = "MR=6 NV=1 PACK_A=1 PACK_B=1 KC=256 MB=4";
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
    w = winner("MR=5 NV=2 PACK_A=1 PACK_B=2 KC=256 MB=4");
    write_winner("user.db", &w);
    ck_assert_str_eq(asked(&device, NULL), "");
    w = winner("MR=24 NV=4 PACK_A=1 PACK_B=2 KC=256 MB=4");
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

/* ---- Expressions and specifications ---- */

static bool letters(void *user, const char *name, int64_t *out)
{
    (void)user;
    *out = name[0] - 'a' + 1;
    return name[0] >= 'a' && name[0] <= 'z' && !name[1];
}

START_TEST(test_expressions)
{
    static const struct {
        const char *text;
        int64_t value;
    } right[] = {
        {"1 + 2 * 3", 7},
        {"(1 + 2) * 3", 9},
        {"7 / 2", 3},
        {"-7 // 2", -4},
        {"7 % 4 == 3", 1},
        {"a + z", 27},
        {"not a", 0},
        {"!(a == 2)", 1},
        {"a == 1 and b == 3", 0},
        {"a == 2 or b == 2", 1},
        {"a != b", 1},
        {"10 - 4 - 3", 3},
        {"min(c, 2) + max(1, d)", 6},
        {"ceil_div(7, 2)", 4},
        {"round_up(9, 4)", 12},
        {"1 <= 1 && 2 > 1", 1},
    };
    static const char *const wrong[] = {
        "",
        "1 +",
        "(1",
        "1)",
        "1 2",
        "A",
        "a b",
        "1 / 0",
        "5 % (a - 1)",
        "9223372036854775807 + 1",
        "min(1)",
        "99999999999999999999",
        "a(1)",
        "$",
        "1 == == 1",
        "a; b",
    };
    int64_t v;
    for (size_t i = 0; i < COUNT(right); i++) {
        assert_ok(expr_eval(right[i].text, letters, NULL, &v));
        ck_assert_msg(v == right[i].value, "%s is %lld", right[i].text, (long long)v);
    }
    for (size_t i = 0; i < COUNT(wrong); i++)
        ck_assert_msg(expr_eval(wrong[i], letters, NULL, &v) != 0, "\"%s\" was taken", wrong[i]);
    static char deep[20001];
    memset(deep, '(', 20000);
    ck_assert_int_ne(expr_eval(deep, letters, NULL, &v), 0);
    memset(deep, '-', 20000);
    ck_assert_int_ne(expr_eval(deep, letters, NULL, &v), 0);
}
END_TEST

START_TEST(test_t1)
{
    static const char t1[] = "{\"General\": {}, \"ConfigurationSpace\": {\"TuningParameters\": "
                             "[{\"Name\": \"W\", \"Type\": \"int\","
                             " \"Values\": \"[1, 2, 4]\"}, {\"Name\": \"T\", \"Type\": \"int\", "
                             "\"Values\": [1, 3]}], \"Conditions\":"
                             " [{\"Expression\": \"W != 2 or T == 1\", \"Parameters\": [\"W\", "
                             "\"T\"]}]}, \"KernelSpecification\":"
                             " {\"Language\": \"OpenCL\", \"KernelName\": \"add\", \"KernelFile\": "
                             "\"add.cl\", \"GlobalSize\":"
                             " {\"X\": \"1024 / W\"}, \"LocalSize\": {\"X\": 16}, \"Arguments\": "
                             "[{\"Name\": \"y\", \"Type\": \"float\","
                             " \"MemoryType\": \"Vector\", \"AccessType\": \"WriteOnly\", "
                             "\"Size\": 1024}, {\"Name\": \"n\", \"Type\":"
                             " \"int32\", \"MemoryType\": \"Scalar\", \"FillValue\": 1024}]}}";
    struct kernel_spec *k = NULL;
    struct launches l;
    assert_ok(kernel_parse(&k, t1, "/folder", NULL));
    ck_assert_str_eq(k->way.source, "/folder/add");
    ck_assert_int_eq(k->space.n, 2);
    ck_assert(k->space.valid(k->space.user, (int[]){4, 3}));
    ck_assert(!k->space.valid(k->space.user, (int[]){2, 3}));
    assert_ok(kernel_plan(k, 0, (int[]){4, 3}, &l));
    ck_assert_int_eq(l.item[0].global[0], 256);
    ck_assert_int_eq(l.item[0].local[0], 16);
    ck_assert_str_eq(l.item[0].defines.s, " -DW=4 -DT=3");
    launches_free(&l);
    kernel_free(&k);
    assert_fails(
        kernel_parse(
            &k, "{\"ConfigurationSpace\": {}, \"KernelSpecification\": {\"Language\": \"CUDA\"}}",
            ".", NULL),
        OCELLI_ERR_FORMAT, "CUDA");
}
END_TEST

/* ---- Strategies ---- */

static const int twelve[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0};

static bool not_both(void *user, const int *tv)
{
    (void)user;
    return tv[0] * tv[1] <= 60;
}

struct bowl {
    int evals, limit;
    bool seen[12 * 12 * 12];
};

/* Least, 1, at 5, 9, 3; some points are no good. */
static double bowl(void *user, const int *p)
{
    struct bowl *b = user;
    int at = (p[0] * 12 + p[1]) * 12 + p[2];
    ck_assert_msg(!b->seen[at], "asked twice");
    ck_assert_int_le((p[0] + 1) * (p[1] + 1), 60);
    b->seen[at] = true;
    if (b->evals == b->limit)
        return NAN;
    b->evals++;
    if (p[2] == 7)
        return INFINITY;
    return 1 + pow(p[0] - 4, 2) / 8 + pow(p[1] - 8, 2) / 8 + pow(p[2] - 2, 2) / 4;
}

START_TEST(test_strategies)
{
    struct space space = {.n = 3, .valid = not_both};
    for (int i = 0; i < 3; i++) {
        space.param[i].name = "abc";
        space.param[i].values = twelve;
        space.param[i].n = 12;
    }
    for (int i = 0; strategy_names[i]; i++) {
        double cost[2];
        for (int again = 0; again < 2; again++) {
            static struct bowl b;
            b = (struct bowl){.limit = i == 1 ? 5000 : 300};
            struct search s = {.space = &space, .eval = bowl, .user = &b, .seed = 5};
            assert_ok(search_run(&s, strategy_names[i]));
            cost[again] = s.best_cost;
            ck_assert_msg(s.best_cost <= (i == 2 ? 2.5 : 1.3), "%s: %g after %d", strategy_names[i],
                          s.best_cost, s.evals);
        }
        ck_assert(cost[0] == cost[1]);
    }
    struct search s = {.space = &space};
    assert_fails(search_run(&s, "magic"), OCELLI_ERR_INVALID, "magic");
}
END_TEST

/* Nothing valid, and one value only: every strategy comes to an end. */
static bool never(void *user, const int *tv)
{
    (void)user, (void)tv;
    return false;
}

static double one(void *user, const int *p)
{
    (void)user;
    return 1 + p[0];
}

START_TEST(test_small_spaces)
{
    static const int values[] = {1, 2, 0};
    struct space space = {.n = 1, .valid = never};
    space.param[0].name = "a";
    space.param[0].values = values;
    space.param[0].n = 2;
    for (int i = 0; strategy_names[i]; i++) {
        struct search s = {.space = &space, .eval = one};
        space.valid = never;
        assert_ok(search_run(&s, strategy_names[i]));
        ck_assert(isinf(s.best_cost));
        space.valid = NULL;
        assert_ok(search_run(&s, strategy_names[i]));
        ck_assert(s.best_cost == 1);
        ck_assert_int_le(s.evals, 2);
    }
}
END_TEST

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
    tcase_add_test(t, test_read_only);
    tcase_add_test(t, test_writers);
    tcase_add_test(t, test_expressions);
    tcase_add_test(t, test_t1);
    tcase_add_test(t, test_strategies);
    tcase_add_test(t, test_small_spaces);
    tcase_add_test(t, test_records);
    suite_add_tcase(s, t);
    return run_suite(s);
}
