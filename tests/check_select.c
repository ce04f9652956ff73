/* The choice of variants, and the checks on the launches that they write. No device. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "ops/attrs.h"
#include "test.h"

static _Alignas(16) char attr[PROBLEM_ATTR_BYTES];

static const struct caps cpu = {
    .type = OCELLI_DEVICE_CPU,
    .cpu_style = true,
    .compute_units = 2,
    .vector_width = 8,
    .max_group = 4096,
    .max_item = {4096, 4096, 4096},
    .local_bytes = 1 << 16,
    .align = 128,
    .memory_bytes = 1 << 30,
    .max_alloc = 1 << 28,
};

static const struct caps gpu = {
    .type = OCELLI_DEVICE_GPU,
    .compute_units = 16,
    .vector_width = 4,
    .max_group = 256,
    .max_item = {256, 256, 64},
    .local_bytes = 1 << 15,
    .align = 256,
    .memory_bytes = 1 << 30,
    .max_alloc = 1 << 28,
};

static struct problem parsed(const char *s)
{
    struct problem p;
    assert_ok(problem_parse(s, &p, attr));
    return p;
}

START_TEST(test_select)
{
    struct problem p = parsed("conv2d x=1x16x14x14 w=32x16x3x3");
    const struct variant *v, *best;
    int tv[MAX_TUNABLES];
    assert_ok(problem_select(&p, &cpu, NULL, &best, tv));
    assert_ok(problem_select(&p, &cpu, "", &v, tv));
    ck_assert_ptr_eq(v, best);
    assert_ok(problem_select(&p, &cpu, "ref", &v, tv));
    ck_assert_str_eq(v->name, "ref");
    assert_ok(problem_select(&p, &cpu, "bias/ref", &v, tv));
    ck_assert_ptr_eq(v, best);
    assert_ok(problem_select(&p, &cpu, "bias/ref,conv2d/ref", &v, tv));
    ck_assert_str_eq(v->name, "ref");
    /* OP/VARIANT goes before VARIANT, wherever it stands. */
    assert_ok(problem_select(&p, &cpu, "conv2d/direct,ref", &v, tv));
    ck_assert_str_eq(v->name, "direct");
    assert_ok(problem_select(&p, &cpu, "ref,conv2d/direct", &v, tv));
    ck_assert_str_eq(v->name, "direct");
    assert_ok(problem_select(&p, &cpu, "conv2d/ref,conv2d/direct,", &v, tv));
    ck_assert_str_eq(v->name, "direct");
    assert_fails(problem_select(&p, &cpu, "fast", &v, tv), OCELLI_ERR_INVALID,
                 "no operation has a \"fast\"");
    assert_fails(problem_select(&p, &cpu, "conv9d/ref", &v, tv), OCELLI_ERR_INVALID,
                 "\"conv9d\" is no operation");
    assert_fails(problem_select(&p, &cpu, "bias/direct", &v, tv), OCELLI_ERR_INVALID,
                 "bias has no \"direct\"");
    assert_fails(problem_select(&p, &cpu, "conv2d/", &v, tv), OCELLI_ERR_INVALID,
                 "conv2d has no \"\"");

    /* A reference variant on every kind of device. */
    p = parsed("softmax x=3x5");
    assert_ok(problem_select(&p, &cpu, NULL, &v, tv));
    ck_assert_int_eq(tv[0], 1);
    assert_ok(problem_select(&p, &gpu, NULL, &v, tv));
    ck_assert_int_eq(tv[0], 64);
    p = parsed("reshape x=6 shape=2x3");
    assert_fails(problem_select(&p, &cpu, NULL, &v, tv), OCELLI_ERR_UNSUPPORTED,
                 "reshape x=6 shape=2x3");
}
END_TEST

/* A device whose work-groups are small has a variant for every problem. */
START_TEST(test_small_groups)
{
    static const size_t sizes[] = {128, 16, 1};
    int planned = 0;
    for (int i = 0; ops[i]; i++) {
        char path[512], line[512];
        snprintf(path, sizeof(path), GOLDEN_DIR "/../problems/%s.txt", ops[i]->name);
        FILE *f = fopen(path, "r");
        ck_assert_msg(f != NULL, "%s", path);
        while (ops[i]->variants && ops[i]->variants[0].name && fgets(line, sizeof(line), f)) {
            struct problem p;
            if (strchr("#!\n", line[0]) || strstr(line, "f64") || problem_parse(line, &p, attr) != 0)
                continue;
            for (size_t k = 0; k < COUNT(sizes); k++) {
                struct caps small = gpu;
                const struct variant *v;
                struct launches l;
                int tv[MAX_TUNABLES];
                small.max_group = small.max_item[0] = small.max_item[1] = small.max_item[2] = sizes[k];
                small.memory_bytes = small.max_alloc = (uint64_t)1 << 40;
                assert_ok(problem_select(&p, &small, NULL, &v, tv));
                assert_ok(problem_plan(&p, &small, v, tv, &l));
                launches_free(&l);
                planned++;
            }
        }
        fclose(f);
    }
    ck_assert_int_gt(planned, 1000);
}
END_TEST

START_TEST(test_plan)
{
    struct problem p = parsed("bias x=2x3x4x5 b=3 bias=3 residual=1 act=tanh,2,0.5 grad=relu");
    static const char *const names[] = {"y",
                                        "x",
                                        "b",
                                        "n",
                                        "channels",
                                        "channels_mul",
                                        "channels_shift",
                                        "spatial_mul",
                                        "spatial_shift",
                                        "bias",
                                        "residual",
                                        "grad_y"};
    struct launches l;
    const struct variant *v;
    int tv[MAX_TUNABLES];
    assert_ok(problem_select(&p, &cpu, NULL, &v, tv));
    assert_ok(problem_plan(&p, &cpu, v, tv, &l));
    ck_assert_int_eq(l.n, 1);
    const struct launch *k = &l.item[0];
    ck_assert_str_eq(k->kernel, "bias_ref");
    ck_assert_int_eq(k->n_args, (int)COUNT(names));
    for (int i = 0; i < k->n_args; i++)
        ck_assert_str_eq(k->arg[i].name, names[i]);
    ck_assert_int_eq(k->arg[11].ref.index, 4);
    ck_assert_str_eq(k->defines.s,
                     " -DACT=act_tanh -DACT_ALPHA=2.00000000e+00f"
                     " -DACT_BETA=5.00000000e-01f -DEPI_BIAS -DEPI_RESIDUAL"
                     " -DEPI_GRAD=grad_relu -DEPI_GRAD_ALPHA=1.0f -DEPI_GRAD_BETA=1.0f");
    ck_assert_uint_eq(k->global[0], 256);
    launches_free(&l);

    /* Two stages through a workspace where the sums are long. */
    p = parsed("bias_bwd dy=64x6x28x28");
    assert_ok(problem_select(&p, &cpu, NULL, &v, tv));
    assert_ok(problem_plan(&p, &cpu, v, tv, &l));
    ck_assert_int_eq(l.n, 2);
    ck_assert_int_eq(l.n_scratch, 1);
    ck_assert_uint_eq(l.scratch[0], 13 * 6 * sizeof(float));
    launches_free(&l);

    /* Kernels index with int. */
    p = parsed("add a=65536x32768 b=65536x32768");
    assert_ok(problem_select(&p, &cpu, NULL, &v, tv));
    assert_fails(problem_plan(&p, &cpu, v, tv, &l), OCELLI_ERR_UNSUPPORTED, "elements");
}
END_TEST

/* ---- Variants that write nonsense are caught before a driver sees it ---- */

static void (*spoil)(struct launches *l, struct launch *k);

static int spoiled_plan(const struct problem *p, const struct caps *caps, const int *tv,
                        struct launches *l)
{
    (void)p;
    (void)caps;
    (void)tv;
    struct launch *k = launch_add(l, "bias_ref", "bias_ref");
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_grid1(k, 100, 10);
    spoil(l, k);
    return l->err;
}

static void spoil_nothing(struct launches *l, struct launch *k)
{
    (void)l;
    (void)k;
}
static void spoil_name(struct launches *l, struct launch *k)
{
    (void)l;
    launch_int(k, "x", 1);
}
static void spoil_many(struct launches *l, struct launch *k)
{
    static char names[LAUNCH_MAX_ARGS][8];
    (void)l;
    for (int i = 0; i < LAUNCH_MAX_ARGS; i++) {
        snprintf(names[i], sizeof(names[i]), "n%d", i);
        launch_int(k, names[i], i);
    }
}
static void spoil_input(struct launches *l, struct launch *k)
{
    (void)l;
    launch_in(k, "b", 2);
}
static void spoil_output(struct launches *l, struct launch *k)
{
    (void)l;
    launch_out(k, "z", 1);
}
static void spoil_scratch(struct launches *l, struct launch *k)
{
    (void)l;
    launch_buffer(k, "s", REF_SCRATCH, 0, ACCESS_WRITE);
}
static void spoil_write(struct launches *l, struct launch *k)
{
    (void)l;
    launch_buffer(k, "b", REF_IN, 1, ACCESS_WRITE);
}
static void spoil_unwritten(struct launches *l, struct launch *k)
{
    (void)l;
    k->arg[0].access = ACCESS_READ;
}
static void spoil_group(struct launches *l, struct launch *k)
{
    (void)l;
    launch_grid2(k, 512, 512, 16, 32);
}
static void spoil_item(struct launches *l, struct launch *k)
{
    (void)l;
    launch_grid3(k, 1, 1, 128, 1, 1, 128);
}
static void spoil_multiple(struct launches *l, struct launch *k)
{
    (void)l;
    k->global[0] = 101;
}
static void spoil_empty(struct launches *l, struct launch *k)
{
    (void)l;
    launch_grid1(k, 0, 1);
}
static void spoil_global(struct launches *l, struct launch *k)
{
    (void)l;
    launch_grid1(k, (size_t)INT_MAX + 1, 1);
}
static void spoil_local(struct launches *l, struct launch *k)
{
    (void)l;
    launch_local(k, "tmp", (1 << 15) + 4);
}
static void spoil_workspace(struct launches *l, struct launch *k)
{
    (void)k;
    launch_scratch(l, ((size_t)1 << 28) + 1);
}
static void spoil_define(struct launches *l, struct launch *k)
{
    (void)l;
    k->defines.failed = true;
}

START_TEST(test_plan_checks)
{
    static const struct {
        void (*spoil)(struct launches *, struct launch *);
        const char *words; /* NULL: good */
    } cases[] = {
        {spoil_nothing, NULL},
        {spoil_name, "two arguments of one name"},
        {spoil_many, "too many arguments"},
        {spoil_input, "an input that the problem does not have"},
        {spoil_output, "an output that the problem does not have"},
        {spoil_scratch, "a scratch buffer that there is not"},
        {spoil_write, "writes an input"},
        {spoil_unwritten, "nothing writes y"},
        {spoil_group, "larger than the device allows"},
        {spoil_item, "a local size"},
        {spoil_multiple, "a local size"},
        {spoil_empty, "a global size out of range"},
        {spoil_global, "a global size out of range"},
        {spoil_local, "more local memory"},
        {spoil_workspace, "a workspace of"},
        {spoil_define, "out of memory"},
    };
    static const struct variant v = {.name = "spoiled", .plan = spoiled_plan};
    struct problem p = parsed("bias x=2x3 b=3");
    struct launches l;
    for (size_t i = 0; i < COUNT(cases); i++) {
        spoil = cases[i].spoil;
        int err = problem_plan(&p, &gpu, &v, NULL, &l);
        if (!cases[i].words) {
            ck_assert_msg(err == 0, "%s", ocelli_error());
            launches_free(&l);
            continue;
        }
        ck_assert_msg(err != 0, "%s: accepted", cases[i].words);
        ck_assert_msg(strstr(ocelli_error(), cases[i].words) != NULL, "\"%s\" lacks \"%s\"",
                      ocelli_error(), cases[i].words);
        ck_assert_ptr_null(l.item);
    }
}
END_TEST

/* What is chosen on a graphics processor, and what it can be made to choose. */
START_TEST(test_graphics_processor)
{
    static const struct {
        const char *problem, *variant;
    } chosen[] = {
        {"conv2d x=32x64x56x56 w=64x64x3x3 pad=1,1,1,1", "winograd"},
        {"conv2d x=1x8x7x7 w=8x8x3x3 pad=1,1,1,1", "implicit"},
        {"conv2d x=32x64x56x56 w=64x64x1x1", "implicit"},
        {"conv2d x=32x3x224x224 w=64x3x7x7 stride=2,2 pad=3,3,3,3", "tile"},
        {"conv2d x=8x32x56x56 w=32x1x3x3 pad=1,1,1,1 groups=32", "depthwise"},
        {"conv2d_bwd_data dy=8x32x56x56 w=32x1x3x3 size=56,56 pad=1,1,1,1 groups=32", "ref"},
        {"conv2d_bwd_weights dy=8x32x56x56 x=8x32x56x56 kernel=3,3 pad=1,1,1,1", "implicit"},
        {"gemm a=32x2048 b=1000x2048 trans_b=1", "tile"},
        {"gap x=1x4x512x512", "split"},
        {"gap x=32x512x7x7", "ref"},
        {"batchnorm_stats x=32x64x56x56", "split"},
        {"batchnorm_stats x=2x64x7x7", "ref"},
    };
    const struct variant *v;
    struct caps exact = gpu;
    int tv[MAX_TUNABLES];
    exact.exact = true;
    for (size_t i = 0; i < COUNT(chosen); i++) {
        struct problem p = parsed(chosen[i].problem);
        assert_ok(problem_select(&p, &gpu, NULL, &v, tv));
        ck_assert_msg(strcmp(v->name, chosen[i].variant) == 0, "%s: %s", chosen[i].problem, v->name);
        ck_assert(!v->valid || v->valid(&p, &gpu, tv));
    }
    struct problem p = parsed(chosen[0].problem);
    assert_ok(problem_select(&p, &exact, "winograd", &v, tv));
    ck_assert_str_eq(v->name, "implicit");
    p = parsed(chosen[1].problem); /* forced, it need not pay */
    assert_ok(problem_select(&p, &gpu, "winograd", &v, tv));
    ck_assert_str_eq(v->name, "winograd");
    assert_ok(problem_select(&p, &cpu, "winograd", &v, tv));
    ck_assert_str_eq(v->name, "direct");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("select");
    TCase *t = tcase_create("select");
    tcase_add_test(t, test_select);
    tcase_add_test(t, test_graphics_processor);
    tcase_add_test(t, test_small_groups);
    tcase_add_test(t, test_plan);
    tcase_add_test(t, test_plan_checks);
    suite_add_tcase(s, t);
    return run_suite(s);
}
