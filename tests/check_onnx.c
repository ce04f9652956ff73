/* ONNX import: what it builds, and what it refuses. */
#include <ocelli/onnx.h>
#include <ocelli/plan.h>

#include "formats/onnx_read.h"
#include "onnxload.h"
#include "ops/graph.h"

/* ---- What is built ---- */

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
        assert_ok(onnx_tensor(&x, NULL, "x", 64, &d, &data));
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

/* ---- Content that has to be known ---- */

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

/* ---- Tensors without elements ---- */

/* They come out, in their shape; nobody computes with them. */
START_TEST(no_elements)
{
    model_begin(&m, 14);
    model_input(&m, "x", FLOAT, DIMS(4, 3));
    model_input(&m, "none", INT64, DIMS(0, 5));
    model_list(&m, "three", 3);
    model_list(&m, "parts", 0, 4);
    model_list(&m, "shape", 5, 2, 0);
    model_node(&m, "Slice", "x,three,three", "a");
    model_node(&m, "Split", "x,parts", "b,rest");
    model_int(&m, model_node(&m, "Reshape", "none,shape", "c"), "allowzero", 1);
    model_node(&m, "Relu", "rest", "y");
    model_output(&m, "a");
    model_output(&m, "b");
    model_output(&m, "c");
    model_output(&m, "y");
    assert_ok(load(NULL));
    assert_shape("a", "0x3");
    assert_shape("b", "0x3");
    assert_shape("c", "5x2x0");
    assert_shape("y", "4x3");
    ck_assert_int_eq(g->g.value[ocelli_find(g, "c")].desc.dtype, OCELLI_I64);
    model_node(&m, "Relu", "a", "z");
    assert_fails(load(NULL), OCELLI_ERR_UNSUPPORTED, "without elements (0x3)");
    m.g.n_node--;
    model_int(&m, model_node(&m, "Reshape", "x,shape", "z"), "allowzero", 1);
    assert_fails(load(NULL), OCELLI_ERR_SHAPE, "5x2x0");
    end();
}
END_TEST

/* ---- Training ---- */

/* A step of Adam; the numbers are those of the ONNX project's test_adam_multiple, whose stored
 * result takes the epsilon that its model leaves out. */
static float adam_step(float epsilon)
{
    static const char *const names[] = {"R", "T", "X", "G", "V", "H"};
    static const float values[] = {0.1f, 0, 1, -1, 2, 0.5f};
    struct ocelli_device *dev = NULL;
    struct ocelli_plan *plan = NULL;
    float y;
    model_begin(&m, 13);
    model_opset(&m, "ai.onnx.preview.training", 1);
    for (int i = 0; i < 6; i++)
        model_input(&m, names[i], i == 1 ? INT64 : FLOAT, i > 1, (int64_t[]){1});
    Onnx__Node *n = model_node(&m, "Adam", "R,T,X,G,V,H", "x,v,h");
    n->domain = "ai.onnx.preview.training";
    model_float(&m, n, "alpha", 0.95f);
    model_float(&m, n, "beta", 0.85f);
    model_float(&m, n, "norm_coefficient", 0.001f);
    if (epsilon != 0)
        model_float(&m, n, "epsilon", epsilon);
    model_output(&m, "x");
    assert_ok(load(NULL));
    assert_ok(ocelli_device_open(&dev, NULL));
    assert_ok(ocelli_plan_create(&plan, dev, g, NULL));
    for (int i = 0; i < 6; i++) {
        int64_t zero = 0;
        struct ocelli_tensor *t = ocelli_plan_tensor(plan, names[i]);
        assert_ok(i == 1 ? ocelli_tensor_write(t, &zero, sizeof(zero))
                         : ocelli_tensor_write(t, &values[i], sizeof(float)));
    }
    assert_ok(ocelli_plan_run(plan));
    assert_ok(ocelli_tensor_read(ocelli_plan_tensor(plan, "x"), &y, sizeof(y)));
    ocelli_plan_destroy(&plan);
    ocelli_device_close(&dev);
    end();
    return y;
}

START_TEST(adam)
{
    ck_assert_float_eq_tol(adam_step(1e-2f), 0.75913626f, 2e-7f);
    ck_assert_float_eq(adam_step(0), adam_step(1e-6f));
    ck_assert_float_eq_tol(adam_step(0), 0.7559593f, 2e-6f); /* by hand */
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
    tcase_add_test(t, values_of_inputs);
    tcase_add_test(t, axes_moved_to_an_input);
    tcase_add_test(t, no_elements);
    tcase_add_test(t, adam);
    tcase_add_test(t, opsets);
    tcase_add_test(t, refusals);
    tcase_add_test(t, cycles_and_doubles);
    suite_add_tcase(s, t);
    return run_suite(s);
}
