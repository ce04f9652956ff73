/* What hostile files may cost: at most 4 times their size and 64 MiB of memory, a second for each
 * MiB; and what they may reach. */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zip.h>
#include <zlib.h>

#include <ocelli/onnx.h>

#include "base/file.h"
#include "data/idx.h"
#include "faults.h"
#include "formats/npy.h"
#include "formats/safetensors.h"
#include "onnxmodel.h"
#include "tempdir.h"

#define MIB ((size_t)1 << 20)

static struct model m;
static char dir[64], path[128];

/* ---- Costs ---- */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double started;

static void cost_begin(void)
{
    memory_mark();
    started = seconds();
}

static void cost_end(const char *what, size_t bytes)
{
    double took = seconds() - started;
    size_t peak = memory_peak();
    if (getenv("OCELLI_TEST_COSTS"))
        fprintf(stderr, "%-16s %8zu bytes: %6.1f MiB of %6.1f, %5.2f s\n", what, bytes,
                (double)peak / (double)MIB, (double)(4 * bytes + 64 * MIB) / (double)MIB, took);
    ck_assert_msg(peak <= 4 * bytes + 64 * MIB, "%s: %zu bytes of memory for a file of %zu", what,
                  peak, bytes);
    ck_assert_msg(took <= 1 + (double)bytes / (double)MIB, "%s: %.2f s for a file of %zu bytes",
                  what, took, bytes);
}

/* The model so far, from a file; its error code. */
static int load_file(const char *what)
{
    struct ocelli_graph *g;
    size_t bytes;
    uint8_t *data = model_pack(&m, &bytes);
    assert_ok(file_replace(path, data, bytes, 0600));
    model_free(&m);
    cost_begin();
    int err = ocelli_onnx_load(&g, path, NULL);
    ocelli_graph_destroy(&g);
    cost_end(what, bytes);
    return err;
}

static const char *numbered(const char *word, int i)
{
    char text[32];
    snprintf(text, sizeof(text), "%s%d", word, i);
    char *s = arena_str(&m.arena, text);
    ck_assert_ptr_nonnull(s);
    return s;
}

/* A pointer array of that many entries in place of MODEL_APPEND's, which copies each time. */
static void *room(int n)
{
    return model_new(&m, (size_t)n * sizeof(void *));
}

static Onnx__Node *quick_node(const char *op, int n_in, const char *in, const char *out)
{
    Onnx__Node *n = model_new(&m, sizeof(*n));
    onnx__node__init(n);
    n->op_type = (char *)op;
    n->n_input = (size_t)n_in;
    n->input = room(n_in);
    for (int i = 0; i < n_in; i++)
        n->input[i] = (char *)in;
    n->n_output = 1;
    n->output = room(1);
    n->output[0] = (char *)out;
    m.g.node[m.g.n_node++] = n;
    return n;
}

#define NODES 16384

START_TEST(many_nodes)
{
    model_begin(&m, 13);
    model_input(&m, "v0", FLOAT, DIMS(2, 2));
    m.g.node = room(NODES + 1);
    for (int i = 0; i < NODES; i++)
        quick_node("Relu", 1, numbered("v", i), numbered("v", i + 1));
    model_output(&m, numbered("v", NODES));
    assert_ok(load_file("nodes"));
    model_begin(&m, 13);
    model_input(&m, "v0", FLOAT, DIMS(2, 2));
    m.g.node = room(NODES + 1);
    for (int i = 0; i <= NODES; i++)
        quick_node("Relu", 1, numbered("v", i), numbered("v", i + 1));
    model_output(&m, numbered("v", NODES));
    assert_fails(load_file("more nodes"), OCELLI_ERR_FORMAT, "nodes, more than");
}
END_TEST

/* Few bytes in the file, a node of the graph for each. */
START_TEST(many_inputs)
{
    model_begin(&m, 13);
    model_input(&m, "x", FLOAT, DIMS(2, 2));
    m.g.node = room(1);
    quick_node("Sum", 5000, "x", "y");
    model_output(&m, "y");
    assert_fails(load_file("inputs"), OCELLI_ERR_FORMAT, "inputs");
    model_begin(&m, 13);
    model_input(&m, "x", FLOAT, DIMS(2, 2));
    m.g.node = room(300);
    for (int i = 0; i < 300; i++)
        quick_node("Max", 1000, "x", numbered("y", i));
    model_output(&m, "y0");
    assert_fails(load_file("all nodes"), OCELLI_ERR_FORMAT, "operations");
}
END_TEST

#define VALUES 60000

START_TEST(many_names)
{
    static const float one = 1;
    model_begin(&m, 13);
    m.g.input = room(VALUES);
    for (int i = 0; i < VALUES; i++)
        m.g.input[m.g.n_input++] = model_value(&m, numbered("v", i), FLOAT, DIMS(1));
    model_output(&m, "v0");
    assert_ok(load_file("graph inputs"));
    /* 16383 weights, each used. */
    model_begin(&m, 13);
    m.g.initializer = room(NODES);
    m.g.node = room(NODES);
    model_input(&m, "s0", FLOAT, DIMS(1));
    for (int i = 0; i + 1 < NODES; i++) {
        Onnx__Tensor *t = model_tensor(&m, FLOAT, DIMS(1), &one, 4);
        t->name = (char *)numbered("w", i);
        m.g.initializer[m.g.n_initializer++] = t;
        Onnx__Node *n = quick_node("Mul", 2, numbered("s", i), numbered("s", i + 1));
        n->input[1] = t->name;
    }
    model_output(&m, numbered("s", NODES - 1));
    assert_ok(load_file("weights"));
}
END_TEST

/* Constants made from constants, until there is no more room for them. */
START_TEST(much_arithmetic)
{
    model_begin(&m, 13);
    model_list(&m, "n", 16384);
    model_list(&m, "one", 1);
    m.g.node = room(NODES);
    quick_node("Expand", 2, "one", "c0")->input[1] = (char *)"n";
    for (int i = 0; i + 1 < NODES; i++)
        quick_node("Mul", 2, numbered("c", i), numbered("c", i + 1));
    model_output(&m, "c1");
    assert_fails(load_file("arithmetic"), OCELLI_ERR_UNSUPPORTED, "too many elements");
}
END_TEST

/* One byte a number in the file, eight in memory. */
static void numbers_model(int64_t *v, size_t count)
{
    model_begin(&m, 13);
    Onnx__Tensor *t = model_initialiser(&m, "w", INT64, DIMS((int64_t)count), NULL, 0);
    t->n_int64_data = count;
    t->int64_data = v;
    model_node(&m, "Abs", "w", "y");
    model_output(&m, "y");
}

START_TEST(short_numbers)
{
    size_t count = 24 * MIB;
    int64_t *v = calloc(count, sizeof(*v));
    ck_assert_ptr_nonnull(v);
    numbers_model(v, count);
    int err = load_file("short numbers");
    ck_assert_msg(err == OCELLI_ERR_FORMAT, "%d: %s", err, ocelli_error());
    free(v);
}
END_TEST

/* As much as a file may hold in floats: is read, within the bounds. */
START_TEST(large_weight)
{
    size_t count = 24 * MIB;
    float *v = calloc(count, sizeof(*v));
    ck_assert_ptr_nonnull(v);
    for (int typed = 0; typed < 2; typed++) {
        model_begin(&m, 13);
        Onnx__Tensor *t = model_initialiser(&m, "w", FLOAT, DIMS((int64_t)count), v, count * 4);
        if (typed) {
            t->has_raw_data = false;
            t->n_float_data = count;
            t->float_data = v;
        }
        model_node(&m, "Relu", "w", "y");
        model_output(&m, "y");
        assert_ok(load_file(typed ? "typed weight" : "raw weight"));
    }
    free(v);
}
END_TEST

/* What is refused as a rule is read when it is asked for, and the other way round. */
START_TEST(limits_are_settable)
{
    struct ocelli_graph *g;
    struct ocelli_onnx_params p = {.max_memory = 600 * MIB};
    size_t count = 8 * MIB, bytes;
    int64_t *v = calloc(count, sizeof(*v));
    ck_assert_ptr_nonnull(v);
    numbers_model(v, count);
    uint8_t *data = model_pack(&m, &bytes);
    assert_fails(ocelli_onnx_parse(&g, "m", data, bytes, NULL), OCELLI_ERR_FORMAT, "more memory");
    assert_ok(ocelli_onnx_parse(&g, "m", data, bytes, &p));
    ocelli_graph_destroy(&g);
    p.max_memory = 8 * MIB;
    assert_fails(ocelli_onnx_parse(&g, "m", data, bytes, &p), OCELLI_ERR_FORMAT, "more memory");
    model_free(&m);
    free(v);
}
END_TEST

/* Empty parts of every kind, as many as fit. */
START_TEST(empty_parts)
{
    static const uint8_t kinds[] = {1 << 3 | 2, 5 << 3 | 2, 11 << 3 | 2, 12 << 3 | 2, 13 << 3 | 2};
    static const uint8_t model_kinds[] = {8 << 3 | 2};
    size_t bytes = 4 * MIB;
    uint8_t *data = malloc(bytes);
    ck_assert_ptr_nonnull(data);
    for (size_t k = 0; k < COUNT(kinds) + COUNT(model_kinds); k++) {
        struct ocelli_graph *g;
        uint8_t *p = data;
        if (k < COUNT(kinds)) {
            size_t inner = bytes - 5;
            *p++ = 7 << 3 | 2;
            for (size_t v = inner; v; v >>= 7)
                *p++ = (uint8_t)((v & 127) | (v > 127 ? 128 : 0));
        }
        while (p + 2 <= data + bytes) {
            *p++ = k < COUNT(kinds) ? kinds[k] : model_kinds[k - COUNT(kinds)];
            *p++ = 0;
        }
        cost_begin();
        int err = ocelli_onnx_parse(&g, "parts", data, (size_t)(p - data), NULL);
        cost_end("empty parts", bytes);
        ck_assert_int_eq(err, OCELLI_ERR_FORMAT);
        ocelli_graph_destroy(&g);
    }
    free(data);
}
END_TEST

/* Messages within messages, ten thousand deep: what the schema leaves out is skipped, not entered.
 */
START_TEST(deep_nesting)
{
    enum { DEPTH = 10000 };
    static uint8_t data[16 * DEPTH];
    struct ocelli_graph *g;
    size_t at = sizeof(data), len = 0;
    /* Backwards: graph (7) { node (1) { attribute (5) { g (6) { node .. */
    for (int i = 0; i < 3 * DEPTH; i++) {
        uint8_t head[8];
        size_t n = 0;
        head[n++] = (uint8_t)((const uint8_t[]){6, 5, 1}[i % 3] << 3 | 2);
        for (size_t v = len;; v >>= 7) {
            head[n++] = (uint8_t)((v & 127) | (v > 127 ? 128 : 0));
            if (v <= 127)
                break;
        }
        at -= n;
        memcpy(data + at, head, n);
        len += n;
    }
    data[--at] = 0;
    uint8_t head[] = {7 << 3 | 2, (uint8_t)(len & 127) | 128, (uint8_t)(len >> 7 & 127) | 128,
                      (uint8_t)(len >> 14)};
    at = at + 1 - sizeof(head);
    memcpy(data + at, head, sizeof(head));
    cost_begin();
    int err = ocelli_onnx_parse(&g, "deep", data + at, sizeof(data) - at, NULL);
    cost_end("nesting", sizeof(data) - at);
    ck_assert_int_ne(err, 0);
}
END_TEST

/* ---- Compressed files ---- */

/* A .npy of zeros, packed about a thousand to one. */
static void zip_bomb(size_t count)
{
    struct ocelli_array a = {OCELLI_U8, OCELLI_SHAPE((int64_t)count), calloc(count, 1), NULL};
    void *npy;
    size_t bytes;
    int e;
    ck_assert_ptr_nonnull(a.data);
    assert_ok(npy_print(&a, &npy, &bytes));
    free(a.data);
    zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &e);
    ck_assert_ptr_nonnull(z);
    zip_int64_t i = zip_file_add(z, "a.npy", zip_source_buffer(z, npy, bytes, 1), 0);
    ck_assert_int_eq(i, 0);
    ck_assert_int_eq(zip_set_file_compression(z, 0, ZIP_CM_DEFLATE, 9), 0);
    ck_assert_int_eq(zip_close(z), 0);
}

START_TEST(packed_arrays)
{
    struct ocelli_array *a;
    int n;
    struct stat st;
    zip_bomb(20 * MIB);
    ck_assert_int_eq(stat(path, &st), 0);
    cost_begin();
    assert_ok(ocelli_npz_read(&a, &n, path, 0));
    cost_end("npz", (size_t)st.st_size);
    ocelli_array_free(&a[0]);
    free(a);
    zip_bomb(200 * MIB);
    ck_assert_int_eq(stat(path, &st), 0);
    cost_begin();
    assert_fails(ocelli_npz_read(&a, &n, path, 0), OCELLI_ERR_FORMAT, "more memory");
    cost_end("npz bomb", (size_t)st.st_size);
    assert_ok(ocelli_npz_read(&a, &n, path, 512 * MIB)); /* asked for */
    ocelli_array_free(&a[0]);
    free(a);
    assert_fails(ocelli_npz_read(&a, &n, path, 300 * MIB), OCELLI_ERR_FORMAT, "more memory");
}
END_TEST

static void gzip_bomb(uint32_t images)
{
    static const uint8_t zeros[1 << 16];
    const uint8_t head[16] = {0,
                              0,
                              8,
                              3,
                              (uint8_t)(images >> 24),
                              (uint8_t)(images >> 16),
                              (uint8_t)(images >> 8),
                              (uint8_t)images,
                              0,
                              0,
                              1,
                              0,
                              0,
                              0,
                              1,
                              0};
    gzFile f = gzopen(path, "wb9");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(gzwrite(f, head, sizeof(head)), (int)sizeof(head));
    for (uint32_t i = 0; i < images; i++)
        ck_assert_int_eq(gzwrite(f, zeros, sizeof(zeros)), (int)sizeof(zeros));
    ck_assert_int_eq(gzclose(f), Z_OK);
}

START_TEST(packed_images)
{
    struct idx x;
    struct stat st;
    for (int large = 0; large < 2; large++) {
        gzip_bomb(large ? 3000 : 700); /* of 64 KiB */
        ck_assert_int_eq(stat(path, &st), 0);
        cost_begin();
        int err = idx_read(&x, path, 3);
        cost_end("idx", (size_t)st.st_size);
        idx_free(&x);
        ck_assert_msg(err == (large ? OCELLI_ERR_FORMAT : 0), "%s", ocelli_error());
    }
}
END_TEST

/* ---- JSON ---- */

START_TEST(json_headers)
{
    static const struct {
        const char *begin, *part, *end;
        bool right;
    } kinds[] = {
        {"{\"a\":[", "0,", "0]}", false},
        {"{\"a\":[", "{},", "{}]}", false},
        {"{\"a\":[", "[],", "[]]}", false},
        {"{\"a\":", "[", "]", false},
        {"{\"a\":", "{\"\":", "}", false},
        {"{\"a\":[", "\"\",", "\"\"]}", false},
        {"{\"__metadata__\":{", "\"k#\":\"\",", "\"\":\"\"}}", true},
        {"{", "\"k#\":{},", "\"\":{}}", false},
        {"{", "\"k#\":0,", "\"\":0}", false},
        {"{", "\"#\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},",
         "\"x\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,0]}}", false},
    };
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct safetensors *st;
        struct text t = {0};
        text_add(&t, "%8s%s", "", kinds[k].begin);
        for (int i = 0; t.len < SAFETENSORS_MAX_HEADER - 128; i++) {
            int before =
                (int)strcspn(kinds[k].part, "#"); /* a number, where it has a place for one */
            if (kinds[k].part[before])
                text_add(&t, "%.*s%d%s", before, kinds[k].part, i, kinds[k].part + before + 1);
            else
                text_add(&t, "%s", kinds[k].part);
        }
        text_add(&t, "%s", kinds[k].end);
        ck_assert(!t.failed);
        for (int i = 0; i < 8; i++)
            t.s[i] = (char)((t.len - 8) >> (8 * i));
        size_t bytes = t.len;
        cost_begin();
        int err = safetensors_parse(&st, "json", t.s, bytes); /* takes it over */
        cost_end("json", bytes);
        ck_assert_msg((err == 0) == kinds[k].right, "kind %zu: %d", k, err);
        safetensors_close(&st);
    }
}
END_TEST

/* ---- Names of external data ---- */

/* A name ends at a zero byte, and what is behind it leads nowhere. */
START_TEST(zero_in_a_name)
{
    static const float weights[2] = {3, 5};
    Onnx__Entry e = ONNX__ENTRY__INIT, *entries[] = {&e};
    struct ocelli_graph *g;
    char full[160];
    size_t bytes;
    model_begin(&m, 13);
    model_input(&m, "x", FLOAT, DIMS(2));
    Onnx__Tensor *t = model_initialiser(&m, "w", FLOAT, DIMS(2), NULL, 0);
    t->has_data_location = true;
    t->data_location = 1;
    t->n_external_data = 1;
    t->external_data = entries;
    e.key = (char *)"location";
    e.value = (char *)"w.bin?/../../secret";
    model_node(&m, "Mul", "x,w", "y");
    model_output(&m, "y");
    char *data = (char *)model_pack(&m, &bytes);
    *(char *)memchr(data, '?', bytes) = 0;
    assert_ok(file_replace(path, data, bytes, 0600));
    assert_fails(ocelli_onnx_load(&g, path, NULL), OCELLI_ERR_IO, "w.bin");
    snprintf(full, sizeof(full), "%s/w.bin", dir);
    assert_ok(file_replace(full, weights, sizeof(weights), 0600));
    assert_ok(ocelli_onnx_load(&g, path, NULL));
    ocelli_graph_destroy(&g);
    model_free(&m);
}
END_TEST

static void setup(void)
{
    tempdir_make(dir);
    snprintf(path, sizeof(path), "%s/file", dir);
}

static void teardown(void)
{
    tempdir_remove(dir);
}

int main(void)
{
    Suite *s = suite_create("hostile");
    TCase *t = tcase_create("hostile");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, many_nodes);
    tcase_add_test(t, many_inputs);
    tcase_add_test(t, many_names);
    tcase_add_test(t, much_arithmetic);
    tcase_add_test(t, short_numbers);
    tcase_add_test(t, large_weight);
    tcase_add_test(t, empty_parts);
    tcase_add_test(t, deep_nesting);
    tcase_add_test(t, packed_arrays);
    tcase_add_test(t, packed_images);
    tcase_add_test(t, json_headers);
    tcase_add_test(t, limits_are_settable);
    tcase_add_test(t, zero_in_a_name);
    suite_add_tcase(s, t);
    return run_suite(s);
}
