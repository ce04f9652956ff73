/* Plans without a device: their text, against what it was (tests/golden). */
#include "plan_nets.h"

#include <stdio.h>

#include "base/file.h"

static const struct {
    const char *name;
    int net, batch;
    enum mode mode;
    struct ocelli_plan_params p;
    const char *style; /* OCELLI_STYLE; NULL: a processor */
} goldens[] = {
    {"lenet", 0, 1, FORWARD, {0}, NULL},
    {"lenet-ref", 0, 1, FORWARD, {.variant = "ref"}, NULL},
    {"lenet-not-fused", 0, 1, FORWARD, {.no_fusion = true}, NULL},
    {"lenet-train", 0, 64, TRAIN, {0}, NULL},
    {"residual", 1, 2, FORWARD, {0}, NULL},
    {"residual-train", 1, 2, TRAIN, {0}, NULL},
    {"forked-train", 2, 3, TRAIN, {0}, NULL},
    {"lenet-gpu", 0, 1, FORWARD, {0}, "gpu"},
    {"residual-train-gpu", 1, 32, TRAIN, {0}, "gpu"},
    {"residual-half", 1, 2, FORWARD, {.storage = OCELLI_F16}, NULL},
};

static void dump(const struct ocelli_plan *p, struct text *t)
{
    struct ocelli_plan_memory m;
    for (int i = 0; i < ocelli_plan_steps(p); i++) {
        struct ocelli_step s;
        assert_ok(ocelli_plan_step((struct ocelli_plan *)p, i, &s));
        text_add(t, "%s\n", s.text);
    }
    ocelli_plan_get_memory(p, &m);
    text_add(t, "weights %llu io %llu arena %llu scratch %llu live %llu peak %llu\n",
             (unsigned long long)m.weights, (unsigned long long)m.io, (unsigned long long)m.arena,
             (unsigned long long)m.scratch, (unsigned long long)m.live, (unsigned long long)m.peak);
}

/* Line by line, to show the one that changed. */
static void compare_lines(const char *file, const char *got, const char *want)
{
    for (int line = 1; *got || *want; line++) {
        int n = (int)strcspn(got, "\n"), m = (int)strcspn(want, "\n");
        ck_assert_msg(n == m && strncmp(got, want, (size_t)n) == 0,
                      "%s:%d:\n#  is %.*s\n# not %.*s", file, line, n, got, m, want);
        got += n + (got[n] != 0);
        want += m + (want[m] != 0);
    }
}

/* OCELLI_GOLDEN=write in the environment writes them anew; git shows what changed. */
START_TEST(golden)
{
    struct ocelli_device *null;
    struct ocelli_plan *p;
    struct ocelli_graph *g = make(goldens[_i].net, goldens[_i].batch, goldens[_i].mode);
    struct text t = {0};
    char path[512], *want;
    size_t bytes;
    ck_assert_int_eq(setenv("OCELLI_STYLE", goldens[_i].style ? goldens[_i].style : "", 1), 0);
    assert_ok(ocelli_device_open(&null, &(struct ocelli_device_params){.device = "null"}));
    assert_ok(ocelli_plan_create(&p, null, g, &goldens[_i].p));
    dump(p, &t);
    snprintf(path, sizeof(path), "%s/%s.txt", GOLDEN_DIR, goldens[_i].name);
    if (getenv("OCELLI_GOLDEN") && strcmp(getenv("OCELLI_GOLDEN"), "write") == 0)
        assert_ok(file_replace(path, t.s, t.len, 0644));
    assert_ok(file_read(path, 1 << 20, &want, &bytes));
    compare_lines(goldens[_i].name, t.s, want);
    free(want);
    text_free(&t);
    ocelli_plan_destroy(&p);
    ocelli_device_close(&null);
    ocelli_graph_destroy(&g);
}
END_TEST

START_TEST(null_device_cannot_run)
{
    struct ocelli_device *null;
    struct ocelli_plan *p;
    struct ocelli_graph *g = make(0, 1, FORWARD);
    assert_ok(ocelli_device_open(&null, &(struct ocelli_device_params){.device = "null"}));
    assert_ok(ocelli_plan_create(&p, null, g, NULL));
    ck_assert_ptr_null(ocelli_plan_tensor(p, "image"));
    assert_fails(ocelli_plan_run(p), OCELLI_ERR_UNSUPPORTED, "null device");
    assert_fails(ocelli_plan_bind(p, "image", NULL), OCELLI_ERR_UNSUPPORTED, "null device");
    ocelli_plan_destroy(&p);
    ocelli_plan_destroy(&p);
    ocelli_plan_destroy(NULL);
    ocelli_device_close(&null);
    ocelli_graph_destroy(&g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dump");
    TCase *tc = tcase_create("null device");
    tcase_add_loop_test(tc, golden, 0, (int)COUNT(goldens));
    tcase_add_test(tc, null_device_cannot_run);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
