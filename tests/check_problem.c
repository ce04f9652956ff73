/* Problem strings, attributes and inference. No device. */
#include <string.h>

#include "ops/attrs.h"
#include "ops/shared.h"
#include "test.h"

static _Alignas(16) char attr[PROBLEM_ATTR_BYTES];

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
        "sgd w=3x4 g=3x4 lr=scalar v=3x4 momentum=0.899999976 weight_decay=0.00100000005 "
        "nesterov=1",
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
    tcase_add_test(t, test_dictionary);
    tcase_add_test(t, test_act);
    suite_add_tcase(s, t);
    return run_suite(s);
}
