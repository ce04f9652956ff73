/* ONNX export: every operation there and back gives the same bits, and what is written is well
 * formed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <ocelli/nets.h>
#include <ocelli/onnx.h>

#include "base/hash.h"
#include "formats/onnx_read.h"
#include "ops/graph.h"
#include "ops/shared.h"
#include "tempdir.h"
#include "test.h"

static struct ocelli_device *dev;
static char dir[64], path[128];

/* ---- What is written is well formed ---- */

static bool listed(char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

#define MAX_NAMES 256
/* Values known so far, each made once. */
struct names {
    char *item[MAX_NAMES];
    int n;
};

static void name_made(struct names *s, char *name)
{
    ck_assert_ptr_nonnull(name);
    ck_assert_msg(*name && !listed(s->item, s->n, name), "\"%s\" is made twice, or has no name",
                  name);
    ck_assert_int_lt(s->n, MAX_NAMES);
    s->item[s->n++] = name;
}

static void check_node(const Onnx__Node *n, struct names *values, bool *read)
{
    ck_assert_msg(n->op_type && *n->op_type, "a node without an operator");
    ck_assert_msg(!n->domain || !*n->domain, "%s: of another domain", n->op_type);
    for (size_t i = 0; i < n->n_input; i++) {
        ck_assert_msg(!*n->input[i] || listed(values->item, values->n, n->input[i]),
                      "%s: input \"%s\" comes from nowhere", n->op_type, n->input[i]);
        for (int v = 0; v < values->n; v++)
            read[v] = read[v] || strcmp(values->item[v], n->input[i]) == 0;
    }
    for (size_t i = 0; i < n->n_output; i++)
        name_made(values, n->output[i]);
    for (size_t i = 0; i < n->n_attribute; i++) { /* 1 float, 2 int, 3 string, 7 ints */
        const Onnx__Attribute *a = n->attribute[i];
        int said = a->has_f ? 1 : a->has_i ? 2 : a->has_s ? 3 : 7;
        ck_assert_msg(a->name && a->has_type && a->type == said, "%s: attribute %s", n->op_type,
                      a->name);
        for (size_t k = 0; k < i; k++)
            ck_assert_str_ne(n->attribute[k]->name, a->name);
    }
}

static void check_value_info(const Onnx__ValueInfo *v)
{
    ck_assert_msg(v->name && v->type && v->type->tensor_type && v->type->tensor_type->shape, "%s",
                  v->name);
    ck_assert_int_ge(onnx_dtype(v->type->tensor_type->elem_type), 0);
    for (size_t i = 0; i < v->type->tensor_type->shape->n_dim; i++) {
        const Onnx__Dim *d = v->type->tensor_type->shape->dim[i];
        ck_assert_msg(d->has_dim_value ? d->dim_value >= 0 : d->dim_param && *d->dim_param,
                      "%s: dimension %zu", v->name, i);
    }
}

/* The file says its version; names are made once and before they are read; initialisers are whole
 * and of use. *f is left open. */
static void check_form(struct onnx_file **f)
{
    struct names values = {.n = 0}, nodes = {.n = 0};
    bool read[MAX_NAMES] = {false};
    assert_ok(onnx_open(f, path, 0));
    const Onnx__Model *m = (*f)->model;
    const Onnx__Graph *g = m->graph;
    ck_assert_int_eq(m->ir_version, 8);
    ck_assert_int_eq((int)m->n_opset_import, 1);
    ck_assert_int_eq(m->opset_import[0]->version, 17);
    ck_assert_str_eq(m->producer_name, "ocelli");
    ck_assert_ptr_nonnull(g->name);
    for (size_t i = 0; i < g->n_input; i++) {
        check_value_info(g->input[i]);
        name_made(&values, g->input[i]->name);
    }
    int inputs = values.n;
    for (size_t i = 0; i < g->n_initializer; i++) {
        struct desc d;
        void *data;
        assert_ok(onnx_tensor(g->initializer[i], NULL, "initialiser", SIZE_MAX, &d, &data));
        free(data);
        name_made(&values, g->initializer[i]->name);
    }
    int stored = values.n;
    for (size_t i = 0; i < g->n_node; i++) {
        check_node(g->node[i], &values, read);
        name_made(&nodes, g->node[i]->name);
    }
    ck_assert_int_gt((int)g->n_output, 0);
    for (size_t i = 0; i < g->n_output; i++) {
        check_value_info(g->output[i]);
        ck_assert(listed(values.item, values.n, g->output[i]->name));
    }
    for (int v = inputs; v < stored; v++)
        ck_assert_msg(read[v], "nobody reads the initialiser %s", values.item[v]);
}

/* ---- There and back ---- */

/* Small whole numbers: labels, indices and bytes among the inputs are legal with them. */
static void fill(struct ocelli_tensor *t, uint64_t seed)
{
    size_t bytes = ocelli_tensor_bytes(t), size = ocelli_dtype_size(ocelli_tensor_dtype(t));
    enum ocelli_dtype type = ocelli_tensor_dtype(t);
    char *data = calloc(1, bytes);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < bytes / size; i++) {
        uint64_t r = random_at(seed, 0, i);
        float f = (float)(r % 64) / 16 + 0.0625f;
        double d = f;
        if (type == OCELLI_F32)
            memcpy(data + i * size, &f, size);
        else if (type == OCELLI_F64)
            memcpy(data + i * size, &d, size);
        else
            data[i * size] = (char)(r % 2); /* the low byte comes first */
    }
    assert_ok(ocelli_tensor_write(t, data, bytes));
    free(data);
}

struct result {
    void *data;
    struct desc desc;
};

/* The outputs of a graph, each operation by itself. Inputs are filled by their order. */
static int run(const struct ocelli_graph *g, struct result *out)
{
    struct ocelli_plan *plan = NULL;
    struct ocelli_port port;
    int n = ocelli_graph_outputs(g);
    assert_ok(ocelli_plan_create(
        &plan, dev, g, &(struct ocelli_plan_params){.no_fusion = true, .variant = "ref"}));
    for (int i = 0; ocelli_graph_input(g, i, &port) == 0; i++)
        fill(ocelli_plan_tensor(plan, port.name), (uint64_t)i);
    assert_ok(ocelli_plan_run(plan));
    for (int k = 0; k < n; k++) {
        assert_ok(ocelli_graph_output(g, k, &port));
        struct ocelli_tensor *t = ocelli_plan_tensor(plan, port.name);
        out[k].desc = (struct desc){port.dtype, port.shape};
        out[k].data = malloc(ocelli_tensor_bytes(t));
        ck_assert_ptr_nonnull(out[k].data);
        assert_ok(ocelli_tensor_read(t, out[k].data, ocelli_tensor_bytes(t)));
    }
    ocelli_plan_destroy(&plan);
    return n;
}

/* Bit for bit, or, where `units` is not 0, by so many units of the last place of the larger one. */
static void compare(const char *what, const struct result *a, const struct result *b, double units)
{
    char s[SHAPE_TEXT], t[SHAPE_TEXT];
    ck_assert_msg(desc_equal(&a->desc, &b->desc), "%s: %s %s became %s %s", what,
                  dtype_name(a->desc.dtype), shape_text(&a->desc.shape, s),
                  dtype_name(b->desc.dtype), shape_text(&b->desc.shape, t));
    if (memcmp(a->data, b->data, desc_bytes(&a->desc)) == 0)
        return;
    ck_assert_msg(units > 0 && a->desc.dtype == OCELLI_F32, "%s: other bits", what);
    for (int64_t i = 0; i < shape_count(&a->desc.shape); i++) {
        double x = ((const float *)a->data)[i], y = ((const float *)b->data)[i];
        ck_assert_msg(fabs(x - y) <= units * 0x1p-23 * fmax(fabs(x), fabs(y)),
                      "%s: [%d] %.9g became %.9g", what, (int)i, x, y);
    }
}

/* Inputs and outputs keep their names and their order. */
static void compare_ports(const char *what, const struct ocelli_graph *a,
                          const struct ocelli_graph *b)
{
    struct ocelli_port p, q;
    ck_assert_msg(ocelli_graph_inputs(a) == ocelli_graph_inputs(b) &&
                      ocelli_graph_outputs(a) == ocelli_graph_outputs(b),
                  "%s", what);
    for (int i = 0; ocelli_graph_input(a, i, &p) == 0; i++) {
        assert_ok(ocelli_graph_input(b, i, &q));
        ck_assert_str_eq(p.name, q.name);
    }
    for (int i = 0; ocelli_graph_output(a, i, &p) == 0; i++) {
        assert_ok(ocelli_graph_output(b, i, &q));
        ck_assert_str_eq(p.name, q.name);
    }
}

static void there_and_back(const char *what, const struct ocelli_graph *g, double units)
{
    struct ocelli_graph *back = NULL;
    struct onnx_file *f = NULL;
    struct result first[OP_MAX_OUT], second[OP_MAX_OUT];
    int err = ocelli_onnx_save(g, NULL, path, NULL);
    ck_assert_msg(err == 0, "%s: %s", what, ocelli_error());
    check_form(&f);
    onnx_close(&f);
    err = ocelli_onnx_load(&back, path, NULL);
    ck_assert_msg(err == 0, "%s: %s", what, ocelli_error());
    compare_ports(what, g, back);
    int n = run(g, first);
    ck_assert_int_eq(run(back, second), n);
    for (int k = 0; k < n; k++) {
        compare(what, &first[k], &second[k], units);
        free(first[k].data);
        free(second[k].data);
    }
    ocelli_graph_destroy(&back);
}

/* A problem as a network: an input for each of its own, an output for each of its results. */
static struct ocelli_graph *network(const char *text)
{
    static const char *const in_names[] = {"a", "b", "c", "d", "e", "f"}, *const out_names[] = {
                                                                              "y", "z"};
    max_align_t attr[PROBLEM_ATTR_BYTES / sizeof(max_align_t) + 1] = {0};
    struct ocelli_graph *g = NULL;
    struct problem p;
    int in[OP_MAX_IN];
    assert_ok(problem_parse(text, &p, attr));
    assert_ok(ocelli_graph_create(&g));
    for (int i = 0; i < op_inputs(p.op); i++)
        in[i] = p.in[i].shape.rank < 0
                    ? OCELLI_NONE
                    : ocelli_input(g, in_names[i], p.in[i].dtype, &p.in[i].shape);
    if (p.op->flags & OP_ALIAS) /* needs somebody who computes */
        in[0] = ocelli_unary(g, in[0], &(struct ocelli_unary_params){.kind = OCELLI_NEG});
    int y = graph_add(&g->g, p.op, p.attr, in);
    for (int k = 0; k < p.n_out; k++)
        ocelli_output(g, out_names[k], y + k);
    assert_ok(ocelli_graph_status(g));
    return g;
}

/* Every operation that ONNX has, and what is composed of several. Units of the last place where the
 * composition rounds otherwise. */
static const struct trip {
    const char *problem;
    double units;
} trips[] = {
    {"conv2d x=2x4x7x9 w=6x2x3x2 stride=2,1 dilation=1,2 pad=1,0,2,1 groups=2", 0},
    {"conv2d_bwd_data dy=1x6x4x5 w=6x4x3x3 size=8,10 stride=2,2 pad=1,1,1,1", 0},
    {"conv3d x=1x4x5x6x7 w=6x2x2x3x2 stride=2,1,1 dilation=1,1,2 pad=1,0,2,0,1,1 groups=2", 0},
    {"conv3d_bwd_data dy=1x6x2x4x5 w=6x4x2x3x3 size=4,8,10 stride=2,2,2 pad=0,1,1,0,1,1", 0},
    {"pool2d x=1x3x9x8 kernel=3,2 stride=2,3 pad=1,0,0,1 dilation=2,1", 0},
    {"pool2d x=1x3x9x8 kernel=2,2 ceil_mode=1", 0},
    {"pool2d x=1x3x9x8 kind=average kernel=3,3 stride=2,2 pad=1,1,1,1 count_include_pad=1", 0},
    {"pool3d x=1x3x5x9x8:u8 kernel=2,3,2 stride=1,2,2 pad=0,1,1,0,1,1", 0},
    {"pool3d x=1x3x5x9x8 kind=average kernel=2,3,2 pad=0,1,1,0,1,1", 0},
    {"pool3d_index x=2x3x1x9x8 kernel=1,2,2 column_major=1", 0},
    {"unpool x=1x2x3x3 index=1x2x3x3:i64 shape=1x2x7x5", 0},
    {"unpool x=1x2x3x3 index=1x2x3x3:i64 shape=1x2x2x4", 0},
    {"gap x=2x5x4x3", 0},
    {"gemm a=3x4 b=4x5", 0},
    {"gemm a=4x3 b=5x4 trans_a=1 trans_b=1", 0},
    {"bias x=2x3x4x5 b=3", 0},
    {"bias x=4x3 b=3", 0},
    {"scale x=2x3x4x5 s=3", 0},
    {"add a=3x4 b=3x4", 0},
    {"binary a=2x3x4 b=3x1 kind=sub", 0},
    {"binary a=2x3x4 b=4 kind=div", 0},
    {"binary a=3x4 b=2x1x4 kind=pow", 0},
    {"binary a=2x3x4 b=3x1 kind=prelu", 0},
    {"binary a=2x3x4:i64 b=2x1x1:i64 kind=max", 0},
    {"cast x=3x5 to=i32", 0},
    {"cast x=3x5:u8 to=f64", 0},
    {"reshape x=2x3x4 shape=6x4", 0},
    {"reshape x=2x3x4 shape=2x12", 0},
    {"concat x0=2x3 x1=2x4 x2=2x1 axis=1", 0},
    {"pad x=2x3x4 begin=1,0,2 end=0,1,1 value=0.5", 0},
    {"pad x=2x3x4 mode=reflect begin=0,2,1 end=0,1,0", 0},
    {"gather x=3x4x5 index=2x2:i64 axis=1", 0},
    {"strided x=4x6 shape=6x4 stride=1,6", 0},
    {"strided x=4x6 shape=2x3 stride=12,-2 offset=4", 0},
    {"strided x=1x6 shape=5x6 stride=0,1", 0},
    {"strided x=4x6 shape=3x3 stride=5,2", 0},
    {"resize x=1x2x4x5 mode=linear shape=1x2x7x10 coord=align_corners", 0},
    {"resize x=1x2x4x5 mode=nearest shape=1x2x8x10 coord=asymmetric nearest=floor", 0},
    {"reduce x=3x4x5 kind=sum axes=2 keepdims=1", 0},
    {"reduce x=3x4x5 kind=log_sum_exp axes=5", 0},
    {"argmax x=3x9 axis=1", 0},
    {"argmax x=3x9 axis=1 smallest=1 last=1 keepdims=1", 0},
    {"softmax x=3x9", 0},
    {"softmax x=3x9x2 behind=1 log=1", 0},
    {"batchnorm x=2x3x4x5 scale=3 shift=3 mean=3 variance=3", 0},
    {"batchnorm x=2x3x4x5 variance=3", 1},
    {"standardize x=2x3x4x5 axis=2", 1},
    {"standardize x=2x3x4x5 axis=3", 1},
    {"lrn x=2x7x3x3 size=3 alpha=0.5 bias=2", 0},
    {"nll x=4x3x2 target=4x2:i64 weight=3", 0},
    {"nll x=4x3 target=4:i32 has_ignore=1 ignore=1", 0},
    {"nll x=4x3x2 target=4x2:i64 weight=3 weights_only=1", 0},
    {"nll x=4x3 target=4:i64 weight=3 weights_only=1 has_ignore=1 ignore=1", 0},
    {"nll x=4x3 target=4:i32 weights_only=1", 0},
    {"softmax_xent x=4x3 labels=4:i32", 4},
    {"unary x=3x5 kind=relu", 0},
    {"unary x=3x5 kind=tanh alpha=1.7159 beta=0.666", 1},
    {"unary x=3x5 kind=clip alpha=0.5 beta=2", 0},
    {"unary x=3x5 kind=clip alpha=0.5 beta=3.4028235e38", 0},
    {"unary x=3x5 kind=leaky_relu alpha=0.1", 0},
    {"unary x=3x5 kind=selu alpha=1.5 beta=1.1", 0},
    {"unary x=3x5 kind=hard_sigmoid alpha=0.2 beta=0.5", 0},
    {"unary x=3x5 kind=hard_swish", 0},
    {"unary x=3x5 kind=gelu", 4},
    {"unary x=3x5 kind=mish", 4},
    {"unary x=3x5 kind=sqrt", 0},
    {"unary x=3x5 kind=erf", 0},
    {"unary x=3x5:i32 kind=neg", 0},
};

START_TEST(operation)
{
    struct ocelli_graph *g = network(trips[_i].problem);
    there_and_back(trips[_i].problem, g, trips[_i].units);
    ocelli_graph_destroy(&g);
}
END_TEST

/* What has a line in the dictionary's ONNX column is in the list above. */
START_TEST(every_operation)
{
    for (const struct op *const *op = ops; *op; op++) {
        bool tried = (*op)->onnx == NULL;
        for (size_t i = 0; i < COUNT(trips) && !tried; i++) {
            size_t n = strlen((*op)->name);
            tried = strncmp(trips[i].problem, (*op)->name, n) == 0 && trips[i].problem[n] == ' ';
        }
        ck_assert_msg(tried, "%s is not exported and read back by any test", (*op)->name);
    }
}
END_TEST

START_TEST(refused)
{
    struct ocelli_graph *g = network("pool2d x=1x1x9x9 kind=average kernel=2,2 dilation=2,2");
    assert_fails(ocelli_onnx_save(g, NULL, path, NULL), OCELLI_ERR_UNSUPPORTED,
                 "pool2d with dilations");
    ocelli_graph_destroy(&g);
    g = network("conv2d_bwd_weights dy=1x2x3x3 x=1x3x5x5 kernel=3,3");
    assert_fails(ocelli_onnx_save(g, NULL, path, NULL), OCELLI_ERR_UNSUPPORTED,
                 "no conv2d_bwd_weights");
    ocelli_graph_destroy(&g);
    ck_assert_int_eq(tempdir_entries(dir), 0);
}
END_TEST

/* An output without elements, alone and beside one that has some. */
START_TEST(no_elements)
{
    const struct desc none = {OCELLI_I64, OCELLI_SHAPE(3, 0, 2)};
    for (int beside = 0; beside < 2; beside++) {
        struct ocelli_graph *g = NULL;
        assert_ok(ocelli_graph_create(&g));
        if (beside)
            ocelli_output(g, "y", ocelli_relu(g, ocelli_input(g, "x", OCELLI_F32, &OCELLI_SHAPE(3))));
        ocelli_output(g, "z", graph_const(&g->g, NULL, &none, ""));
        assert_ok(ocelli_graph_status(g));
        there_and_back("no elements", g, 0);
        ocelli_graph_destroy(&g);
    }
}
END_TEST

/* ---- A whole network ---- */

/* Names, weights, an open batch; the training part stays away. */
START_TEST(lenet)
{
    static const char *const nodes[] = {"conv1", "conv2", "fc1", "fc2"};
    struct ocelli_graph *g = NULL, *back = NULL;
    struct ocelli_weights *w = NULL;
    struct onnx_file *f = NULL;
    struct ocelli_port port;
    assert_ok(ocelli_net(&g, "lenet5", &(struct ocelli_net_params){.batch = 2}));
    assert_ok(ocelli_weights_create(&w, dev, g, 7));
    assert_fails(ocelli_onnx_save(g, NULL, path, NULL), OCELLI_ERR_INVALID, "not at hand");
    assert_ok(ocelli_onnx_save(g, w, path, "N"));
    check_form(&f);
    const Onnx__Graph *o = f->model->graph;
    for (size_t k = 0; k < COUNT(nodes); k++) {
        bool there = false;
        for (size_t i = 0; i < o->n_node; i++)
            there = there || strcmp(o->node[i]->name, nodes[k]) == 0;
        ck_assert_msg(there, "there is no node %s", nodes[k]);
    }
    for (size_t i = 0; i < o->n_initializer; i++) {
        struct ocelli_tensor *t = ocelli_weights_tensor(w, o->initializer[i]->name);
        if (!t)
            continue;
        ck_assert_uint_eq(o->initializer[i]->raw_data.len, ocelli_tensor_bytes(t));
        char *data = malloc(ocelli_tensor_bytes(t));
        assert_ok(ocelli_tensor_read(t, data, ocelli_tensor_bytes(t)));
        ck_assert_mem_eq(data, o->initializer[i]->raw_data.data, ocelli_tensor_bytes(t));
        free(data);
    }
    ck_assert_str_eq(o->input[0]->type->tensor_type->shape->dim[0]->dim_param, "N");
    onnx_close(&f);
    assert_ok(ocelli_onnx_load(&back, path, &(struct ocelli_onnx_params){.batch = 5}));
    ck_assert_int_eq(ocelli_graph_parameters(back), ocelli_graph_parameters(g));
    assert_ok(ocelli_graph_output(back, 0, &port));
    ck_assert_int_eq(port.shape.dim[0], 5);
    ocelli_weights_destroy(&w);
    ocelli_graph_destroy(&back);
    ocelli_graph_destroy(&g);
}
END_TEST

static void setup(void)
{
    tempdir_make(dir);
    snprintf(path, sizeof(path), "%s/net.onnx", dir);
    assert_ok(ocelli_device_open(&dev, NULL));
}

static void teardown(void)
{
    ocelli_device_close(&dev);
    tempdir_remove(dir);
}

int main(void)
{
    Suite *s = suite_create("export");
    TCase *t = tcase_create("export");
    tcase_set_timeout(t, 300);
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_add_test(t, refused);
    tcase_add_loop_test(t, operation, 0, (int)COUNT(trips));
    tcase_add_test(t, every_operation);
    tcase_add_test(t, no_elements);
    tcase_add_test(t, lenet);
    suite_add_tcase(s, t);
    return run_suite(s);
}
