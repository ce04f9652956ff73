/* ONNX import: arithmetic on shapes, done while a model is read. */
#include "onnxload.h"
#include "ops/graph.h"

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

int main(void)
{
    Suite *s = suite_create("onnx fold");
    TCase *t = tcase_create("fold");
    tcase_add_test(t, folds_a_view);
    tcase_add_loop_test(t, folds_each, 0, (int)COUNT(folds));
    tcase_add_test(t, folds_slices_and_casts);
    tcase_add_test(t, weights_are_not_folded);
    suite_add_tcase(s, t);
    return run_suite(s);
}
