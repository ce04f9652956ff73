/* Judging: relatives of problems, and verdicts on right and wrong candidates. */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "measure/judge.h"
#include "measure/task.h"
#include "test.h"
#include "tune/setting.h"
#include "tune/space.h"

static struct ocelli_device *dev;

static struct work *work_of(const char *problem)
{
    struct work *w = NULL;
    assert_ok(work_problem(&w, problem, device_caps(dev)));
    return w;
}

/* How many small cases a candidate applies to: the default, or (seed 0, 1, ..) another setting of
 * the same variant that fits the problem. */
static int judged_on(const struct work *w, const char *problem, int seed)
{
    _Alignas(16) char attr[PROBLEM_ATTR_BYTES];
    const struct variant *v;
    struct problem p;
    struct text setting = {0};
    int tv[MAX_TUNABLES], point[SPACE_PARAMS], n = 0;
    assert_ok(problem_parse(problem, &p, attr));
    assert_ok(problem_select(&p, device_caps(dev), NULL, &v, tv));
    struct space_hold hold = {&p, device_caps(dev), v};
    struct space space;
    space_of_variant(&space, &hold);
    for (uint64_t t = 0; seed >= 0 && space.n > 0 && t < 1000; t++) {
        for (int i = 0; i < space.n; i++)
            point[i] =
                (int)(random_at((uint64_t)seed, t, (uint64_t)i) % (uint64_t)space.param[i].n);
        if (space_valid(&space, point)) {
            space_values(&space, point, tv);
            break;
        }
    }
    setting_print(v, tv, &setting);
    const struct candidate k = {v->name, setting.s ? setting.s : ""};
    for (int c = 0; c < w->n_cases - 1; c++) {
        struct launches l = {0};
        n += w->plan(w->user, c, &k, &l) == 0;
        launches_free(&l);
    }
    text_free(&setting);
    return n;
}

/* Every kind of problem that matters has at least three small relatives to be judged on; its
 * default on three of them, and few candidates on none. */
START_TEST(test_relatives)
{
    static const char *const problems[] = {
        "gemm a=1x9216 b=4096x9216 trans_b=1 bias=4096 act=relu",
        "gemm a=256x384 b=384x192",
        "conv2d x=2x64x56x56 w=64x64x3x3 pad=1,1,1,1 bias=64 residual=1 act=relu",
        "conv2d_blocked x=1x4x56x56x16 w=4x4x1x1x16x16 b=4x16 channels=64,64 act=relu",
        "conv2d_blocked x=1x16x13x13x16 w=24x36x256x16 b=24x16 pad=1,1,1,1 form=winograd "
        "channels=256,384 act=relu",
        "conv2d_blocked x=1x24x13x13x16 w=24x36x192x16 b=24x16 pad=1,1,1,1 groups=2 form=winograd "
        "channels=384,384 "
        "act=relu",
        "conv2d_blocked x=1x3x224x224 w=4x3x7x7x1x16 b=4x16 stride=2,2 pad=3,3,3,3 channels=3,64 "
        "act=relu",
        "conv2d_bwd_weights dy=8x32x28x28 x=8x16x28x28 kernel=3,3 pad=1,1,1,1",
        "pool2d x=1x4x112x112x16 kernel=3,3 stride=2,2 pad=1,1,1,1",
        "softmax x=64x1000",
        "lrn_blocked x=1x6x55x55x16 size=5",
    };
    for (size_t i = 0; i < COUNT(problems); i++) {
        struct work *w = NULL;
        w = work_of(problems[i]);
        ck_assert_msg(w->n_cases >= 4, "%s: %d cases", problems[i], w->n_cases);
        for (int c = 0; c < w->n_cases - 1; c++)
            ck_assert_str_ne(w->cases[c].text, w->cases[w->n_cases - 1].text);
        ck_assert_msg(judged_on(w, problems[i], -1) >= 3, "%s: its default", problems[i]);
        int served = 0;
        for (int seed = 0; seed < 8; seed++)
            served += judged_on(w, problems[i], seed) > 0;
        ck_assert_msg(served >= 6, "%s: only %d of 8 settings", problems[i], served);
        work_destroy(&w);
    }
}
END_TEST

START_TEST(test_verdicts)
{
    struct work *w = work_of("gemm a=33x40 b=40x50 bias=50");
    struct judge *j = NULL;
    struct verdict v;
    struct race r;
    const struct candidate ref = {"ref", "GROUP=64"}, plain = {"ref", "GROUP=1"};
    assert_ok(judge_create(&j, dev, w, NULL, NULL));
    assert_ok(judge_check(j, &ref, &v));
    ck_assert_msg(strcmp(v.status, STATUS_OK) == 0, "%s: %s", v.status, v.why);
    assert_ok(judge_check(j, &(struct candidate){"ref", "GROUP=3"}, &v));
    ck_assert_str_eq(v.status, STATUS_CONSTRAINT);
    assert_ok(judge_check(j, &(struct candidate){"best", ""}, &v));
    ck_assert_str_eq(v.status, STATUS_CONSTRAINT);
    assert_ok(judge_race(j, &plain, &ref, &(struct race_params){3, 0.002, 0, false}, &r));
    ck_assert_msg(strcmp(r.verdict.status, STATUS_OK) == 0, "%s", r.verdict.why);
    ck_assert(r.a_ms > 0 && r.b_ms > 0 && r.ratio > 0 && r.spread >= 0);
    judge_destroy(&j);
    work_destroy(&w);
}
END_TEST

/* What search may begin with what won for another problem. */
START_TEST(test_distances)
{
    const char *a = "conv2d x=1x64x56x56 w=64x64x3x3 pad=1,1,1,1 bias=64 act=relu";
    const double batch = problem_distance(a, "conv2d x=2x64x56x56 w=64x64x3x3 pad=1,1,1,1 bias=64 "
                                             "act=relu");
    const double act = problem_distance(a, "conv2d x=1x64x56x56 w=64x64x3x3 pad=1,1,1,1 bias=64");
    const double other =
        problem_distance(a, "conv2d x=1x512x7x7 w=512x512x3x3 pad=1,1,1,1 bias=64");
    ck_assert(problem_distance(a, a) == 0);
    ck_assert(batch > 0 && batch < act && act < other && isfinite(other));
    ck_assert(problem_distance("kernel a N=4", "kernel a N=8") < 1);
    ck_assert(isinf(problem_distance("kernel a N=4", "kernel b N=4")));
    ck_assert(isinf(problem_distance("gemm a=4x4 b=4x4", "gemm_sgd a=4x4 b=4x4")));
    ck_assert(isinf(problem_distance(a, "pool2d x=1x64x56x56")));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("measure");
    TCase *t = tcase_create("measure");
    if (ocelli_device_open(&dev, NULL) != 0)
        return 77;
    tcase_set_timeout(t, 300);
    tcase_add_test(t, test_relatives);
    tcase_add_test(t, test_verdicts);
    tcase_add_test(t, test_distances);
    suite_add_tcase(s, t);
    int status = run_suite(s);
    ocelli_device_close(&dev);
    return status;
}
