/* ONNX files: damaged ones, bombs, and data beside the model. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ocelli/onnx.h>

#include "base/file.h"
#include "onnxload.h"
#include "ops/graph.h"
#include "tempdir.h"

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
    Suite *s = suite_create("onnx files");
    TCase *t = tcase_create("files");
    tcase_set_timeout(t, 120);
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
