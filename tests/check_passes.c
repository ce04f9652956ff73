/* What rewrites graphs: cloning, pruning, fusion, differentiation. */
#include "graph_nets.h"

#include <string.h>

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

/* Every pass must leave this true: inputs are made before they are read, and values know their
 * nodes. */
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

/* The step of a large dense layer makes its gradient itself at a small batch, on processors only.
 */
START_TEST(fuse_steps)
{
    static const struct {
        int batch;
        bool cpu, output;
        int fused;
    } cases[] = {
        {2, true, false, 1}, {2, false, false, 0}, {2, true, true, 0}, {17, true, false, 0}};
    for (size_t k = 0; k < COUNT(cases); k++) {
        struct graph *c;
        int fused = 0, steps = 0, grad;
        ocelli_graph_destroy(&g);
        assert_ok(ocelli_graph_create(&g));
        ocelli_value loss = lenet(cases[k].batch, true), w = ocelli_find(g, "fc1.weight");
        assert_ok(ocelli_optimize(g, loss, &(struct ocelli_optimizer_params){.momentum = 0.9f}));
        for (int i = 0; cases[k].output && i < g->g.n_nodes; i++) {
            grad = g->g.node[i].op == &op_sgd && g->g.node[i].in[0] == w ? g->g.node[i].in[1] : -1;
            if (grad >= 0)
                ocelli_output(g, "grad", grad);
        }
        assert_ok(graph_clone(&g->g, &c));
        assert_ok(graph_prune(c));
        assert_ok(graph_fuse(c));
        assert_ok(graph_fuse_steps(c, &(struct caps){.cpu_style = cases[k].cpu}));
        check_order(c);
        for (int i = 0; i < c->n_nodes; i++) {
            fused += c->node[i].op == &op_gemm_sgd;
            steps += c->node[i].op == &op_sgd;
        }
        ck_assert_int_eq(fused, cases[k].fused);
        ck_assert_int_eq(steps + fused, 10);
        graph_free(&c);
    }
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
    {{.kind = OCELLI_ADAGRAD, .momentum = 0.5f}, "adagrad"},
    {{.kind = OCELLI_RMSPROP, .decay = 1}, "decay"},
    {{.kind = OCELLI_ADAM, .epsilon = -1}, "epsilon"},
    {{.clip_norm = -1}, "clipped"},
    {{.clip_value = -1}, "clipped"},
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
    Suite *s = suite_create("passes");
    TCase *tc = tcase_create("passes");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, clone_is_apart);
    tcase_add_test(tc, prune_drops_what_nobody_needs);
    tcase_add_test(tc, fuse_forward);
    tcase_add_test(tc, fuse_training);
    tcase_add_test(tc, fuse_steps);
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
