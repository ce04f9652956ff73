/* ONNX import: what it builds, what it computes beforehand, and what it refuses. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ocelli/onnx.h>
#include <ocelli/plan.h>

#include "base/file.h"
#include "formats/onnx_read.h"
#include "onnxmodel.h"
#include "ops/graph.h"
#include "tempdir.h"

static struct model m;
static struct ocelli_graph *g;

static int load(const struct ocelli_onnx_params *p)
{
    size_t bytes;
    uint8_t *data = model_pack(&m, &bytes);
    ocelli_graph_destroy(&g);
    return ocelli_onnx_parse(&g, "test.onnx", data, bytes, p);
}

static void end(void)
{
    ocelli_graph_destroy(&g);
    model_free(&m);
}

/* The shape of a named value is that. */
#define assert_shape(name, text)                                              \
    do {                                                                      \
        char buf_[SHAPE_TEXT];                                                \
        struct ocelli_shape s_ = ocelli_value_shape(g, ocelli_find(g, name)); \
        ck_assert_str_eq(shape_text(&s_, buf_), text);                        \
    } while (0)

/* ---- What is built ---- */

static const float weights[6] = {1, 2, 3, 4, 5, 6}, shifts[2] = {10, 20};

/* y = x w^T + b with w 2x3. */
static void gemm_model(int opset)
{
    model_begin(&m, opset);
    model_input(&m, "x", FLOAT, DIMS(-1, 3));
    model_initialiser(&m, "w", FLOAT, DIMS(2, 3), weights, sizeof(weights));
    model_initialiser(&m, "b", FLOAT, DIMS(2), shifts, sizeof(shifts));
    Onnx__Node *n = model_node(&m, "Gemm", "x,w,b", "y");
    n->name = "dense";
    model_int(&m, n, "transB", 1);
    model_output(&m, "y");
}

START_TEST(initialisers_become_weights)
{
    gemm_model(13);
    assert_ok(load(NULL));
    assert_shape("x", "1x3");
    assert_shape("y", "1x2");
    const struct value *w = &g->g.value[ocelli_find(g, "w")];
    ck_assert_int_eq(w->kind, VALUE_WEIGHT);
    ck_assert_mem_eq(w->data, weights, sizeof(weights));
    ck_assert_int_eq(ocelli_graph_parameters(g), 8);
    assert_ok(load(&(struct ocelli_onnx_params){.batch = 3}));
    assert_shape("y", "3x2");
    const char *names[] = {"x"};
    struct ocelli_shape shapes[] = {OCELLI_SHAPE(5, 3)};
    assert_ok(load(&(struct ocelli_onnx_params){.names = names, .shapes = shapes, .n = 1}));
    assert_shape("y", "5x2");
    end();
}
END_TEST

/* Weights arrive on the device, and the network computes with them. */
START_TEST(runs)
{
    struct ocelli_device *dev = NULL;
    struct ocelli_plan *plan = NULL;
    const float x[6] = {1, 0, 0, 1, 1, 1};
    float y[4];
    gemm_model(13);
    assert_ok(load(&(struct ocelli_onnx_params){.batch = 2}));
    assert_ok(ocelli_device_open(&dev, NULL));
    assert_ok(ocelli_plan_create(&plan, dev, g, NULL));
    assert_ok(ocelli_tensor_write(ocelli_plan_tensor(plan, "x"), x, sizeof(x)));
    assert_ok(ocelli_plan_run(plan));
    assert_ok(ocelli_tensor_read(ocelli_plan_tensor(plan, "y"), y, sizeof(y)));
    ck_assert_mem_eq(y, ((float[]){11, 24, 16, 35}), sizeof(y));
    ocelli_plan_destroy(&plan);
    ocelli_device_close(&dev);
    end();
}
END_TEST

/* The forms in which elements are stored. */
START_TEST(storage)
{
    gemm_model(13);
    Onnx__Tensor *w = m.g.initializer[0], *b = m.g.initializer[1];
    w->has_raw_data = false;
    w->float_data = (float *)weights;
    w->n_float_data = 6;
    b->has_raw_data = false;
    b->float_data = (float *)shifts;
    b->n_float_data = 2;
    assert_ok(load(NULL));
    ck_assert_mem_eq(g->g.value[ocelli_find(g, "w")].data, weights, sizeof(weights));
    b->n_float_data = 1;
    assert_fails(load(NULL), OCELLI_ERR_FORMAT, "1 elements stored");
    b->n_float_data = 2;
    w->has_raw_data = true;
    w->raw_data.len = 23;
    assert_fails(load(NULL), OCELLI_ERR_FORMAT, "23 bytes stored");
    w->raw_data.len = 24;
    w->data_type = 8;
    assert_fails(load(NULL), OCELLI_ERR_UNSUPPORTED, "ONNX type 8");
    w->data_type = FLOAT;
    w->dims[0] = -2;
    assert_fails(load(NULL), OCELLI_ERR_FORMAT, "extent -2");
    w->dims[0] = (int64_t)1 << 62;
    w->dims[1] = 16;
    assert_fails(load(NULL), OCELLI_ERR_FORMAT, "w");
    end();
}
END_TEST

/* Each type's typed field, and half precision in both directions. */
START_TEST(tensor_types)
{
    static const struct {
        int type, field; /* 5: int32_data, 7: int64_data, 10: double_data, 11: uint64_data */
        enum ocelli_dtype dtype;
        size_t size;
        uint64_t element;
    } t[] = {
        {2, 5, OCELLI_U8, 1, 200},
        {3, 5, OCELLI_I8, 1, 0xfe},
        {4, 5, OCELLI_U16, 2, 60000},
        {5, 5, OCELLI_I16, 2, 0xfffd},
        {6, 5, OCELLI_I32, 4, 0xfffffffc},
        {7, 7, OCELLI_I64, 8, (uint64_t)-5},
        {9, 5, OCELLI_BOOL, 1, 1},
        {10, 5, OCELLI_F16, 2, 0x3c00},
        {11, 10, OCELLI_F64, 8, 0x3ff0000000000000},
        {12, 11, OCELLI_U32, 4, 4000000000},
        {13, 11, OCELLI_U64, 8, (uint64_t)-1},
    };
    for (size_t i = 0; i < COUNT(t); i++) {
        Onnx__Tensor x;
        int64_t dim = 1, wide = (int64_t)t[i].element;
        int32_t narrow = t[i].type == 3 ? -2 : t[i].type == 5 ? -3 : (int32_t)t[i].element;
        uint64_t plain = t[i].element;
        double real = 1;
        struct desc d;
        void *data;
        onnx__tensor__init(&x);
        x.n_dims = 1;
        x.dims = &dim;
        x.data_type = t[i].type;
        if (t[i].field == 5)
            x.n_int32_data = 1, x.int32_data = &narrow;
        else if (t[i].field == 7)
            x.n_int64_data = 1, x.int64_data = &wide;
        else if (t[i].field == 10)
            x.n_double_data = 1, x.double_data = &real;
        else
            x.n_uint64_data = 1, x.uint64_data = &plain;
        assert_ok(onnx_tensor(&x, NULL, "x", &d, &data));
        ck_assert_int_eq(d.dtype, t[i].dtype);
        ck_assert_int_eq(onnx_type_number(d.dtype), t[i].type);
        ck_assert_mem_eq(data, &t[i].element, t[i].size);
        free(data);
    }
    ck_assert_int_eq(onnx_dtype(16), -1);
}
END_TEST

/* What is also an input keeps its content; optional inputs may be "". */
START_TEST(inputs_and_optional_ones)
{
    gemm_model(8);
    model_input(&m, "w", FLOAT, DIMS(2, 3));
    assert_ok(load(NULL));
    ck_assert_int_eq(g->g.value[ocelli_find(g, "w")].kind, VALUE_WEIGHT);
    end();
    model_begin(&m, 13);
    model_input(&m, "x", FLOAT, DIMS(2, 3));
    model_initialiser(&m, "six", FLOAT, 0, NULL, (float[]){6}, 4);
    model_node(&m, "Clip", "x,,six", "y");
    model_output(&m, "y");
    assert_ok(load(NULL));
    assert_shape("y", "2x3");
    end();
}
END_TEST

START_TEST(keeps_all)
{
    model_begin(&m, 13);
    model_input(&m, "x", FLOAT, DIMS(2, 3));
    model_node(&m, "Relu", "x", "a");
    model_node(&m, "Identity", "a", "same");
    model_node(&m, "Sigmoid", "same", "y");
    model_output(&m, "y");
    assert_ok(load(NULL));
    ck_assert_int_eq(ocelli_find(g, "a"), OCELLI_NONE);
    assert_ok(load(&(struct ocelli_onnx_params){.keep_all = true}));
    ck_assert_int_ne(ocelli_find(g, "a"), OCELLI_NONE);
    ck_assert_int_ne(ocelli_find(g, "same"), OCELLI_NONE);
    end();
}
END_TEST

/* ---- Arithmetic on shapes ---- */

/* As PyTorch writes x.view(x.size(0), -1), and Keras its Flatten. */
START_TEST(folds_a_view)
{
    model_begin(&m, 13);
    model_input(&m, "x", FLOAT, DIMS(-1, 2, 3, 4));
    model_initialiser(&m, "zero", INT64, 0, NULL, (int64_t[]){0}, 8);
    model_list(&m, "first", 0);
    model_list(&m, "rest", -1);
    model_node(&m, "Shape", "x", "s");
    Onnx__Node *n = model_node(&m, "Gather", "s,zero", "n");
    model_int(&m, n, "axis", 0);
    model_node(&m, "Unsqueeze", "n,first", "n1");
    n = model_node(&m, "Concat", "n1,rest", "shape");
    model_int(&m, n, "axis", 0);
    model_node(&m, "Reshape", "x,shape", "y");
    model_output(&m, "y");
    assert_ok(load(&(struct ocelli_onnx_params){.batch = 5}));
    assert_shape("y", "5x24");
    ck_assert_int_eq(g->g.n_nodes, 2); /* the view, and the copy that an output is: no chain */
    end();
}
END_TEST

/* Every folding, checked by the shape that it ends in. Each line's last output is what x is
 * reshaped to. */
static const struct fold {
    const char *what;
    int64_t a[4], b[4]; /* lists, -99 ends them */
    const char *op, *in, *result;
} folds[] = {
    {"add", {2, 5, -99}, {1, 7, -99}, "Add", "a,b", "3x12"},
    {"sub", {9, 8, -99}, {5, -1, -99}, "Sub", "a,b", "4x9"},
    {"mul", {2, 3, -99}, {2, 3, -99}, "Mul", "a,b", "4x9"},
    {"div", {13, 19, -99}, {3, 2, -99}, "Div", "a,b", "4x9"},
    {"one for all", {2, 18, -99}, {1, -99}, "Mul", "a,b", "2x18"},
    {"min", {4, 30, -99}, {36, 9, -99}, "Min", "a,b", "4x9"},
    {"max", {4, 0, -99}, {0, 9, -99}, "Max", "a,b", "4x9"},
    {"mod", {13, -7, -99}, {9, 16, -99}, "Mod", "a,b", "4x9"},
    {"gather", {4, 7, 9, -99}, {0, -1, -99}, "Gather", "a,b", "4x9"},
    {"concat", {4, -99}, {9, -99}, "Concat", "a,b", "4x9"},
    {"reshape", {36, -99}, {1, -99}, "Reshape", "a,b", "36"},
    {"squeeze", {36, -99}, {0, -99}, "Squeeze", "a,b", "36"},
    {"expand", {6, -99}, {2, -99}, "Expand", "a,b", "6x6"},
    {"neg", {-4, -9, -99}, {0, -99}, "Neg", "a", "4x9"},
    {"abs", {-4, 9, -99}, {0, -99}, "Abs", "a", "4x9"},
    {"floor", {4, 9, -99}, {0, -99}, "Floor", "a", "4x9"},
    {"transpose", {4, 9, -99}, {0, -99}, "Transpose", "a", "4x9"},
    {"prod", {4, 9, -99}, {0, -99}, "ReduceProd", "a", "36"},
    {"sum", {4, 9, 23, -99}, {0, -99}, "ReduceSum", "a", "36"},
};

START_TEST(folds_each)
{
    const struct fold *f = &folds[_i];
    size_t na = 0, nb = 0;
    while (f->a[na] != -99)
        na++;
    while (f->b[nb] != -99)
        nb++;
    model_begin(&m, 13);
    model_input(&m, "x", FLOAT, DIMS(36));
    model_initialiser(&m, "a", INT64, DIMS((int64_t)na), f->a, na * 8);
    model_initialiser(&m, "b", INT64, DIMS((int64_t)nb), f->b, nb * 8);
    Onnx__Node *n = model_node(&m, f->op, f->in, "shape");
    if (strcmp(f->op, "Concat") == 0)
        model_int(&m, n, "axis", 0);
    model_node(&m, "Reshape", "x,shape", "y");
    model_output(&m, "y");
    assert_ok(load(NULL));
    assert_shape("y", f->result);
    ck_assert_int_eq(g->g.n_nodes, 2);
    end();
}
END_TEST

START_TEST(folds_slices_and_casts)
{
    model_begin(&m, 13);
    model_input(&m, "x", FLOAT, DIMS(2, 3, 4, 5));
    model_list(&m, "two", 2);
    model_list(&m, "four", 4);
    model_list(&m, "back", -1);
    model_initialiser(&m, "half", FLOAT, 0, NULL, (float[]){0.5f}, 4);
    model_node(&m, "Shape", "x", "s");
    model_node(&m, "Slice", "s,two,four", "hw"); /* 4 5 */
    Onnx__Node *n = model_node(&m, "Cast", "hw", "f");
    model_int(&m, n, "to", FLOAT);
    model_node(&m, "Mul", "f,half", "small");  /* 2 2.5 */
    model_node(&m, "Floor", "small", "whole"); /* 2 2 */
    n = model_node(&m, "Cast", "whole", "back1");
    model_int(&m, n, "to", INT64);
    n = model_node(&m, "Split", "back1", "h,w");
    model_int(&m, n, "axis", 0);
    n = model_node(&m, "Concat", "h,w,back", "shape"); /* 2 2 -1 */
    model_int(&m, n, "axis", 0);
    model_node(&m, "Reshape", "x,shape", "y");
    model_output(&m, "y");
    assert_ok(load(NULL));
    assert_shape("y", "2x2x30");
    end();
}
END_TEST

/* A bias that is reshaped stays a weight. */
START_TEST(weights_are_not_folded)
{
    model_begin(&m, 13);
    model_input(&m, "x", FLOAT, DIMS(1, 2, 3, 3));
    model_initialiser(&m, "b", FLOAT, DIMS(2), shifts, sizeof(shifts));
    model_list(&m, "shape", 1, 2, 1, 1);
    model_node(&m, "Reshape", "b,shape", "b4");
    model_node(&m, "Add", "x,b4", "y");
    model_output(&m, "y");
    assert_ok(load(NULL));
    ck_assert_int_eq(g->g.value[ocelli_find(g, "b")].kind, VALUE_WEIGHT);
    ck_assert_int_eq(ocelli_graph_parameters(g), 2);
    end();
}
END_TEST

/* The content of an input, where an operator has to know it. */
START_TEST(values_of_inputs)
{
    int64_t shape[] = {3, -1};
    struct ocelli_array a = {OCELLI_I64, OCELLI_SHAPE(2), shape, "shape"};
    model_begin(&m, 13);
    model_input(&m, "x", FLOAT, DIMS(6));
    model_input(&m, "shape", INT64, DIMS(2));
    model_node(&m, "Reshape", "x,shape", "y");
    model_output(&m, "y");
    assert_fails(load(NULL), OCELLI_ERR_UNSUPPORTED, "\"shape\" has to be known");
    assert_ok(load(&(struct ocelli_onnx_params){.values = &a, .n_values = 1}));
    assert_shape("y", "3x2");
    ck_assert_int_eq(g->g.value[ocelli_find(g, "shape")].kind, VALUE_INPUT);
    a.dtype = OCELLI_I32;
    assert_fails(load(&(struct ocelli_onnx_params){.values = &a, .n_values = 1}), OCELLI_ERR_SHAPE,
                 "the value given is");
    end();
}
END_TEST

/* ---- Opsets ---- */

/* One node on x 2x3x4, in several opsets. */
static Onnx__Node *one_node(int opset, const char *op, const char *in)
{
    model_begin(&m, opset);
    model_input(&m, "x", FLOAT, DIMS(2, 3, 4));
    Onnx__Node *n = model_node(&m, op, in, "y");
    n->name = "it";
    model_output(&m, "y");
    return n;
}

START_TEST(axes_moved_to_an_input)
{
    Onnx__Node *n = one_node(11, "Unsqueeze", "x");
    model_ints(&m, n, "axes", DIMS(1));
    assert_ok(load(NULL));
    assert_shape("y", "2x1x3x4");
    end();
    one_node(13, "Unsqueeze", "x,axes");
    model_list(&m, "axes", -1);
    assert_ok(load(NULL));
    assert_shape("y", "2x3x4x1");
    end();
    n = one_node(13, "Unsqueeze", "x");
    model_ints(&m, n, "axes", DIMS(1));
    assert_fails(load(NULL), OCELLI_ERR_FORMAT, "no axes");
    end();
    n = one_node(11, "Flatten", "x");
    model_int(&m, n, "axis", -1);
    assert_ok(load(NULL));
    assert_shape("y", "6x4");
    end();
}
END_TEST

START_TEST(opsets)
{
    static const int bad[] = {0, -1, 22, 1000};
    for (size_t i = 0; i < COUNT(bad); i++) {
        one_node(bad[i], "Relu", "x");
        assert_fails(load(NULL), OCELLI_ERR_UNSUPPORTED, "opset");
        end();
    }
    static const int good[] = {1, 6, 7, 13, 21};
    for (size_t i = 0; i < COUNT(good); i++) {
        one_node(good[i], "Relu", "x");
        assert_ok(load(NULL));
        end();
    }
    one_node(13, "Mish", "x");
    assert_fails(load(NULL), OCELLI_ERR_UNSUPPORTED,
                 "node 0 \"it\" (Mish, opset 13): known from opset 18 on");
    end();
    Onnx__Node *n = one_node(13, "Relu", "x");
    n->domain = "com.example";
    assert_fails(load(NULL), OCELLI_ERR_UNSUPPORTED, "(com.example.Relu");
    n->domain = "ai.onnx";
    assert_ok(load(NULL));
    n->op_type = "Momentum";
    n->domain = "ai.onnx.preview.training";
    assert_fails(load(NULL), OCELLI_ERR_FORMAT, "names no opset");
    end();
}
END_TEST

/* ---- What is refused ---- */

START_TEST(refusals)
{
    Onnx__Node *n = one_node(13, "NoSuch", "x");
    assert_fails(load(NULL), OCELLI_ERR_UNSUPPORTED,
                 "test.onnx: node 0 \"it\" (NoSuch, opset 13): unknown operator");
    end();
    n = one_node(13, "Relu", "x");
    model_int(&m, n, "fancy", 1);
    assert_fails(load(NULL), OCELLI_ERR_UNSUPPORTED, "(Relu, opset 13): attribute fancy");
    end();
    one_node(13, "Relu", "z");
    assert_fails(load(NULL), OCELLI_ERR_FORMAT, "\"z\" is made by no node before it");
    end();
    one_node(13, "Relu", "");
    assert_fails(load(NULL), OCELLI_ERR_FORMAT, "input 0 is missing");
    end();
    n = one_node(13, "Softmax", "x");
    model_int(&m, n, "axis", 3);
    assert_fails(load(NULL), OCELLI_ERR_FORMAT, "axis 3 of 3");
    end();
    n = one_node(13, "Flatten", "x");
    model_word(&m, n, "axis", "one");
    assert_fails(load(NULL), OCELLI_ERR_FORMAT, "attribute axis is not of the type");
    end();
    n = one_node(13, "DepthToSpace", "x");
    model_word(&m, n, "mode", "XYZ\n");
    assert_fails(load(NULL), OCELLI_ERR_UNSUPPORTED, "attribute mode = \"XYZ?\"");
    end();
    one_node(13, "Relu", "x");
    model_output(&m, "w");
    assert_fails(load(NULL), OCELLI_ERR_FORMAT, "output \"w\" is made by no node");
    end();
    model_begin(&m, 13);
    model_input(&m, "x", FLOAT, DIMS(1, -1));
    model_node(&m, "Relu", "x", "y");
    model_output(&m, "y");
    assert_fails(load(NULL), OCELLI_ERR_UNSUPPORTED, "dimension 1 (\"N\") has no size");
    end();
}
END_TEST

START_TEST(cycles_and_doubles)
{
    model_begin(&m, 13);
    model_input(&m, "x", FLOAT, DIMS(2));
    model_node(&m, "Add", "x,b", "a");
    model_node(&m, "Relu", "a", "b");
    model_output(&m, "b");
    assert_fails(load(NULL), OCELLI_ERR_FORMAT, "node 0 \"a\" (Add, opset 13): input \"b\"");
    end();
    model_begin(&m, 13);
    model_input(&m, "x", FLOAT, DIMS(2));
    model_node(&m, "Relu", "x", "y");
    model_node(&m, "Tanh", "x", "y");
    model_output(&m, "y");
    assert_fails(load(NULL), OCELLI_ERR_FORMAT, "\"y\" is made twice");
    end();
    model_begin(&m, 13);
    model_input(&m, "x", FLOAT, DIMS(2));
    model_input(&m, "x", FLOAT, DIMS(2));
    model_node(&m, "Relu", "x", "y");
    model_output(&m, "y");
    assert_fails(load(NULL), OCELLI_ERR_FORMAT, "\"x\" is made twice");
    end();
    model_begin(&m, 13);
    model_input(&m, "a\nb", FLOAT, DIMS(2));
    model_node(&m, "Relu", "a\nb", "y");
    model_output(&m, "y");
    assert_fails(load(NULL), OCELLI_ERR_FORMAT, "no name");
    end();
}
END_TEST

/* Constants that would take more memory than a file may ask for. */
START_TEST(bombs)
{
    model_begin(&m, 13);
    model_input(&m, "x", FLOAT, DIMS(2));
    model_list(&m, "shape", 1 << 20, 1 << 20);
    Onnx__Node *n = model_node(&m, "ConstantOfShape", "shape", "c");
    Onnx__Attribute *a = model_attr(&m, n, "value");
    a->t = model_tensor(&m, INT64, DIMS(1), (int64_t[]){3}, 8);
    model_node(&m, "Shape", "c", "y");
    model_output(&m, "y");
    int err = load(NULL); /* by way of a constant that is one number until the network runs */
    ck_assert_msg(err == 0 || err == OCELLI_ERR_UNSUPPORTED || err == OCELLI_ERR_SHAPE, "%s",
                  ocelli_error());
    end();
    model_begin(&m, 13);
    model_initialiser(&m, "a", INT64, 0, NULL, (int64_t[]){0}, 8);
    model_initialiser(&m, "b", INT64, 0, NULL, (int64_t[]){(int64_t)1 << 50}, 8);
    model_initialiser(&m, "one", INT64, 0, NULL, (int64_t[]){1}, 8);
    model_node(&m, "Range", "a,b,one", "y");
    model_output(&m, "y");
    assert_fails(load(NULL), OCELLI_ERR_UNSUPPORTED, "a range of");
    end();
    /* doubled again and again */
    static char names[64][16];
    model_begin(&m, 13);
    model_list(&m, "c0", 1, 2, 3, 4);
    for (int i = 0; i < 40; i++) {
        char in[32];
        snprintf(in, sizeof(in), "c%d,c%d", i, i);
        snprintf(names[i], sizeof(names[i]), "c%d", i + 1);
        n = model_node(&m, "Concat", in, names[i]);
        model_int(&m, n, "axis", 0);
    }
    model_output(&m, "c40");
    assert_fails(load(NULL), OCELLI_ERR_UNSUPPORTED, "too many elements");
    end();
}
END_TEST

/* Parts without content take some 60 times their bytes in memory: refused before that. */
START_TEST(out_of_proportion)
{
    size_t bytes = (size_t)8 << 20;
    uint8_t *data = malloc(bytes), *p = data;
    ck_assert_ptr_nonnull(data);
    size_t inner = bytes - 16;
    *p++ = 7 << 3 | 2; /* graph */
    for (size_t v = inner; v || p == data + 1; v >>= 7)
        *p++ = (uint8_t)((v & 127) | (v > 127 ? 128 : 0));
    uint8_t *begin = p;
    while (p < begin + inner) {
        *p++ = 1 << 3 | 2; /* a node of no bytes */
        *p++ = 0;
    }
    assert_fails(ocelli_onnx_parse(&g, "bomb", data, (size_t)(p - data), NULL), OCELLI_ERR_FORMAT,
                 "needs more memory");
    free(data);
}
END_TEST

/* ---- Damaged files ---- */

static uint8_t *sample(size_t *bytes)
{
    static const float filter[18] = {1, -1, 0.5f};
    model_begin(&m, 13);
    model_input(&m, "x", FLOAT, DIMS(-1, 1, 6, 6));
    model_initialiser(&m, "w", FLOAT, DIMS(2, 1, 3, 3), filter, sizeof(filter));
    model_initialiser(&m, "b", FLOAT, DIMS(2), shifts, sizeof(shifts));
    model_list(&m, "rest", -1);
    model_list(&m, "zero", 0);
    Onnx__Node *n = model_node(&m, "Conv", "x,w,b", "c");
    n->name = "conv1";
    model_word(&m, n, "auto_pad", "SAME_UPPER");
    model_ints(&m, n, "strides", DIMS(2, 2));
    model_node(&m, "Relu", "c", "r");
    n = model_node(&m, "MaxPool", "r", "p");
    model_ints(&m, n, "kernel_shape", DIMS(2, 2));
    model_int(&m, n, "ceil_mode", 1);
    model_node(&m, "Shape", "p", "s");
    model_node(&m, "Gather", "s,zero", "n0");
    n = model_node(&m, "Concat", "n0,rest", "shape");
    model_int(&m, n, "axis", 0);
    model_node(&m, "Reshape", "p,shape", "f");
    n = model_node(&m, "Softmax", "f", "y");
    model_int(&m, n, "axis", -1);
    model_output(&m, "y");
    return model_pack(&m, bytes);
}

/* In a block of exactly that size, so that a read behind it is seen. */
static int parse_copy(const uint8_t *data, size_t bytes)
{
    uint8_t *copy = malloc(bytes ? bytes : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, data, bytes);
    int err = ocelli_onnx_parse(&g, "sample.onnx", copy, bytes, NULL);
    free(copy);
    ck_assert_msg((err == 0) == (g != NULL), "%d", err);
    if (err) {
        ck_assert_msg(strstr(ocelli_error(), "sample.onnx") == ocelli_error(), "%s",
                      ocelli_error());
        ck_assert_ptr_null(strchr(ocelli_error(), '\n'));
    }
    ocelli_graph_destroy(&g);
    return err;
}

START_TEST(truncated)
{
    size_t bytes;
    uint8_t *data = sample(&bytes);
    assert_ok(parse_copy(data, bytes));
    int refused = 0;
    for (size_t i = 0; i < bytes; i++)
        refused += parse_copy(data, i) != 0;
    /* The opset's field may be missing without harm to the rest. */
    ck_assert_msg(refused >= (int)bytes - 16, "%d of %zu", refused, bytes);
    end();
}
END_TEST

START_TEST(flipped)
{
    static const uint8_t masks[] = {0x01, 0x08, 0x80, 0xff};
    size_t bytes;
    uint8_t *data = sample(&bytes);
    int refused = 0;
    for (size_t i = 0; i < bytes; i++)
        for (size_t k = 0; k < COUNT(masks); k++) {
            data[i] ^= masks[k];
            refused += parse_copy(data, bytes) != 0;
            data[i] ^= masks[k];
        }
    ck_assert_int_gt(refused, (int)bytes);
    assert_ok(parse_copy(data, bytes));
    end();
}
END_TEST

START_TEST(no_model)
{
    assert_fails(ocelli_onnx_parse(&g, "e", "", 0, NULL), OCELLI_ERR_FORMAT, "no graph");
    assert_fails(ocelli_onnx_parse(&g, "t", "hello, world", 12, NULL), OCELLI_ERR_FORMAT,
                 "no ONNX model");
    assert_fails(ocelli_onnx_load(&g, "/nonexistent/model.onnx", NULL), OCELLI_ERR_IO,
                 "model.onnx");
    ck_assert_ptr_null(g);
}
END_TEST

/* ---- External data ---- */

static char dir[64];
static char path[128];

/* The Gemm model with w in a file; the entries are for the test to change. */
static Onnx__Tensor *external_model(const char *location, const char *offset, const char *length)
{
    static Onnx__Entry e[3];
    static Onnx__Entry *entries[3];
    const char *const keys[] = {"location", "offset", "length"}, *const values[] = {location,
                                                                                    offset, length};
    gemm_model(13);
    Onnx__Tensor *w = m.g.initializer[0];
    w->has_raw_data = false;
    w->has_data_location = true;
    w->data_location = 1;
    w->n_external_data = 0;
    w->external_data = entries;
    for (int i = 0; i < 3; i++) {
        if (!values[i])
            continue;
        onnx__entry__init(&e[i]);
        e[i].key = (char *)keys[i];
        e[i].value = (char *)values[i];
        entries[w->n_external_data++] = &e[i];
    }
    return w;
}

static int load_external(const char *location, const char *offset, const char *length)
{
    size_t bytes;
    external_model(location, offset, length);
    uint8_t *data = model_pack(&m, &bytes);
    assert_ok(file_replace(path, data, bytes, 0600));
    ocelli_graph_destroy(&g);
    int err = ocelli_onnx_load(&g, path, NULL);
    model_free(&m);
    return err;
}

static void put(const char *name, const void *data, size_t bytes)
{
    char full[128];
    snprintf(full, sizeof(full), "%s/%s", dir, name);
    assert_ok(file_replace(full, data, bytes, 0600));
}

static void external_begin(void)
{
    char sub[128];
    tempdir_make(dir);
    snprintf(sub, sizeof(sub), "%s/models", dir);
    ck_assert_int_eq(mkdir(sub, 0700), 0);
    snprintf(sub, sizeof(sub), "%s/models/sub", dir);
    ck_assert_int_eq(mkdir(sub, 0700), 0);
    snprintf(path, sizeof(path), "%s/models/m.onnx", dir);
    char padded[4 + sizeof(weights)] = "pad";
    memcpy(padded + 4, weights, sizeof(weights));
    put("models/w.bin", padded, sizeof(padded));
    put("models/sub/w.bin", padded, sizeof(padded));
    put("secret.bin", padded, sizeof(padded));
}

START_TEST(external)
{
    external_begin();
    assert_ok(load_external("w.bin", "4", "24"));
    ck_assert_mem_eq(g->g.value[ocelli_find(g, "w")].data, weights, sizeof(weights));
    assert_ok(load_external("sub/w.bin", "4", NULL));
    ck_assert_mem_eq(g->g.value[ocelli_find(g, "w")].data, weights, sizeof(weights));
    ocelli_graph_destroy(&g);
    tempdir_remove(dir);
}
END_TEST

START_TEST(external_escapes)
{
    char from[160], to[160];
    external_begin();
    static const char *const out[] = {
        "../secret.bin", "sub/../../secret.bin", "sub/../w.bin", "..", "/etc/passwd",
        "//w.bin",       "sub//w.bin",           "sub/"};
    for (size_t i = 0; i < COUNT(out); i++)
        assert_fails(load_external(out[i], NULL, NULL), OCELLI_ERR_IO,
                     "leads out of the model's folder");
    snprintf(to, sizeof(to), "%s/secret.bin", dir);
    snprintf(from, sizeof(from), "%s/models/link.bin", dir);
    ck_assert_int_eq(symlink("../secret.bin", from), 0);
    assert_fails(load_external("link.bin", "4", NULL), OCELLI_ERR_IO, "over a link");
    snprintf(from, sizeof(from), "%s/models/linked", dir);
    ck_assert_int_eq(symlink("..", from), 0);
    assert_fails(load_external("linked/secret.bin", "4", NULL), OCELLI_ERR_IO, "over a link");
    snprintf(from, sizeof(from), "%s/models/hard.bin", dir);
    ck_assert_int_eq(link(to, from), 0);
    assert_fails(load_external("hard.bin", "4", NULL), OCELLI_ERR_FORMAT, "one name");
    snprintf(from, sizeof(from), "%s/models/fifo", dir);
    ck_assert_int_eq(mkfifo(from, 0600), 0);
    assert_fails(load_external("fifo", NULL, NULL), OCELLI_ERR_FORMAT, "plain file");
    assert_fails(load_external("sub", NULL, NULL), OCELLI_ERR_FORMAT, "plain file");
    assert_fails(load_external("absent.bin", NULL, NULL), OCELLI_ERR_IO, "No such file");
    tempdir_remove(dir);
}
END_TEST

START_TEST(external_sizes)
{
    external_begin();
    assert_fails(load_external("w.bin", "8", NULL), OCELLI_ERR_FORMAT, "not all in");
    assert_fails(load_external("w.bin", "18446744073709551615", NULL), OCELLI_ERR_FORMAT,
                 "not all in");
    assert_fails(load_external("w.bin", "18446744073709551600", "24"), OCELLI_ERR_FORMAT,
                 "not all in");
    assert_fails(load_external("w.bin", "18446744073709551616", NULL), OCELLI_ERR_FORMAT,
                 "no number");
    assert_fails(load_external("w.bin", "-4", NULL), OCELLI_ERR_FORMAT, "no number");
    assert_fails(load_external("w.bin", "4", "23"), OCELLI_ERR_FORMAT, "23 bytes");
    assert_fails(load_external("w.bin", "four", NULL), OCELLI_ERR_FORMAT, "no number");
    assert_fails(load_external(NULL, NULL, NULL), OCELLI_ERR_FORMAT, "without a location");
    assert_fails(load_external("", NULL, NULL), OCELLI_ERR_FORMAT, "without a location");
    external_model("w.bin", "4", NULL);
    assert_fails(load(NULL), OCELLI_ERR_UNSUPPORTED, "not a file");
    end();
    /* Five tensors in a file of one. */
    static Onnx__Entry e, *entries[] = {&e};
    size_t bytes;
    external_model("w.bin", "4", NULL);
    onnx__entry__init(&e);
    e.key = "location";
    e.value = "././w.bin";
    for (int i = 0; i < 5; i++) {
        static const char *const names[] = {"v0", "v1", "v2", "v3", "v4"};
        Onnx__Tensor *t = model_initialiser(&m, names[i], FLOAT, DIMS(6), NULL, 0);
        t->has_data_location = true;
        t->data_location = 1;
        t->n_external_data = 1;
        t->external_data = entries;
    }
    uint8_t *data = model_pack(&m, &bytes);
    assert_ok(file_replace(path, data, bytes, 0600));
    assert_fails(ocelli_onnx_load(&g, path, NULL), OCELLI_ERR_FORMAT,
                 "tensors of 144 bytes in a file of 28");
    end();
    tempdir_remove(dir);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("onnx");
    TCase *t = tcase_create("import");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, initialisers_become_weights);
    tcase_add_test(t, runs);
    tcase_add_test(t, storage);
    tcase_add_test(t, tensor_types);
    tcase_add_test(t, inputs_and_optional_ones);
    tcase_add_test(t, keeps_all);
    tcase_add_test(t, folds_a_view);
    tcase_add_loop_test(t, folds_each, 0, (int)COUNT(folds));
    tcase_add_test(t, folds_slices_and_casts);
    tcase_add_test(t, weights_are_not_folded);
    tcase_add_test(t, values_of_inputs);
    tcase_add_test(t, axes_moved_to_an_input);
    tcase_add_test(t, opsets);
    tcase_add_test(t, refusals);
    tcase_add_test(t, cycles_and_doubles);
    tcase_add_test(t, bombs);
    tcase_add_test(t, out_of_proportion);
    tcase_add_test(t, truncated);
    tcase_add_test(t, flipped);
    tcase_add_test(t, no_model);
    tcase_add_test(t, external);
    tcase_add_test(t, external_escapes);
    tcase_add_test(t, external_sizes);
    suite_add_tcase(s, t);
    return run_suite(s);
}
