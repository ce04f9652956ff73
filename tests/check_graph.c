/* Building graphs, and the passes that rewrite them. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include <ocelli/ops.h>

#include "graph/passes.h"
#include "ops/attrs.h"

static struct ocelli_graph *g;

static void set_up(void)
{
    assert_ok(ocelli_graph_create(&g));
}

static void tear_down(void)
{
    ocelli_graph_destroy(&g);
    ck_assert_ptr_null(g);
}

static ocelli_value image(int n, int c, int h, int w)
{
    return ocelli_input(g, "image", OCELLI_F32, &OCELLI_SHAPE(n, c, h, w));
}

/* The 61,706-parameter network of the lecture, up to its loss when asked. */
static ocelli_value lenet(int batch, bool with_loss)
{
    const struct ocelli_pool2d_params pool = {.kernel = {2, 2}};
    ocelli_value x = image(batch, 1, 28, 28);
    x = ocelli_layer_conv2d(g, "conv1", x, 6,
                            &(struct ocelli_conv2d_params){.kernel = {5, 5}, .pad = {2, 2, 2, 2}});
    x = ocelli_pool2d(g, ocelli_relu(g, x), &pool);
    x = ocelli_layer_conv2d(g, "conv2", x, 16, &(struct ocelli_conv2d_params){.kernel = {5}});
    x = ocelli_pool2d(g, ocelli_relu(g, x), &pool);
    x = ocelli_relu(g, ocelli_layer_dense(g, "fc1", x, 120));
    x = ocelli_relu(g, ocelli_layer_dense(g, "fc2", x, 84));
    x = ocelli_layer_dense(g, "fc3", x, 10);
    ocelli_output(g, "logits", x);
    if (with_loss) {
        ocelli_value labels = ocelli_input(g, "labels", OCELLI_I32, &OCELLI_SHAPE(batch));
        x = ocelli_softmax_xent(g, x, labels);
        ocelli_output(g, "loss", x);
    }
    return x;
}

/* "conv2d+bias+relu pool2d ..": the nodes with what their epilogues took over. */
static const char *nodes(const struct graph *x, struct text *t)
{
    text_free(t);
    *t = (struct text){0};
    for (int i = 0; i < x->n_nodes; i++) {
        const struct node *n = &x->node[i];
        text_add(t, "%s%s", i ? " " : "", n->op->name);
        if (n->epi.bias >= 0)
            text_add(t, "+bias");
        if (n->epi.residual >= 0)
            text_add(t, "+add");
        if (n->epi.act.kind)
            text_add(t, "+%s", act_info(n->epi.act.kind)->word);
        if (n->epi.grad_y >= 0)
            text_add(t, "+grad_%s", act_info(n->epi.grad.kind)->word);
    }
    return t->s ? t->s : "";
}

/* Every pass must leave this true: inputs are made before they are read, and values know their nodes. */
static void check_order(const struct graph *x)
{
    for (int i = 0; i < x->n_nodes; i++) {
        const struct node *n = &x->node[i];
        struct problem p;
        node_problem(x, n, &p);
        assert_ok(problem_infer(&p));
        for (int j = 0; j < n->n_in; j++)
            if (n->in[j] != OCELLI_NONE)
                ck_assert_int_lt(x->value[n->in[j]].node, i);
        for (int k = 0; k < n->n_out; k++) {
            ck_assert_int_eq(x->value[n->out[k]].node, i);
            ck_assert(desc_equal(&x->value[n->out[k]].desc, &p.out[k]));
        }
        for (int j = 0; j < n->n_in; j++)
            if (n->in[j] != OCELLI_NONE && x->value[n->in[j]].node < 0)
                ck_assert_int_ne(x->value[n->in[j]].kind, VALUE_TEMP);
    }
}

static void assert_fused(const char *want)
{
    struct graph *c;
    struct text t = {0};
    assert_ok(ocelli_graph_status(g));
    assert_ok(graph_clone(&g->g, &c));
    assert_ok(graph_prune(c));
    assert_ok(graph_fuse(c));
    check_order(c);
    ck_assert_str_eq(nodes(c, &t), want);
    text_free(&t);
    graph_free(&c);
}

/* ---- Building ---- */

START_TEST(lenet_table)
{
    static const struct {
        const char *name, *op;
        int64_t parameters, macs;
    } want[] = {
        {"conv1", "conv2d", 150, 6 * 28 * 28 * 25}, {"conv1", "bias", 6, 0},
        {"unary", "unary", 0, 0},                   {"pool2d", "pool2d", 0, 0},
        {"conv2", "conv2d", 2400, 16 * 10 * 10 * 150}, {"conv2", "bias", 16, 0},
        {"unary", "unary", 0, 0},                   {"pool2d", "pool2d", 0, 0},
        {"fc1", "reshape", 0, 0},                   {"fc1", "gemm", 48000, 48000},
        {"fc1", "bias", 120, 0},                    {"unary", "unary", 0, 0},
        {"fc2", "gemm", 10080, 10080},              {"fc2", "bias", 84, 0},
        {"unary", "unary", 0, 0},                   {"fc3", "gemm", 840, 840},
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
    ocelli_value y = ocelli_layer_conv2d(g, "c", x, 4, &(struct ocelli_conv2d_params){.kernel = {5}});
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
    ck_assert_int_eq(ocelli_layer_conv2d(g, "big", x, 4,
                                         &(struct ocelli_conv2d_params){.kernel = {9, 9}}),
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
    ocelli_input(g, "x", (enum ocelli_dtype)9, &OCELLI_SHAPE(1));
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
    ocelli_layer_conv2d(g, "c", image(1, 1, 7, 7), 1,
                        &(struct ocelli_conv2d_params){.kernel = {2}, .stride = {2}, .strict = true});
}

static const struct {
    void (*build)(void);
    int code;
    const char *words;
} bad[] = {
    {bad_name, OCELLI_ERR_INVALID, "image"},       {bad_output_name, OCELLI_ERR_INVALID, "image"},
    {bad_layer_twice, OCELLI_ERR_INVALID, "fc.weight"}, {bad_extent, OCELLI_ERR_INVALID, "x"},
    {bad_dtype, OCELLI_ERR_INVALID, "type"},       {bad_value, OCELLI_ERR_INVALID, "unary"},
    {bad_none, OCELLI_ERR_INVALID, "add"},         {bad_output, OCELLI_ERR_INVALID, "output y"},
    {bad_groups, OCELLI_ERR_SHAPE, "c:"},          {bad_rank, OCELLI_ERR_SHAPE, "c:"},
    {bad_kernel, OCELLI_ERR_INVALID, "c:"},        {bad_features, OCELLI_ERR_INVALID, "fc"},
    {bad_reshape, OCELLI_ERR_SHAPE, "reshape"},    {bad_init, OCELLI_ERR_INVALID, "w"},
    {bad_labels, OCELLI_ERR_SHAPE, "softmax_xent"}, {bad_stride, OCELLI_ERR_SHAPE, "c:"},
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

/* ---- Passes ---- */

START_TEST(clone_is_apart)
{
    struct graph *c;
    struct text a = {0}, b = {0};
    lenet(2, true);
    ocelli_const(g, "k", OCELLI_F32, &OCELLI_SHAPE(2), (float[]){1, 2});
    nodes(&g->g, &a);
    assert_ok(graph_clone(&g->g, &c));
    ocelli_graph_destroy(&g);
    ck_assert_str_eq(nodes(c, &b), a.s);
    check_order(c);
    ck_assert_str_eq(c->value[0].name, "image");
    ck_assert(((const float *)c->value[c->n_values - 1].data)[1] == 2);
    graph_free(&c);
    text_free(&a);
    text_free(&b);
}
END_TEST

START_TEST(prune_drops_what_nobody_needs)
{
    struct graph *c;
    struct text t = {0};
    ocelli_value x = image(1, 2, 4, 4);
    ocelli_value y = ocelli_relu(g, x);
    ocelli_sigmoid(g, ocelli_tanh(g, y)); /* leads nowhere */
    ocelli_output(g, "y", ocelli_gap(g, y));
    assert_ok(graph_clone(&g->g, &c));
    assert_ok(graph_prune(c));
    ck_assert_str_eq(nodes(c, &t), "unary gap");
    check_order(c);
    graph_free(&c);
    text_free(&t);
}
END_TEST

START_TEST(fuse_forward)
{
    lenet(2, false);
    assert_fused("conv2d+bias+relu pool2d conv2d+bias+relu pool2d reshape gemm+bias+relu "
                 "gemm+bias+relu gemm+bias");
}
END_TEST

/* The activation gradients disappear into what makes their argument; each weight has its step. */
START_TEST(fuse_training)
{
    struct graph *c;
    ocelli_value loss = lenet(2, true);
    assert_ok(ocelli_optimize(g, loss, &(struct ocelli_optimizer_params){.momentum = 0.9f}));
    assert_ok(graph_clone(&g->g, &c));
    assert_ok(graph_prune(c));
    assert_ok(graph_fuse(c));
    check_order(c);
    int left = 0, steps = 0, data = 0, grads = 0;
    for (int i = 0; i < c->n_nodes; i++) {
        const struct node *n = &c->node[i];
        left += n->op == &op_unary || n->op == &op_bias;
        steps += n->op == &op_sgd;
        data += n->op == &op_conv2d_bwd_data;
        grads += n->epi.grad_y >= 0;
    }
    ck_assert_int_eq(left, 0);
    ck_assert_int_eq(steps, 10);
    ck_assert_int_eq(data, 1); /* conv2's: nobody wants the image's */
    ck_assert_int_ge(grads, 2);
    graph_free(&c);
}
END_TEST

START_TEST(fuse_not_what_is_read_twice)
{
    ocelli_value x = ocelli_layer_conv2d(g, "c", image(1, 2, 6, 6), 2,
                                         &(struct ocelli_conv2d_params){.kernel = {3}});
    ocelli_output(g, "a", ocelli_relu(g, x));
    ocelli_output(g, "b", ocelli_sigmoid(g, x));
    assert_fused("conv2d+bias unary unary");
}
END_TEST

START_TEST(fuse_not_an_output)
{
    ocelli_value x = ocelli_layer_conv2d(g, "c", image(1, 2, 6, 6), 2,
                                         &(struct ocelli_conv2d_params){.kernel = {3}});
    ocelli_output(g, "a", x);
    ocelli_output(g, "b", ocelli_relu(g, x));
    assert_fused("conv2d+bias unary");
}
END_TEST

static ocelli_value conv(const char *name, ocelli_value x)
{
    ocelli_value w = ocelli_weight(g, name, &OCELLI_SHAPE(2, 2, 1, 1), NULL);
    return ocelli_conv2d(g, x, w, NULL);
}

/* Of two producers the later one takes the add; where the earlier one has to, it moves behind. */
START_TEST(fuse_residual)
{
    ocelli_value x = image(1, 2, 4, 4);
    ocelli_value y = ocelli_add(g, conv("a", x), conv("b", x));
    y = ocelli_relu(g, ocelli_add(g, conv("c", y), y));
    ocelli_output(g, "y", y);
    assert_fused("conv2d conv2d+add conv2d+add+relu");
}
END_TEST

START_TEST(fuse_moves)
{
    ocelli_value x = image(1, 2, 4, 4);
    ocelli_value a = conv("a", x);
    ocelli_value b = ocelli_pool2d(g, x, &(struct ocelli_pool2d_params){.kernel = {1, 1}});
    ocelli_output(g, "pool", b); /* so that it cannot take the add */
    ocelli_output(g, "y", ocelli_relu(g, ocelli_add(g, a, b)));
    assert_fused("pool2d conv2d+add+relu");
}
END_TEST

START_TEST(fuse_order)
{
    /* A bias behind an activation is no epilogue. */
    ocelli_value b = ocelli_weight(g, "b", &OCELLI_SHAPE(2), NULL);
    ocelli_value y = ocelli_bias(g, ocelli_relu(g, conv("a", image(1, 2, 4, 4))), b);
    ocelli_output(g, "y", y);
    struct graph *c;
    assert_ok(graph_clone(&g->g, &c));
    assert_ok(graph_fuse(c));
    check_order(c);
    ck_assert_int_eq(c->n_nodes, 2);
    ck_assert_int_eq(c->node[0].epi.act.kind, OCELLI_RELU);
    ck_assert_int_lt(c->node[0].epi.bias, 0);
    graph_free(&c);
}
END_TEST

/* Where no producer can take it, an add takes what comes behind it. */
START_TEST(fuse_into_add)
{
    ocelli_value x = image(1, 2, 4, 4);
    ocelli_value y = ocelli_add(g, ocelli_sigmoid(g, x), ocelli_tanh(g, x));
    ocelli_output(g, "y", ocelli_relu(g, y));
    assert_fused("unary unary add+relu");
}
END_TEST

/* A producer may not move behind the step that changes a weight it reads. */
START_TEST(fuse_not_over_updates)
{
    struct graph *x = &g->g;
    ocelli_value in = image(1, 2, 4, 4);
    ocelli_value a = conv("w", in), w = ocelli_find(g, "w");
    ocelli_value lr = ocelli_input(g, "lr", OCELLI_F32, &(struct ocelli_shape){0});
    ocelli_value grad = ocelli_input(g, "grad", OCELLI_F32, &OCELLI_SHAPE(2, 2, 1, 1));
    graph_add(x, &op_sgd, &(struct sgd_attr){0}, (int[OP_MAX_IN]){w, grad, lr, OCELLI_NONE});
    ocelli_value b = ocelli_pool2d(g, in, &(struct ocelli_pool2d_params){.kernel = {1, 1}});
    ocelli_output(g, "pool", b);
    ocelli_output(g, "y", ocelli_add(g, a, b));
    assert_fused("conv2d sgd pool2d add");
}
END_TEST

/* ---- Differentiation ---- */

START_TEST(gradient_shapes)
{
    ocelli_value loss = lenet(2, true);
    const char *names[] = {"image", "conv1.weight", "fc3.bias", "labels"};
    ocelli_value wrt[4], grads[4];
    for (int i = 0; i < 4; i++)
        wrt[i] = ocelli_find(g, names[i]);
    assert_ok(ocelli_gradients(g, loss, wrt, 4, grads));
    for (int i = 0; i < 3; i++) {
        struct ocelli_shape a = ocelli_value_shape(g, wrt[i]), b = ocelli_value_shape(g, grads[i]);
        ck_assert(shape_equal(&a, &b));
    }
    ck_assert_int_eq(grads[3], OCELLI_NONE);
    check_order(&g->g);
}
END_TEST

START_TEST(gradient_only_where_wanted)
{
    ocelli_value loss = lenet(2, true), grad;
    int before = ocelli_graph_layers(g);
    ocelli_value w = ocelli_find(g, "fc3.weight");
    assert_ok(ocelli_gradients(g, loss, &w, 1, &grad));
    ck_assert_int_eq(ocelli_graph_layers(g), before + 2); /* the loss's gradient and one gemm */
}
END_TEST

START_TEST(gradient_refused)
{
    ocelli_value x = ocelli_input(g, "x", OCELLI_F32, &OCELLI_SHAPE(2, 4)), grad;
    ocelli_value l = ocelli_input(g, "l", OCELLI_I32, &OCELLI_SHAPE(2));
    ocelli_value y = ocelli_in_top_k(g, x, l, NULL);
    assert_fails(ocelli_gradients(g, y, &x, 1, &grad), OCELLI_ERR_UNSUPPORTED, "in_top_k");
    assert_fails(ocelli_graph_status(g), OCELLI_ERR_UNSUPPORTED, "in_top_k");
}
END_TEST

static const struct {
    struct ocelli_optimizer_params p;
    const char *words;
} bad_optimizers[] = {
    {{.kind = 9}, "optimizer"},
    {{.momentum = 1}, "momentum"},
    {{.momentum = -0.5f}, "momentum"},
    {{.weight_decay = -1}, "decay"},
    {{.kind = OCELLI_NESTEROV}, "nesterov"},
};

START_TEST(optimizer_refused)
{
    ocelli_value loss = lenet(1, true);
    assert_fails(ocelli_optimize(g, loss, &bad_optimizers[_i].p), OCELLI_ERR_INVALID,
                 bad_optimizers[_i].words);
}
END_TEST

START_TEST(optimizer_without_weights)
{
    ocelli_value y = ocelli_relu(g, image(1, 1, 2, 2));
    assert_fails(ocelli_optimize(g, y, NULL), OCELLI_ERR_INVALID, "no weight");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("graph");
    TCase *tc = tcase_create("build");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, lenet_table);
    tcase_add_test(tc, shared_weight_counts_once);
    tcase_add_test(tc, dense_and_subsample);
    tcase_add_test(tc, shapes);
    tcase_add_test(tc, failures_are_sticky);
    tcase_add_loop_test(tc, refusals, 0, (int)COUNT(bad));
    tcase_add_test(tc, two_names_for_one_value);
    suite_add_tcase(s, tc);
    tc = tcase_create("passes");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, clone_is_apart);
    tcase_add_test(tc, prune_drops_what_nobody_needs);
    tcase_add_test(tc, fuse_forward);
    tcase_add_test(tc, fuse_training);
    tcase_add_test(tc, fuse_not_what_is_read_twice);
    tcase_add_test(tc, fuse_not_an_output);
    tcase_add_test(tc, fuse_residual);
    tcase_add_test(tc, fuse_moves);
    tcase_add_test(tc, fuse_order);
    tcase_add_test(tc, fuse_into_add);
    tcase_add_test(tc, fuse_not_over_updates);
    tcase_add_test(tc, gradient_shapes);
    tcase_add_test(tc, gradient_only_where_wanted);
    tcase_add_test(tc, gradient_refused);
    tcase_add_loop_test(tc, optimizer_refused, 0, (int)COUNT(bad_optimizers));
    tcase_add_test(tc, optimizer_without_weights);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
