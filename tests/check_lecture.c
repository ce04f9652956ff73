/* The lecture's own numbers, through the public API. Where the lecture's example is not known
 * number by number, the test says what was put in its place. */
#include "test.h"

#include <string.h>

#include <ocelli/ops.h>
#include <ocelli/plan.h>

static struct ocelli_device *dev;

static void open_device(void)
{
    assert_ok(ocelli_device_open(&dev, NULL));
}

static void close_device(void)
{
    ocelli_device_close(&dev);
}

/* A graph under way, with up to two inputs. */
struct run {
    struct ocelli_graph *g;
    ocelli_value in[2];
};

static void run_init(struct run *r, const struct ocelli_shape *a, const struct ocelli_shape *b)
{
    *r = (struct run){.in = {OCELLI_NONE, OCELLI_NONE}};
    assert_ok(ocelli_graph_create(&r->g));
    r->in[0] = ocelli_input(r->g, "a", OCELLI_F32, a);
    if (b)
        r->in[1] = ocelli_input(r->g, "b", OCELLI_F32, b);
}

/* Runs the graph whose result is y and compares all of it; ends the run. */
static void run_expect(struct run *r, ocelli_value y, const float *a, const float *b,
                       const float *want, size_t n)
{
    struct ocelli_plan *plan = NULL;
    float got[64];
    ck_assert_uint_ge(sizeof(got) / sizeof(got[0]), n);
    ocelli_output(r->g, "y", y);
    assert_ok(ocelli_plan_create(&plan, dev, r->g, NULL));
    struct ocelli_tensor *t = ocelli_plan_tensor(plan, "a");
    assert_ok(ocelli_tensor_write(t, a, ocelli_tensor_bytes(t)));
    t = ocelli_plan_tensor(plan, "b");
    if (t)
        assert_ok(ocelli_tensor_write(t, b, ocelli_tensor_bytes(t)));
    assert_ok(ocelli_plan_run(plan));
    t = ocelli_plan_tensor(plan, "y");
    ck_assert_uint_eq(ocelli_tensor_bytes(t), n * sizeof(float));
    assert_ok(ocelli_tensor_read(t, got, n * sizeof(float)));
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(got[i] == want[i], "element %zu is %g, not %g", i, got[i], want[i]);
    ocelli_plan_destroy(&plan);
    ocelli_graph_destroy(&r->g);
}

/* ---- Convolution ---- */

/* The image is 0 and 1, with a diagonal that filter 1 answers to and columns that filter 2 does. */
static const float image[6 * 6] = {
    1, 0, 0, 0, 0, 1, /**/
    0, 1, 0, 0, 1, 0, /**/
    0, 0, 1, 1, 0, 0, /**/
    1, 0, 0, 0, 1, 0, /**/
    0, 1, 0, 0, 1, 0, /**/
    0, 0, 1, 0, 1, 0,
};
static const float filters[2 * 3 * 3] = {
    1,  -1, -1, -1, 1, -1, -1, -1, 1,  /* 1: the diagonal */
    -1, 1,  -1, -1, 1, -1, -1, 1,  -1, /* 2: the column */
};
/* As computed by hand. The printed tables end in 1 for filter 1, and in 4 for filter 2: both
 * misprints. */
static const float maps[2 * 4 * 4] = {
    3,  -1, -3, -1, -3, 1,  0,  -3, -3, -3, 0,  1, 3,  -2, -2, -1, /**/
    -1, -1, -1, -1, -1, -1, -2, 1,  -1, -1, -2, 1, -1, 0,  -4, 3,
};

START_TEST(two_filters)
{
    struct run r;
    run_init(&r, &OCELLI_SHAPE(1, 1, 6, 6), &OCELLI_SHAPE(2, 1, 3, 3));
    run_expect(&r, ocelli_conv2d(r.g, r.in[0], r.in[1], NULL), image, filters, maps, 32);
}
END_TEST

/* Stride 2 takes every other position: 3 -3 / -3 0 with filter 1. */
START_TEST(stride_two)
{
    static const float want[] = {3, -3, -3, 0, -1, -1, -1, -2};
    struct run r;
    run_init(&r, &OCELLI_SHAPE(1, 1, 6, 6), &OCELLI_SHAPE(2, 1, 3, 3));
    const struct ocelli_conv2d_params p = {.stride = {2, 2}};
    run_expect(&r, ocelli_conv2d(r.g, r.in[0], r.in[1], &p), image, filters, want, 8);
}
END_TEST

/* Then max pooling, over windows of 2x2. */
START_TEST(filters_and_pooling)
{
    static const float want[] = {3, 0, 3, 1, -1, 1, 0, 3};
    struct run r;
    run_init(&r, &OCELLI_SHAPE(1, 1, 6, 6), &OCELLI_SHAPE(2, 1, 3, 3));
    ocelli_value y = ocelli_conv2d(r.g, r.in[0], r.in[1], NULL);
    y = ocelli_pool2d(r.g, y, &(struct ocelli_pool2d_params){.kernel = {2, 2}});
    run_expect(&r, y, image, filters, want, 8);
}
END_TEST

/* The detector's answer is the lecture's: 1 where the edge begins, -1 where it ends. The row is
 * reconstructed from it. A network's convolution does not flip the filter, so 1 -1 answers to the
 * fall from 1 to 0; flipped it finds the bright bar. */
START_TEST(edge_detector)
{
    static const float dark[] = {1, 1, 0, 0, 0, 0, 1, 1}, bright[] = {0, 0, 1, 1, 1, 1, 0, 0};
    static const float filter[] = {1, -1}, flipped[] = {-1, 1};
    static const float want[] = {0, 1, 0, 0, 0, -1, 0};
    struct run r;
    run_init(&r, &OCELLI_SHAPE(1, 1, 1, 8), &OCELLI_SHAPE(1, 1, 1, 2));
    run_expect(&r, ocelli_conv2d(r.g, r.in[0], r.in[1], NULL), dark, filter, want, 7);
    run_init(&r, &OCELLI_SHAPE(1, 1, 1, 8), &OCELLI_SHAPE(1, 1, 1, 2));
    run_expect(&r, ocelli_conv2d(r.g, r.in[0], r.in[1], NULL), bright, flipped, want, 7);
}
END_TEST

/* ---- Pooling ---- */

/* Reconstructed: a 4x4 map with the lecture's four maxima and four averages. */
static const float map[4 * 4] = {
    3, 1,  6, 0,  /**/
    0, 2,  1, 2,  /**/
    1, 0,  3, -1, /**/
    0, -2, 2, 0,
};

START_TEST(pooling)
{
    static const struct {
        enum ocelli_pool_kind kind;
        float want[4];
    } cases[] = {
        {OCELLI_POOL_MAX, {3, 6, 1, 3}},
        {OCELLI_POOL_AVERAGE, {1.5f, 2.25f, -0.25f, 1}},
    };
    struct run r;
    run_init(&r, &OCELLI_SHAPE(1, 1, 4, 4), NULL);
    const struct ocelli_pool2d_params p = {.kind = cases[_i].kind, .kernel = {2, 2}};
    run_expect(&r, ocelli_pool2d(r.g, r.in[0], &p), map, NULL, cases[_i].want, 4);
}
END_TEST

/* ---- The deconvnet ---- */

/* A point, seen by a filter of 1 to 9, rectified and pooled: 9 7 / 3 1. The 9 comes from the upper
 * left corner; sent back it is that part of the filter which lies inside the image, nine times.
 * What is negative is not sent on, and what went forward through the ReLU does not matter: of an
 * image without anything in it the way back is the same. */
static const struct {
    float point, start, want;
} ways_back[] = {{1, 9, 9}, {1, -9, 0}, {0, 1, 1}};

START_TEST(deconvnet)
{
    static const float w[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const float f = ways_back[_i].want;
    const float x[16] = {[5] = ways_back[_i].point}, start[4] = {ways_back[_i].start};
    const float want[16] = {[0] = 5 * f, [1] = 6 * f, [4] = 8 * f, [5] = 9 * f};
    struct run r;
    run_init(&r, &OCELLI_SHAPE(1, 1, 4, 4), &OCELLI_SHAPE(1, 1, 2, 2));
    ocelli_value filter = ocelli_const(r.g, NULL, OCELLI_F32, &OCELLI_SHAPE(1, 1, 3, 3), w);
    const struct ocelli_conv2d_params p = {.pad = {1, 1, 1, 1}};
    ocelli_value y = ocelli_relu(r.g, ocelli_conv2d(r.g, r.in[0], filter, &p));
    y = ocelli_pool2d(r.g, y, &(struct ocelli_pool2d_params){.kernel = {2}});
    run_expect(&r, ocelli_deconvnet(r.g, y, r.in[1], r.in[0]), x, start, want, 16);
}
END_TEST

START_TEST(no_way_back)
{
    struct run r;
    run_init(&r, &OCELLI_SHAPE(1, 1, 2, 2), &OCELLI_SHAPE(1, 1, 2, 2));
    ocelli_value y = ocelli_relu(r.g, r.in[0]);
    ck_assert_int_eq(ocelli_deconvnet(r.g, y, y, r.in[1]), OCELLI_NONE);
    assert_fails(ocelli_graph_status(r.g), OCELLI_ERR_INVALID, "does not depend");
    ocelli_graph_destroy(&r.g);
    run_init(&r, &OCELLI_SHAPE(1, 1, 2, 2), &OCELLI_SHAPE(1, 1, 2, 1));
    y = ocelli_relu(r.g, r.in[0]);
    ck_assert_int_eq(ocelli_deconvnet(r.g, y, r.in[1], r.in[0]), OCELLI_NONE);
    assert_fails(ocelli_graph_status(r.g), OCELLI_ERR_SHAPE, "shape");
    ocelli_graph_destroy(&r.g);
}
END_TEST

/* ---- Shapes ---- */

/* (N + 2 P - F) / S + 1, for a square image of C channels and M filters. */
static const struct {
    int n, c, f, m, pad, stride, want;
} sizes[] = {
    {32, 3, 5, 1, 0, 1, 28}, /* a 5x5x3 filter over a 32x32x3 image */
    {32, 3, 5, 6, 0, 1, 28},    {28, 6, 5, 10, 0, 1, 24},
    {32, 3, 5, 10, 2, 1, 32}, /* padding (F - 1) / 2 keeps the size */
    {7, 1, 3, 1, 0, 1, 5},      {7, 1, 3, 1, 0, 2, 3},
    {7, 1, 3, 1, 1, 1, 7},      {7, 1, 3, 1, 1, 3, 3},
    {227, 3, 11, 96, 0, 4, 55}, /* AlexNet's first layer */
    {6, 1, 3, 2, 0, 1, 4},
};

START_TEST(output_size)
{
    struct run r;
    const int n = sizes[_i].n, c = sizes[_i].c, f = sizes[_i].f, m = sizes[_i].m;
    const int p = sizes[_i].pad, s = sizes[_i].stride, want = sizes[_i].want;
    const struct ocelli_conv2d_params conv = {.stride = {s}, .pad = {p, p, p, p}, .strict = true};
    run_init(&r, &OCELLI_SHAPE(1, c, n, n), &OCELLI_SHAPE(m, c, f, f));
    struct ocelli_shape y = ocelli_value_shape(r.g, ocelli_conv2d(r.g, r.in[0], r.in[1], &conv));
    assert_ok(ocelli_graph_status(r.g));
    ck_assert_int_eq(y.rank, 4);
    ck_assert_int_eq(y.dim[1], m);
    ck_assert_int_eq(y.dim[2], want);
    ck_assert_int_eq(y.dim[3], want);
    ck_assert_int_eq((n + 2 * p - f) / s + 1, want);
    ocelli_graph_destroy(&r.g);
}
END_TEST

/* 7x7, 3x3 filter, stride 3: (7 - 3) / 3 + 1 is no whole number. Rounded down, or refused. */
START_TEST(stride_does_not_fit)
{
    struct run r;
    struct ocelli_conv2d_params p = {.stride = {3, 3}};
    run_init(&r, &OCELLI_SHAPE(1, 1, 7, 7), &OCELLI_SHAPE(1, 1, 3, 3));
    struct ocelli_shape y = ocelli_value_shape(r.g, ocelli_conv2d(r.g, r.in[0], r.in[1], &p));
    ck_assert_int_eq(y.dim[2], 2);
    p.strict = true;
    ck_assert_int_eq(ocelli_conv2d(r.g, r.in[0], r.in[1], &p), OCELLI_NONE);
    assert_fails(ocelli_graph_status(r.g), OCELLI_ERR_SHAPE, "stride");
    ocelli_graph_destroy(&r.g);
}
END_TEST

/* A 16x16 character, 100 hidden units, 26 letters. */
START_TEST(dense_parameters)
{
    struct ocelli_graph *g;
    assert_ok(ocelli_graph_create(&g));
    ocelli_value x = ocelli_input(g, "image", OCELLI_F32, &OCELLI_SHAPE(1, 1, 16, 16));
    x = ocelli_sigmoid(g, ocelli_layer_dense(g, "hidden", x, 100));
    ck_assert_int_eq(ocelli_graph_parameters(g), 256 * 100 + 100);
    x = ocelli_layer_dense(g, "letters", x, 26);
    assert_ok(ocelli_graph_status(g));
    ck_assert_int_eq(ocelli_graph_parameters(g), 28326);
    ck_assert_int_eq(ocelli_value_shape(g, x).dim[1], 26);
    ocelli_graph_destroy(&g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lecture");
    TCase *c = tcase_create("numbers");
    tcase_add_unchecked_fixture(c, open_device, close_device);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, two_filters);
    tcase_add_test(c, stride_two);
    tcase_add_test(c, filters_and_pooling);
    tcase_add_test(c, edge_detector);
    tcase_add_loop_test(c, pooling, 0, 2);
    tcase_add_loop_test(c, deconvnet, 0, (int)(sizeof(ways_back) / sizeof(ways_back[0])));
    tcase_add_test(c, no_way_back);
    tcase_add_loop_test(c, output_size, 0, (int)(sizeof(sizes) / sizeof(sizes[0])));
    tcase_add_test(c, stride_does_not_fit);
    tcase_add_test(c, dense_parameters);
    suite_add_tcase(s, c);
    return run_suite(s);
}
