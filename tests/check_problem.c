/* Problem strings, attributes, inference, the choice of variants and the checks on launches. No device. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "ops/attrs.h"
#include "ops/shared.h"
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

/* What is printed can be parsed, and prints the same. */
static void check_print(const char *s, const char *want)
{
    struct problem p = parsed(s);
    struct text t = {0}, again = {0};
    problem_print(&p, &t);
    ck_assert_str_eq(t.s, want);
    p = parsed(t.s);
    problem_print(&p, &again);
    ck_assert_str_eq(again.s, want);
    text_free(&t);
    text_free(&again);
}

START_TEST(test_print)
{
    static const char *const same[] = {
        "bias x=2x3x4x5 b=3",
        "bias x=2x3x4x5 b=3 bias=3 residual=1 act=relu",
        "bias x=2x3x4x5 b=3 act=tanh,1.71589994,0.666666687 grad=sigmoid",
        "bias x=2x3 b=3 grad=tanh,2,0.5",
        "unary x=7 kind=tanh alpha=1.71589994",
        "unary x=scalar kind=sigmoid",
        "reshape x=2x3:i32 shape=3x-1",
        "reshape x=2x3:u8 shape=6",
        "softmax_xent x=5x7 labels=5:i32",
        "in_top_k x=5x7 labels=5:i32 k=3",
        "sgd w=3x4 g=3x4 lr=scalar",
        "sgd w=3x4 g=3x4 lr=scalar v=3x4 momentum=0.899999976 weight_decay=0.00100000005 nesterov=1",
        "conv2d x=1x2x5x5 w=4x2x3x3 pad=1,0,1,0 bias=4 act=relu",
    };
    for (size_t i = 0; i < COUNT(same); i++)
        check_print(same[i], same[i]);
    /* Defaults are left out, order and blanks do not matter. */
    check_print("  in_top_k   labels=5:i32\tk=1 x=5x7\n", "in_top_k x=5x7 labels=5:i32");
    check_print("unary x=7 kind=tanh alpha=1 beta=1", "unary x=7 kind=tanh");
    check_print("conv2d stride=2 w=4x2x3x3 x=1x2x5x5 act=tanh,1,1",
                "conv2d x=1x2x5x5 w=4x2x3x3 stride=2,2 act=tanh");
    check_print("sgd w=1 g=1 lr=scalar nesterov=0 momentum=0", "sgd w=1 g=1 lr=scalar");
}
END_TEST

START_TEST(test_defaults)
{
    struct ocelli_unary_params u = {.kind = OCELLI_TANH};
    assert_ok(attr_defaults(&op_unary, &u));
    ck_assert_float_eq(u.alpha, 1);
    ck_assert_float_eq(u.beta, 1);
    u = (struct ocelli_unary_params){.kind = OCELLI_TANH, .alpha = 1.7159f, .beta = 0.5f};
    assert_ok(attr_defaults(&op_unary, &u));
    ck_assert_float_eq(u.alpha, 1.7159f);
    ck_assert_float_eq(u.beta, 0.5f);
    u = (struct ocelli_unary_params){0};
    assert_fails(attr_defaults(&op_unary, &u), OCELLI_ERR_INVALID, "unary: kind");
    u.kind = 99;
    assert_fails(attr_defaults(&op_unary, &u), OCELLI_ERR_INVALID, "unary: kind is 99");

    struct ocelli_in_top_k_params k = {0};
    assert_ok(attr_defaults(&op_in_top_k, &k));
    ck_assert_int_eq(k.k, 1);
    k.k = -1;
    assert_fails(attr_defaults(&op_in_top_k, &k), OCELLI_ERR_INVALID, "k is -1");

    /* In pairs a zero second entry repeats the first. */
    struct ocelli_conv2d_params c = {.stride = {3}, .dilation = {2, 1}};
    assert_ok(attr_defaults(&op_conv2d, &c));
    ck_assert_int_eq(c.stride[0], 3);
    ck_assert_int_eq(c.stride[1], 3);
    ck_assert_int_eq(c.dilation[0], 2);
    ck_assert_int_eq(c.dilation[1], 1);
    ck_assert_int_eq(c.groups, 1);
    ck_assert_int_eq(c.pad[3], 0);
    c.stride[1] = -1;
    assert_fails(attr_defaults(&op_conv2d, &c), OCELLI_ERR_INVALID, "stride");

    struct sgd_attr s = {.momentum = -0.5f};
    assert_fails(attr_defaults(&op_sgd, &s), OCELLI_ERR_INVALID, "momentum");
    struct reshape_attr r = {{2, {-1, -1}}};
    assert_fails(attr_defaults(&op_reshape, &r), OCELLI_ERR_INVALID, "more than one");
    r.shape = (struct ocelli_shape){9, {1}};
    assert_fails(attr_defaults(&op_reshape, &r), OCELLI_ERR_INVALID, "rank 9");
}
END_TEST

START_TEST(test_bad_strings)
{
    static const struct {
        const char *s;
        int code;
        const char *words;
    } bad[] = {
        {"", OCELLI_ERR_INVALID, "\"\" is no operation"},
        {"  ", OCELLI_ERR_INVALID, "\"\" is no operation"},
        {"convolute x=1", OCELLI_ERR_INVALID, "\"convolute\" is no operation"},
        {"bias", OCELLI_ERR_INVALID, "input x is missing"},
        {"bias x=2x3", OCELLI_ERR_INVALID, "input b is missing"},
        {"bias x=2x3 b", OCELLI_ERR_INVALID, "\"b\" is not key=value"},
        {"bias x=2x3 =3", OCELLI_ERR_INVALID, "not key=value"},
        {"bias x= b=3", OCELLI_ERR_INVALID, "\"\" is no shape"},
        {"bias x=2x b=3", OCELLI_ERR_INVALID, "is no shape"},
        {"bias x=-2x3 b=3", OCELLI_ERR_INVALID, "is no shape"},
        {"bias x=0x3 b=3", OCELLI_ERR_INVALID, "is no shape"},
        {"bias x=2x3:f65 b=3", OCELLI_ERR_INVALID, "\"f65\" is no element type"},
        {"bias x=2x3: b=3", OCELLI_ERR_INVALID, "is no element type"},
        {"bias x=1x1x1x1x1x1x1x1x1 b=1", OCELLI_ERR_INVALID, "is no shape"},
        {"bias x=99999999999999999999x2 b=2", OCELLI_ERR_INVALID, "is no shape"},
        {"bias x=4000000000x4000000000 b=2", OCELLI_ERR_INVALID, "is no shape"},
        {"bias x=2x3 x=2x3 b=3", OCELLI_ERR_INVALID, "x is there twice"},
        {"bias x=2x3 b=3 stride=2", OCELLI_ERR_INVALID, "there is no \"stride\""},
        {"bias x=2x3 b=3 act=swish", OCELLI_ERR_INVALID, "\"swish\" is no function"},
        {"bias x=2x3 b=3 act=relu,1,2", OCELLI_ERR_INVALID, "no parameters of relu"},
        {"bias x=2x3 b=3 act=tanh,1", OCELLI_ERR_INVALID, "no parameters of tanh"},
        {"bias x=2x3 b=3 act=tanh,1,2,3", OCELLI_ERR_INVALID, "no parameters of tanh"},
        {"bias x=2x3 b=3 residual=2", OCELLI_ERR_INVALID, "no value for residual"},
        {"bias x=2x3 b=3 bias=0", OCELLI_ERR_INVALID, "no value for bias"},
        {"bias x=2x3 b=3 bias=4", OCELLI_ERR_SHAPE, "epilogue: bias is f32 4, not f32 3"},
        {"bias x=2x3 b=4", OCELLI_ERR_SHAPE, "not one value for each of the 3 channels"},
        {"unary x=3 kind=relu act=relu", OCELLI_ERR_INVALID, "unary takes no epilogue"},
        {"unary x=3 kind=relu alpha=1,2", OCELLI_ERR_INVALID, "no value for alpha"},
        {"unary x=3 kind=relu alpha=nan", OCELLI_ERR_INVALID, "alpha is nan"},
        {"in_top_k x=5x7 labels=5:i32 k=1.5", OCELLI_ERR_INVALID, "no value for k"},
        {"in_top_k x=5x7 labels=5:i32 k=1e10", OCELLI_ERR_INVALID, "no value for k"},
        {"sgd w=3 g=3 lr=scalar nesterov=yes", OCELLI_ERR_INVALID, "no value for nesterov"},
        {"reshape x=6 shape=2x", OCELLI_ERR_INVALID, "no value for shape"},
        {"reshape x=6 shape=4", OCELLI_ERR_SHAPE, "which do not make 4"},
        {"conv2d x=1x2x5x5 w=4x2x3x3 pad=1,2", OCELLI_ERR_INVALID, "no value for pad"},
        {"conv2d x=1x2x5x5 w=4x3x3x3", OCELLI_ERR_SHAPE, "conv2d"},
    };
    struct problem p;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_fails(problem_parse(bad[i].s, &p, attr), bad[i].code, bad[i].words);
}
END_TEST

START_TEST(test_infer)
{
    struct problem p = parsed("bias x=2x3x4x5 b=3 bias=3 residual=1 grad=relu");
    ck_assert_int_eq(p.n_in, 5);
    ck_assert_int_eq(p.n_out, 1);
    ck_assert_int_eq(p.epi.bias, 2);
    ck_assert_int_eq(p.epi.residual, 3);
    ck_assert_int_eq(p.epi.grad_y, 4);
    ck_assert(desc_equal(&p.in[3], &p.out[0]));
    assert_ok(problem_infer(&p));

    struct problem q = p;
    q.in[3].shape.dim[3] = 6;
    assert_fails(problem_infer(&q), OCELLI_ERR_SHAPE, "residual is f32 2x3x4x6, not f32 2x3x4x5");
    q = p;
    q.in[4].dtype = OCELLI_I32;
    assert_fails(problem_infer(&q), OCELLI_ERR_SHAPE, "grad is i32");
    q = p;
    q.epi.bias = 0; /* one of the operation's own */
    assert_fails(problem_infer(&q), OCELLI_ERR_INVALID, "bias is input 0");
    q = p;
    q.epi.residual = 5;
    assert_fails(problem_infer(&q), OCELLI_ERR_INVALID, "residual is input 5");
    q = p;
    q.n_in = 4;
    assert_fails(problem_infer(&q), OCELLI_ERR_INVALID, "4 inputs");
    q = p;
    q.epi.act.kind = 77;
    assert_fails(problem_infer(&q), OCELLI_ERR_INVALID, "77 is no function");
    q = p;
    q.epi.grad.kind = 0;
    assert_fails(problem_infer(&q), OCELLI_ERR_INVALID, "0 is no function");
    q = p;
    q.in[1].shape.rank = -1;
    assert_fails(problem_infer(&q), OCELLI_ERR_INVALID, "input b is missing");

    p = parsed("unary x=3 kind=relu");
    p.attr = NULL;
    assert_fails(problem_infer(&p), OCELLI_ERR_INVALID, "no attributes");

    p = parsed("reshape x=4x6:i32 shape=3x-1x2");
    ck_assert_int_eq(p.out[0].dtype, OCELLI_I32);
    ck_assert(shape_equal(&p.out[0].shape, &OCELLI_SHAPE(3, 4, 2)));
    p = parsed("softmax_xent x=5x7 labels=5:i32");
    ck_assert(shape_equal(&p.out[0].shape, &OCELLI_SHAPE(5)));
    p = parsed("bias_bwd dy=2x3x4x5");
    ck_assert(shape_equal(&p.out[0].shape, &OCELLI_SHAPE(3)));
    p = parsed("sgd w=3 g=3 lr=scalar");
    ck_assert_int_eq(p.n_out, 0);
    ck_assert_int_eq(p.in[3].shape.rank, -1);
}
END_TEST

START_TEST(test_cost)
{
    struct problem p = parsed("add a=10x10 b=10x10");
    struct cost c = problem_cost(&p);
    ck_assert_double_eq(c.flops, 100);
    ck_assert_double_eq(c.bytes, 1200);
    ck_assert_double_eq(c.macs, 0);
    /* What is updated is read and written. */
    p = parsed("sgd w=100 g=100 lr=scalar v=100 momentum=0.5");
    c = problem_cost(&p);
    ck_assert_double_eq(c.bytes, 2004);
    ck_assert_double_eq(c.flops, 400);
}
END_TEST

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
    assert_fails(problem_select(&p, &cpu, "conv3d/ref", &v, tv), OCELLI_ERR_INVALID,
                 "\"conv3d\" is no operation");
    assert_fails(problem_select(&p, &cpu, "bias/direct", &v, tv), OCELLI_ERR_INVALID,
                 "bias has no \"direct\"");
    assert_fails(problem_select(&p, &cpu, "conv2d/", &v, tv), OCELLI_ERR_INVALID, "conv2d has no \"\"");

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

START_TEST(test_plan)
{
    struct problem p = parsed("bias x=2x3x4x5 b=3 bias=3 residual=1 act=tanh,2,0.5 grad=relu");
    static const char *const names[] = {"y", "x", "b", "n", "channels", "channels_mul",
                                        "channels_shift", "spatial_mul", "spatial_shift", "bias",
                                        "residual", "grad_y"};
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
    ck_assert_str_eq(k->defines.s, " -DACT=act_tanh -DACT_ALPHA=2.00000000e+00f"
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
        {spoil_define, "no program"},
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

/* ---- The dictionary ---- */

START_TEST(test_dictionary)
{
    int n = 0;
    for (; ops[n]; n++) {
        const struct op *op = ops[n];
        const struct variant *last = NULL;
        ck_assert_ptr_eq(op_find(op->name), op);
        ck_assert_msg(op->attr_size <= PROBLEM_ATTR_BYTES, "%s", op->name);
        ck_assert_ptr_nonnull(op->infer);
        ck_assert_msg(op_inputs(op) >= 1, "%s", op->name);
        for (const struct variant *v = op->variants; v && v->name; v++) {
            int tunables = 0;
            while (v->tunables && v->tunables[tunables].name)
                tunables++;
            ck_assert_int_le(tunables, MAX_TUNABLES);
            ck_assert_ptr_eq(op_variant(op, v->name), v);
            last = v;
        }
        if (op->flags & OP_ALIAS)
            continue;
        ck_assert_msg(last && strcmp(last->name, "ref") == 0 &&
                          (!last->applicable || last->applicable == types_fit),
                      "%s: the last variant is not a ref that always applies", op->name);
    }
    ck_assert_int_ge(n, 22);
    ck_assert_ptr_null(op_find("nothing"));
    ck_assert_ptr_null(op_variant(&op_bias, "nothing"));
}
END_TEST

START_TEST(test_act)
{
    for (int kind = 1; act_words[kind - 1]; kind++) {
        ck_assert_str_eq(act_info(kind)->word, act_words[kind - 1]);
        ck_assert_int_eq(act_kind(act_words[kind - 1]), kind);
        ck_assert_ptr_nonnull(act_info(kind));
    }
    ck_assert_int_eq(act_kind("none"), 0);
    ck_assert_ptr_null(act_info(0));
    ck_assert_ptr_null(act_info(-1));
    ck_assert_ptr_null(act_info(100));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("problem");
    TCase *t = tcase_create("problem");
    tcase_add_test(t, test_print);
    tcase_add_test(t, test_defaults);
    tcase_add_test(t, test_bad_strings);
    tcase_add_test(t, test_infer);
    tcase_add_test(t, test_cost);
    tcase_add_test(t, test_select);
    tcase_add_test(t, test_plan);
    tcase_add_test(t, test_plan_checks);
    tcase_add_test(t, test_dictionary);
    tcase_add_test(t, test_act);
    suite_add_tcase(s, t);
    return run_suite(s);
}
