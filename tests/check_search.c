/* Searching without a device: expressions and specifications of kernels, strategies over spaces,
 * recorded spaces. */
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "device/device.h"
#include "test.h"
#include "tune/expr.h"
#include "tune/kernel.h"
#include "tune/record.h"
#include "tune/strategy.h"

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

/* ---- Recorded spaces ---- */

/* What they were recorded on. */
static const struct caps recorder = {
    .type = OCELLI_DEVICE_CPU,
    .cpu_style = true,
    .compute_units = 2,
    .vector_width = 16,
    .max_group = 4096,
    .max_item = {4096, 4096, 4096},
    .local_bytes = 1 << 20,
    .align = 128,
    .memory_bytes = 1 << 30,
    .max_alloc = 1 << 28,
};

/* Each parameter is a tunable, in the same order, each value one of its values. */
static void declares(const struct record *r, const struct space *now, const char *path)
{
    ck_assert_msg(r->space.n == now->n, "%s: %d parameters, declared are %d", path, r->space.n,
                  now->n);
    for (int i = 0; i < now->n; i++) {
        ck_assert_str_eq(r->space.param[i].name, now->param[i].name);
        for (int k = 0; k < r->space.param[i].n; k++) {
            int v = r->space.param[i].values[k], at = 0;
            while (at < now->param[i].n && now->param[i].values[at] != v)
                at++;
            ck_assert_msg(at < now->param[i].n, "%s: %s=%d is not declared", path,
                          now->param[i].name, v);
        }
    }
}

/* A space that no longer fits the declarations fails; one that was recorded from an older source of
 * its kernel still tells strategies apart, so that is only said. */
static void fits(const char *path)
{
    static _Alignas(16) char attr[PROBLEM_ATTR_BYTES];
    struct record *r = NULL;
    struct problem p;
    struct space now;
    struct launches l;
    char source[33] = "";
    int tv[MAX(SPACE_PARAMS, MAX_TUNABLES)], point[SPACE_PARAMS], good = 0, valid = 0;
    assert_ok(record_read(&r, path));
    assert_ok(problem_parse(r->problem, &p, attr));
    struct space_hold hold = {&p, &recorder, op_variant(p.op, r->variant)};
    ck_assert_msg(hold.v != NULL, "%s: %s/%s: there is none", path, p.op->name, r->variant);
    space_of_variant(&now, &hold);
    declares(r, &now, path);
    for (uint64_t rank = 0; rank < (uint64_t)space_size(&r->space); rank++) {
        space_unrank(&r->space, rank, point);
        if (!space_valid(&r->space, point))
            continue;
        space_values(&r->space, point, tv);
        good++;
        ck_assert(space_point(&now, tv, point));
        if (!space_valid(&now, point))
            continue;
        valid++;
        if (source[0])
            continue;
        assert_ok(problem_plan(&p, &recorder, hold.v, tv, &l));
        assert_ok(launches_source(&l, source));
        launches_free(&l);
    }
    ck_assert_int_eq(good, r->good);
    ck_assert_msg(valid == good, "%s: only %d of %d candidates are valid now", path, valid, good);
    if (strcmp(source, r->source) != 0)
        printf("# %s: another source of %s/%s now; tests/spaces/record takes it again\n", path,
               p.op->name, r->variant);
    record_free(&r);
}

START_TEST(test_recorded_spaces)
{
    glob_t found;
    ck_assert_int_eq(glob(GOLDEN_DIR "/../spaces/*.jsonl.gz", 0, NULL, &found), 0);
    ck_assert_int_ge((int)found.gl_pathc, 3);
    for (size_t i = 0; i < found.gl_pathc; i++)
        fits(found.gl_pathv[i]);
    globfree(&found);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("search");
    TCase *t = tcase_create("search");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, test_expressions);
    tcase_add_test(t, test_t1);
    tcase_add_test(t, test_strategies);
    tcase_add_test(t, test_small_spaces);
    tcase_add_test(t, test_recorded_spaces);
    suite_add_tcase(s, t);
    return run_suite(s);
}
