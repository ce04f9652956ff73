/* Building graphs. */
#include "graph_nets.h"

#include <string.h>

START_TEST(lenet_table)
{
    static const struct {
        const char *name, *op;
        int64_t parameters, macs;
    } want[] = {
        {"conv1", "conv2d", 150, 6 * 28 * 28 * 25},
        {"conv1", "bias", 6, 0},
        {"unary", "unary", 0, 0},
        {"pool2d", "pool2d", 0, 0},
        {"conv2", "conv2d", 2400, 16 * 10 * 10 * 150},
        {"conv2", "bias", 16, 0},
        {"unary", "unary", 0, 0},
        {"pool2d", "pool2d", 0, 0},
        {"fc1", "reshape", 0, 0},
        {"fc1", "gemm", 48000, 48000},
        {"fc1", "bias", 120, 0},
        {"unary", "unary", 0, 0},
        {"fc2", "gemm", 10080, 10080},
        {"fc2", "bias", 84, 0},
        {"unary", "unary", 0, 0},
        {"fc3", "gemm", 840, 840},
        {"fc3", "bias", 10, 0},
    };
    lenet(1, false);
    assert_ok(ocelli_graph_status(g));
    ck_assert_int_eq(ocelli_graph_parameters(g), 61706);
    ck_assert_int_eq(ocelli_graph_layers(g), (int)COUNT(want));
    int64_t parameters = 0;
    for (int i = 0; i < (int)COUNT(want); i++) {
        struct ocelli_layer l;
        assert_ok(ocelli_graph_layer(g, i, &l));
        ck_assert_str_eq(l.name, want[i].name);
        ck_assert_str_eq(l.op, want[i].op);
        ck_assert_int_eq(l.parameters, want[i].parameters);
        ck_assert_int_eq(l.macs, want[i].macs);
        ck_assert_int_ge(l.bytes, strcmp(l.op, "reshape") ? 1 : 0);
        parameters += l.parameters;
    }
    ck_assert_int_eq(parameters, 61706);
    struct ocelli_layer l;
    assert_ok(ocelli_graph_layer(g, 0, &l));
    ck_assert(shape_equal(&l.out, &OCELLI_SHAPE(1, 6, 28, 28)));
    assert_fails(ocelli_graph_layer(g, 17, &l), OCELLI_ERR_INVALID, "17");
    assert_fails(ocelli_graph_layer(g, -1, &l), OCELLI_ERR_INVALID, "-1");
}
END_TEST

START_TEST(shared_weight_counts_once)
{
    ocelli_value x = ocelli_input(g, "x", OCELLI_F32, &OCELLI_SHAPE(2, 3));
    ocelli_value w = ocelli_weight(g, "w", &OCELLI_SHAPE(3, 3), NULL);
    ocelli_gemm(g, ocelli_gemm(g, x, w, NULL), w, NULL);
    struct ocelli_layer a, b;
    assert_ok(ocelli_graph_layer(g, 0, &a));
    assert_ok(ocelli_graph_layer(g, 1, &b));
    ck_assert_int_eq(a.parameters, 9);
    ck_assert_int_eq(b.parameters, 0);
    ck_assert_int_eq(ocelli_graph_parameters(g), 9);
}
END_TEST

START_TEST(dense_and_subsample)
{
    ocelli_value x = ocelli_input(g, "x", OCELLI_F32, &OCELLI_SHAPE(1, 256));
    x = ocelli_layer_dense(g, "a", x, 100);
    ocelli_layer_dense(g, "b", x, 26);
    ck_assert_int_eq(ocelli_graph_parameters(g), 28326); /* the lecture's 256-100-26 */
    ocelli_value y = ocelli_layer_subsample(g, "s2", image(1, 6, 28, 28), 2);
    struct ocelli_shape s = ocelli_value_shape(g, y);
    ck_assert(shape_equal(&s, &OCELLI_SHAPE(1, 6, 14, 14)));
    ck_assert_int_eq(ocelli_graph_parameters(g), 28326 + 12); /* LeNet-5, layer S2 */
    ck_assert_int_ne(ocelli_find(g, "s2.weight"), OCELLI_NONE);
    ck_assert_int_ne(ocelli_find(g, "s2.bias"), OCELLI_NONE);
    assert_ok(ocelli_graph_status(g));
}
END_TEST

START_TEST(shapes)
{
    ocelli_value x = image(2, 3, 32, 32);
    ocelli_value y =
        ocelli_layer_conv2d(g, "c", x, 4, &(struct ocelli_conv2d_params){.kernel = {5}});
    struct ocelli_shape s = ocelli_value_shape(g, y);
    ck_assert(shape_equal(&s, &OCELLI_SHAPE(2, 4, 28, 28)));
    s = ocelli_value_shape(g, ocelli_flatten(g, y));
    ck_assert(shape_equal(&s, &OCELLI_SHAPE(2, 4 * 28 * 28)));
    s = ocelli_value_shape(g, ocelli_reshape(g, y, &OCELLI_SHAPE(8, -1, 7)));
    ck_assert(shape_equal(&s, &OCELLI_SHAPE(8, 112, 7)));
    s = ocelli_value_shape(g, ocelli_gap(g, y));
    ck_assert(shape_equal(&s, &OCELLI_SHAPE(2, 4, 1, 1)));
    ck_assert_int_eq(ocelli_value_shape(g, OCELLI_NONE).rank, -1);
    ck_assert_int_eq(ocelli_value_shape(g, 1 << 20).rank, -1);
    assert_ok(ocelli_graph_status(g));
}
END_TEST

/* The first failure stays, with its words; later calls do nothing. */
START_TEST(failures_are_sticky)
{
    ocelli_value x = image(1, 3, 8, 8);
    int nodes_before = ocelli_graph_layers(g);
    ck_assert_int_eq(
        ocelli_layer_conv2d(g, "big", x, 4, &(struct ocelli_conv2d_params){.kernel = {9, 9}}),
        OCELLI_NONE);
    ck_assert_int_eq(ocelli_relu(g, x), OCELLI_NONE);
    ck_assert_int_eq(ocelli_input(g, "y", OCELLI_F32, &OCELLI_SHAPE(1)), OCELLI_NONE);
    ocelli_output(g, "out", x);
    ck_assert_int_eq(ocelli_find(g, "out"), OCELLI_NONE);
    ck_assert_int_eq(ocelli_graph_layers(g), nodes_before);
    struct ocelli_layer l;
    ck_assert_int_eq(ocelli_graph_layer(g, 99, &l), OCELLI_ERR_INVALID); /* other words */
    assert_fails(ocelli_graph_status(g), OCELLI_ERR_SHAPE, "big");
    ocelli_value grad;
    ck_assert_int_eq(ocelli_gradients(g, x, &x, 1, &grad), OCELLI_ERR_SHAPE);
    ck_assert_int_eq(ocelli_optimize(g, x, NULL), OCELLI_ERR_SHAPE);
}
END_TEST

static void bad_name(void)
{
    image(1, 1, 4, 4);
    image(1, 1, 4, 4);
}
static void bad_output_name(void)
{
    ocelli_output(g, "image", ocelli_relu(g, image(1, 1, 4, 4)));
}
static void bad_layer_twice(void)
{
    ocelli_value x = ocelli_input(g, "x", OCELLI_F32, &OCELLI_SHAPE(1, 4));
    ocelli_layer_dense(g, "fc", ocelli_layer_dense(g, "fc", x, 4), 4);
}
static void bad_extent(void)
{
    ocelli_input(g, "x", OCELLI_F32, &OCELLI_SHAPE(1, 0));
}
static void bad_dtype(void)
{
    ocelli_input(g, "x", (enum ocelli_dtype)99, &OCELLI_SHAPE(1));
}
static void bad_value(void)
{
    ocelli_relu(g, 17);
}
static void bad_none(void)
{
    ocelli_add(g, image(1, 1, 2, 2), OCELLI_NONE);
}
static void bad_output(void)
{
    ocelli_output(g, "y", 3);
}
static void bad_groups(void)
{
    ocelli_layer_conv2d(g, "c", image(1, 3, 8, 8), 4,
                        &(struct ocelli_conv2d_params){.kernel = {3}, .groups = 2});
}
static void bad_rank(void)
{
    ocelli_layer_conv2d(g, "c", ocelli_input(g, "x", OCELLI_F32, &OCELLI_SHAPE(3, 4)), 4,
                        &(struct ocelli_conv2d_params){.kernel = {3}});
}
static void bad_kernel(void)
{
    ocelli_layer_conv2d(g, "c", image(1, 3, 8, 8), 4, NULL);
}
static void bad_features(void)
{
    ocelli_layer_dense(g, "fc", image(1, 1, 4, 4), 0);
}
static void bad_reshape(void)
{
    ocelli_reshape(g, image(1, 3, 5, 7), &OCELLI_SHAPE(4, -1));
}
static void bad_init(void)
{
    ocelli_weight(g, "w", &OCELLI_SHAPE(2), &(struct ocelli_init){.kind = 77});
}
static void bad_labels(void)
{
    ocelli_value x = ocelli_input(g, "x", OCELLI_F32, &OCELLI_SHAPE(2, 4));
    ocelli_softmax_xent(g, x, ocelli_input(g, "l", OCELLI_I32, &OCELLI_SHAPE(3)));
}
static void bad_stride(void)
{
    ocelli_layer_conv2d(
        g, "c", image(1, 1, 7, 7), 1,
        &(struct ocelli_conv2d_params){.kernel = {2}, .stride = {2}, .strict = true});
}

static const struct {
    void (*build)(void);
    int code;
    const char *words;
} bad[] = {
    {bad_name, OCELLI_ERR_INVALID, "image"},
    {bad_output_name, OCELLI_ERR_INVALID, "image"},
    {bad_layer_twice, OCELLI_ERR_INVALID, "fc.weight"},
    {bad_extent, OCELLI_ERR_INVALID, "x"},
    {bad_dtype, OCELLI_ERR_INVALID, "type"},
    {bad_value, OCELLI_ERR_INVALID, "unary"},
    {bad_none, OCELLI_ERR_INVALID, "add"},
    {bad_output, OCELLI_ERR_INVALID, "output y"},
    {bad_groups, OCELLI_ERR_SHAPE, "c:"},
    {bad_rank, OCELLI_ERR_SHAPE, "c:"},
    {bad_kernel, OCELLI_ERR_INVALID, "c:"},
    {bad_features, OCELLI_ERR_INVALID, "fc"},
    {bad_reshape, OCELLI_ERR_SHAPE, "reshape"},
    {bad_init, OCELLI_ERR_INVALID, "w"},
    {bad_labels, OCELLI_ERR_SHAPE, "softmax_xent"},
    {bad_stride, OCELLI_ERR_SHAPE, "c:"},
};

START_TEST(refusals)
{
    bad[_i].build();
    assert_fails(ocelli_graph_status(g), bad[_i].code, bad[_i].words);
}
END_TEST

START_TEST(two_names_for_one_value)
{
    ocelli_value y = ocelli_relu(g, image(1, 1, 2, 2));
    ocelli_output(g, "a", y);
    ocelli_output(g, "b", y);
    assert_ok(ocelli_graph_status(g));
    ck_assert_int_eq(ocelli_find(g, "a"), y);
    ck_assert_int_ne(ocelli_find(g, "b"), OCELLI_NONE);
    ck_assert_int_eq(ocelli_find(g, "c"), OCELLI_NONE);
}
END_TEST

/* ---- One to three spatial dimensions ---- */

#define assert_value(v, ...)                                                               \
    do {                                                                                   \
        char have_[SHAPE_TEXT], want_[SHAPE_TEXT];                                         \
        struct ocelli_shape s_ = ocelli_value_shape(g, v), t_ = OCELLI_SHAPE(__VA_ARGS__); \
        ck_assert_str_eq(shape_text(&s_, have_), shape_text(&t_, want_));                  \
    } while (0)

static ocelli_value input(const char *name, enum ocelli_dtype type, const struct ocelli_shape *s)
{
    return ocelli_input(g, name, type, s);
}

/* Zero entries behind the first repeat it, pads are begins and then ends. */
START_TEST(convolutions)
{
    const struct ocelli_conv_params p = {.stride = {2}, .pad = {1, 0, 2, 1}};
    ocelli_value x = input("x3", OCELLI_F32, &OCELLI_SHAPE(1, 4, 9));
    ocelli_value w = input("w3", OCELLI_F32, &OCELLI_SHAPE(6, 4, 3));
    assert_value(ocelli_conv(g, x, w, NULL), 1, 6, 7);
    assert_value(ocelli_conv(g, x, w, &p), 1, 6, 4);
    assert_value(ocelli_conv_transpose(g, x, input("t3", OCELLI_F32, &OCELLI_SHAPE(4, 2, 3)), NULL),
                 1, 2, 11);
    x = input("x4", OCELLI_F32, &OCELLI_SHAPE(1, 4, 9, 8));
    w = input("w4", OCELLI_F32, &OCELLI_SHAPE(6, 4, 3, 2));
    assert_value(ocelli_conv(g, x, w, &p), 1, 6, 5, 4);
    x = input("x5", OCELLI_F32, &OCELLI_SHAPE(1, 4, 9, 8, 7));
    w = input("w5", OCELLI_F32, &OCELLI_SHAPE(6, 4, 3, 2, 1));
    assert_value(ocelli_conv(g, x, w, NULL), 1, 6, 7, 7, 7);
    assert_value(ocelli_conv(g, x, w, &p), 1, 6, 5, 4, 5);
    const struct ocelli_conv_transpose_params t = {p, {1, 0, 0}};
    assert_value(
        ocelli_conv_transpose(g, x, input("t5", OCELLI_F32, &OCELLI_SHAPE(4, 6, 3, 2, 1)), &t), 1,
        6, 18, 16, 11);
    assert_ok(ocelli_graph_status(g));
    ocelli_value y = ocelli_conv(g, x, input("flat", OCELLI_F32, &OCELLI_SHAPE(6, 4, 3, 2)), NULL);
    ck_assert_int_eq(y, OCELLI_NONE);
    assert_fails(ocelli_graph_status(g), OCELLI_ERR_SHAPE, "filter: 2");
}
END_TEST

/* The fast operation for planes of floats, the general one for everything else. */
START_TEST(pooling)
{
    const struct ocelli_pool_params p = {.kernel = {2}, .pad = {1}};
    const struct {
        enum ocelli_dtype type;
        struct ocelli_shape x, y;
        const char *op;
    } t[] = {
        {OCELLI_F32, OCELLI_SHAPE(1, 3, 9), OCELLI_SHAPE(1, 3, 5), "pool2d"},
        {OCELLI_F32, OCELLI_SHAPE(1, 3, 9, 8), OCELLI_SHAPE(1, 3, 5, 4), "pool2d"},
        {OCELLI_U8, OCELLI_SHAPE(1, 3, 9, 8), OCELLI_SHAPE(1, 3, 5, 4), "pool3d"},
        {OCELLI_F64, OCELLI_SHAPE(1, 3, 9), OCELLI_SHAPE(1, 3, 5), "pool3d"},
        {OCELLI_F32, OCELLI_SHAPE(1, 3, 9, 8, 7), OCELLI_SHAPE(1, 3, 5, 4, 3), "pool3d"},
    };
    for (size_t i = 0; i < COUNT(t); i++) {
        char name[8] = {'x', (char)('0' + i)}, text[SHAPE_TEXT];
        ocelli_value x = input(name, t[i].type, &t[i].x), y = ocelli_pool(g, x, &p);
        struct ocelli_shape s = ocelli_value_shape(g, y);
        ck_assert_msg(shape_equal(&s, &t[i].y), "%s", shape_text(&s, text));
        bool found = false;
        for (int k = 0; k < g->g.n_nodes; k++)
            found = found || strcmp(g->g.node[k].op->name, t[i].op) == 0;
        ck_assert_msg(found, "%zu: no %s", i, t[i].op);
        ocelli_value at = ocelli_pool_index(g, x, &p);
        s = ocelli_value_shape(g, at);
        ck_assert(shape_equal(&s, &t[i].y));
        ck_assert_int_eq(g->g.value[at].desc.dtype, OCELLI_I64);
        s = ocelli_value_shape(g, ocelli_unpool(g, y, at, &t[i].x));
        ck_assert(shape_equal(&s, &t[i].x));
        g->g.n_nodes = 0; /* look at the next one's alone */
    }
}
END_TEST

START_TEST(no_spatial_dimensions)
{
    ocelli_value x = input("x", OCELLI_F32, &OCELLI_SHAPE(4, 4));
    ocelli_pool(g, x, &(struct ocelli_pool_params){.kernel = {2}});
    assert_fails(ocelli_graph_status(g), OCELLI_ERR_SHAPE, "one to three");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("graph");
    TCase *tc = tcase_create("graph");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, lenet_table);
    tcase_add_test(tc, shared_weight_counts_once);
    tcase_add_test(tc, dense_and_subsample);
    tcase_add_test(tc, shapes);
    tcase_add_test(tc, failures_are_sticky);
    tcase_add_loop_test(tc, refusals, 0, (int)COUNT(bad));
    tcase_add_test(tc, two_names_for_one_value);
    tcase_add_test(tc, convolutions);
    tcase_add_test(tc, pooling);
    tcase_add_test(tc, no_spatial_dimensions);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
