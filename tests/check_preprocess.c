#include <math.h>
#include <string.h>

#include <ocelli/preprocess.h>

#include "base/mem.h"
#include "ops/attrs.h"
#include "ops/graph.h"
#include "test.h"

/* What a picture of height x width x 3 is to become by these words. */
static struct image_attr attr_of(const char *words, int channels, int h, int w, int height, int width)
{
    struct ocelli_preprocess_params p;
    struct ocelli_graph *g;
    assert_ok(ocelli_preprocess_parse(&p, words, &OCELLI_SHAPE(1, channels, h, w)));
    assert_ok(ocelli_graph_create(&g));
    ocelli_value x = ocelli_input(g, "x", OCELLI_U8, &OCELLI_SHAPE(height, width, 3));
    ocelli_value y = ocelli_preprocess(g, x, &p);
    assert_ok(ocelli_graph_status(g));
    struct ocelli_shape s = ocelli_value_shape(g, y);
    ck_assert(s.rank == 4 && s.dim[0] == 1 && s.dim[1] == channels && s.dim[2] == h && s.dim[3] == w);
    struct image_attr a = *(const struct image_attr *)g->g.node[0].attr;
    ocelli_graph_destroy(&g);
    return a;
}

static void check_ints(const char *words, const char *what, const int *got, const int *want, int n)
{
    for (int i = 0; i < n; i++)
        ck_assert_msg(got[i] == want[i], "%s: %s[%d] is %d, not %d", words, what, i, got[i], want[i]);
}

/* The figures by hand, from what the header says of each preset. */
static const struct {
    const char *words;
    int channels, h, w, height, width;
    struct image_attr a;
} cases[] = {
    /* 45 becomes 32 = 28 * 8 / 7, 60 then 42.7; 2 above, 7 at the left of the middle. */
    {"torchvision", 3, 28, 28, 45, 60,
     {3, {0, 0, 45, 60}, {32, 42}, {2, 7, 28, 28}, true, false,
      {1 / 255.0f / 0.229f, 1 / 255.0f / 0.224f, 1 / 255.0f / 0.225f},
      {-0.485f / 0.229f, -0.456f / 0.224f, -0.406f / 0.225f}}},
    {"torchvision", 3, 224, 224, 500, 333,
     {3, {0, 0, 500, 333}, {384, 256}, {80, 16, 224, 224}, true, false,
      {1 / 255.0f / 0.229f, 1 / 255.0f / 0.224f, 1 / 255.0f / 0.225f},
      {-0.485f / 0.229f, -0.456f / 0.224f, -0.406f / 0.225f}}},
    /* Not square: 40x80 asks for 46x91; 100x300 is the wider. 46 of 100 makes 138 of 300. */
    {"[-1,1]", 3, 40, 80, 100, 300,
     {3, {0, 0, 100, 300}, {46, 138}, {3, 29, 40, 80}, true, false,
      {1 / 127.5f, 1 / 127.5f, 1 / 127.5f}, {-1, -1, -1}}},
    {"caffe", 3, 227, 227, 400, 600,
     {3, {0, 0, 400, 600}, {256, 256}, {14, 14, 227, 227}, true, true, {1, 1, 1}, {-104, -117, -123}}},
    {"caffe,order=rgb,antialias=no", 3, 224, 224, 400, 600,
     {3, {0, 0, 400, 600}, {256, 256}, {16, 16, 224, 224}, false, false, {1, 1, 1}, {-104, -117, -123}}},
    /* 87.5 % of 300 is 262.5. */
    {"keras", 3, 128, 128, 300, 451,
     {3, {19, 94, 262, 262}, {128, 128}, {0, 0, 128, 128}, true, false,
      {1 / 127.5f, 1 / 127.5f, 1 / 127.5f}, {-1, -1, -1}}},
    {"unit", 1, 28, 28, 9, 200,
     {1, {0, 0, 9, 200}, {28, 28}, {0, 0, 28, 28}, true, false, {1 / 255.0f, 1 / 255.0f, 1 / 255.0f}, {0, 0, 0}}},
    {"unit,invert=yes,mean=0.5,std=0.25", 1, 28, 28, 9, 200,
     {1, {0, 0, 9, 200}, {28, 28}, {0, 0, 28, 28}, true, false,
      {-4 / 255.0f, -4 / 255.0f, -4 / 255.0f}, {2, 2, 2}}},
    {"resize=20x30,mean=1,2,3,std=2,4,8,order=bgr,crop=10x20", 3, 10, 20, 64, 64,
     {3, {0, 0, 64, 64}, {20, 30}, {5, 5, 10, 20}, true, true, {0.5f, 0.25f, 0.125f}, {-0.5f, -0.5f, -0.375f}}},
    {"resize=20x30,fit=cover", 3, 10, 20, 64, 64,
     {3, {0, 0, 64, 64}, {30, 30}, {10, 5, 10, 20}, true, false, {1, 1, 1}, {0, 0, 0}}},
    {"square=0.5,resize=11", 3, 10, 10, 41, 64,
     {3, {10, 22, 20, 20}, {11, 11}, {0, 0, 10, 10}, true, false, {1, 1, 1}, {0, 0, 0}}},
    {NULL, 3, 64, 64, 70, 80,
     {3, {0, 0, 70, 80}, {73, 83}, {4, 10, 64, 64}, true, false,
      {1 / 255.0f / 0.229f, 1 / 255.0f / 0.224f, 1 / 255.0f / 0.225f},
      {-0.485f / 0.229f, -0.456f / 0.224f, -0.406f / 0.225f}}},
    {NULL, 3, 32, 32, 70, 80,
     {3, {0, 0, 70, 80}, {32, 32}, {0, 0, 32, 32}, true, false, {1 / 255.0f, 1 / 255.0f, 1 / 255.0f}, {0, 0, 0}}},
    {NULL, 1, 100, 100, 70, 80,
     {1, {0, 0, 70, 80}, {100, 100}, {0, 0, 100, 100}, true, false, {1 / 255.0f, 1 / 255.0f, 1 / 255.0f},
      {0, 0, 0}}},
};

static void check_attr(const char *words, const struct image_attr *got, const struct image_attr *want)
{
    ck_assert_int_eq(got->channels, want->channels);
    check_ints(words, "box", got->box, want->box, 4);
    check_ints(words, "size", got->size, want->size, 2);
    check_ints(words, "crop", got->crop, want->crop, 4);
    ck_assert(got->antialias == want->antialias && got->bgr == want->bgr);
    for (int c = 0; c < 3; c++)
        ck_assert_msg(fabsf(got->mul[c] - want->mul[c]) <= 1e-6f * fabsf(want->mul[c]) &&
                          fabsf(got->add[c] - want->add[c]) <= 1e-6f * fabsf(want->add[c]),
                      "%s: channel %d: %g v + %g, not %g v + %g", words, c, got->mul[c], got->add[c],
                      want->mul[c], want->add[c]);
}

START_TEST(test_presets)
{
    const struct image_attr a = attr_of(cases[_i].words, cases[_i].channels, cases[_i].h, cases[_i].w,
                                        cases[_i].height, cases[_i].width);
    check_attr(cases[_i].words, &a, &cases[_i].a);
}
END_TEST

/* What is printed is read as the same. */
START_TEST(test_print)
{
    struct ocelli_preprocess_params p;
    char text[256];
    assert_ok(ocelli_preprocess_parse(&p, cases[_i].words,
                                      &OCELLI_SHAPE(1, cases[_i].channels, cases[_i].h, cases[_i].w)));
    ocelli_preprocess_print(&p, text, sizeof(text));
    const struct image_attr a = attr_of(text, cases[_i].channels, cases[_i].h, cases[_i].w, cases[_i].height,
                                        cases[_i].width);
    check_attr(text, &a, &cases[_i].a);
}
END_TEST

START_TEST(test_print_text)
{
    struct ocelli_preprocess_params p;
    char text[256], little[10];
    assert_ok(ocelli_preprocess_parse(&p, "torchvision", &OCELLI_SHAPE(1, 3, 224, 224)));
    ocelli_preprocess_print(&p, text, sizeof(text));
    ck_assert_str_eq(text, "resize=256,crop=224x224,order=rgb,scale=1/255,mean=0.485,0.456,0.406,std=0.229,0.224,0.225");
    ocelli_preprocess_print(&p, little, sizeof(little));
    ck_assert_str_eq(little, "resize=25");
}
END_TEST

static const struct {
    const char *words, *says;
} wrong[] = {
    {"imagenet", "\"imagenet\" is no preset"},
    {"caffe,keras", "\"keras\" is no preset"},
    {"caffe2", "\"caffe2\""},
    {"colour=red", "\"colour=red\" is no preset and no word; presets are torchvision, caffe"},
    {"resize=0", "resize=0"},
    {"resize=-3", "resize=-3"},
    {"resize=20y30", "resize=20y30"},
    {"resize=", "resize="},
    {"resize=99999999999", "not a size"},
    {"crop=10", "takes 1x3x28x28"},
    {"square=1.5", "from 0 to 1"},
    {"square=x", "not a number"},
    {"scale=0", "nothing would be left"},
    {"scale=1/0", "not a number"},
    {"scale=inf", "not a number"},
    {"mean=1,2", "neither one number nor three"},
    {"mean=1,2,3,4", "neither one number nor three"},
    {"mean=", "not numbers"},
    {"std=1,0,1", "not above 0"},
    {"order=grb", "bgr or rgb"},
    {"antialias=maybe", "no or yes"},
};

START_TEST(test_wrong)
{
    struct ocelli_preprocess_params p;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        int code = strncmp(wrong[i].words, "crop", 4) == 0 ? OCELLI_ERR_SHAPE : OCELLI_ERR_INVALID;
        assert_fails(ocelli_preprocess_parse(&p, wrong[i].words, &OCELLI_SHAPE(1, 3, 28, 28)), code, wrong[i].says);
    }
    assert_fails(ocelli_preprocess_parse(&p, "unit", &OCELLI_SHAPE(1, 4, 28, 28)), OCELLI_ERR_SHAPE, "1x4x28x28");
    assert_fails(ocelli_preprocess_parse(&p, "unit", &OCELLI_SHAPE(10, 784)), OCELLI_ERR_SHAPE, "10x784");
}
END_TEST

START_TEST(test_builder_refuses)
{
    const struct {
        struct ocelli_preprocess_params p;
        struct ocelli_shape x;
        int code;
    } bad[] = {
        {{.channels = 2}, OCELLI_SHAPE(9, 9, 3), OCELLI_ERR_INVALID},
        {{.square = 2}, OCELLI_SHAPE(9, 9, 3), OCELLI_ERR_INVALID},
        {{.scale = NAN}, OCELLI_SHAPE(9, 9, 3), OCELLI_ERR_INVALID},
        {{.resize = {4, 4}, .crop = {5, 4}}, OCELLI_SHAPE(9, 9, 3), OCELLI_ERR_INVALID},
        {{.resize = {4, -1}}, OCELLI_SHAPE(9, 9, 3), OCELLI_ERR_INVALID},
        {{0}, OCELLI_SHAPE(9, 9, 4), OCELLI_ERR_SHAPE},
        {{0}, OCELLI_SHAPE(1, 9, 9, 3), OCELLI_ERR_SHAPE},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct ocelli_graph *g;
        assert_ok(ocelli_graph_create(&g));
        ocelli_value x = ocelli_input(g, "x", OCELLI_U8, &bad[i].x);
        ck_assert_int_eq(ocelli_preprocess(g, x, &bad[i].p), OCELLI_NONE);
        ck_assert_int_eq(ocelli_graph_status(g), bad[i].code);
        ocelli_graph_destroy(&g);
    }
    /* Nothing asked for: the picture itself, as floats. */
    struct ocelli_graph *g;
    assert_ok(ocelli_graph_create(&g));
    ocelli_value y = ocelli_preprocess(g, ocelli_input(g, "x", OCELLI_U8, &OCELLI_SHAPE(9, 7, 3)), NULL);
    struct ocelli_shape s = ocelli_value_shape(g, y);
    ck_assert(s.rank == 4 && s.dim[1] == 3 && s.dim[2] == 9 && s.dim[3] == 7);
    ocelli_graph_destroy(&g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("preprocess");
    TCase *t = tcase_create("preprocess");
    tcase_add_loop_test(t, test_presets, 0, COUNT(cases));
    tcase_add_loop_test(t, test_print, 0, COUNT(cases));
    tcase_add_test(t, test_print_text);
    tcase_add_test(t, test_wrong);
    tcase_add_test(t, test_builder_refuses);
    suite_add_tcase(s, t);
    return run_suite(s);
}
