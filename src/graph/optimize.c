/* The optimiser: one step for each weight that the loss depends on. */
#include <stdlib.h>

#include "ops/attrs.h"
#include "ops/graph.h"

static int check_params(const struct ocelli_optimizer_params *p)
{
    bool sgd = p->kind == OCELLI_SGD || p->kind == OCELLI_NESTEROV;
    if ((unsigned)p->kind > OCELLI_ADAM)
        return fail(OCELLI_ERR_INVALID, "optimizer %d: there is none", (int)p->kind);
    if (!(p->momentum >= 0 && p->momentum < 1))
        return fail(OCELLI_ERR_INVALID, "momentum %g is not in [0, 1)", p->momentum);
    if (!(p->weight_decay >= 0 && p->weight_decay < 1))
        return fail(OCELLI_ERR_INVALID, "weight decay %g is not in [0, 1)", p->weight_decay);
    if (p->kind == OCELLI_NESTEROV && p->momentum == 0)
        return fail(OCELLI_ERR_INVALID, "nesterov needs a momentum above 0");
    if (p->kind == OCELLI_ADAGRAD && p->momentum != 0)
        return fail(OCELLI_ERR_INVALID, "adagrad has no momentum");
    if (!(p->decay >= 0 && p->decay < 1))
        return fail(OCELLI_ERR_INVALID, "decay %g of squares is not in [0, 1)", p->decay);
    if (!(p->epsilon >= 0 && p->epsilon <= 1e6f))
        return fail(OCELLI_ERR_INVALID, "epsilon %g is not in [0, 1e6]", p->epsilon);
    if (p->decoupled && sgd)
        return fail(OCELLI_ERR_INVALID, "decoupled weight decay is not for plain gradient descent");
    return 0;
}

/* The state "<weight>.<what>", of its shape, zeros at first. */
static int state_beside(struct graph *g, int w, const char *what)
{
    char *name = arena_printf(&g->arena, "%s.%s", g->value[w].name, what);
    struct desc d = g->value[w].desc;
    int v = name ? graph_value(g, VALUE_STATE, name, &d) : graph_fail(g, OCELLI_ERR_MEMORY);
    if (v != OCELLI_NONE)
        g->value[v].init.kind = OCELLI_INIT_CONSTANT;
    return v;
}

/* w -= lr * ... for one weight; what it remembers is a state beside it. */
static int add_step(struct graph *g, int w, int grad, int lr, int runs,
                    const struct ocelli_optimizer_params *p)
{
    int m = p->momentum > 0 ? state_beside(g, w, "momentum") : OCELLI_NONE;
    if (p->kind == OCELLI_SGD || p->kind == OCELLI_NESTEROV) {
        struct sgd_attr sgd = {p->momentum, p->weight_decay, p->kind == OCELLI_NESTEROV};
        graph_add(g, &op_sgd, &sgd, (int[OP_MAX_IN]){w, grad, lr, m});
        return g->status;
    }
    static const enum adaptive_kind kinds[] = {[OCELLI_RMSPROP] = ADAPTIVE_RMSPROP,
                                               [OCELLI_ADAGRAD] = ADAPTIVE_ADAGRAD,
                                               [OCELLI_ADAM] = ADAPTIVE_ADAM};
    struct adaptive_attr a = {(int)kinds[p->kind], p->momentum, p->decay, p->epsilon,
                              p->weight_decay, p->decoupled};
    int s = state_beside(g, w, "squares");
    graph_add(g, &op_adaptive, &a,
              (int[OP_MAX_IN]){w, grad, lr, s, m, p->kind == OCELLI_ADAM ? runs : OCELLI_NONE});
    return g->status;
}

static struct ocelli_optimizer_params with_defaults(const struct ocelli_optimizer_params *p)
{
    struct ocelli_optimizer_params q = p ? *p : (struct ocelli_optimizer_params){0};
    if (q.kind == OCELLI_ADAM && q.momentum == 0)
        q.momentum = 0.9f;
    if (q.decay == 0)
        q.decay = q.kind == OCELLI_ADAM ? 0.999f : 0.99f;
    if (q.epsilon == 0)
        q.epsilon = q.kind == OCELLI_ADAGRAD ? 1e-10f : 1e-8f;
    return q;
}

static int optimize(struct ocelli_graph *graph, int loss, const struct ocelli_optimizer_params *p)
{
    struct graph *g = &graph->g;
    int n = 0, err, values = g->n_values;
    int *w = malloc(sizeof(*w) * ((size_t)values + 1));
    int *grad = malloc(sizeof(*grad) * ((size_t)values + 1));
    if (!w || !grad)
        TRY(fail_memory());
    for (int v = 0; v < values; v++)
        if (g->value[v].kind == VALUE_WEIGHT)
            w[n++] = v;
    TRY(ocelli_gradients(graph, loss, w, n, grad));
    int runs = p->kind == OCELLI_ADAM ? graph_runs(g) : OCELLI_NONE;
    int lr = graph_value(g, VALUE_INPUT, "lr", &(struct desc){OCELLI_F32, {0}});
    TRY(g->status);
    int steps = 0;
    for (int i = 0; i < n; i++) {
        if (grad[i] == OCELLI_NONE)
            continue;
        TRY(add_step(g, w[i], grad[i], lr, runs, p));
        steps++;
    }
    if (steps == 0)
        TRY(fail(OCELLI_ERR_INVALID, "optimizer: the loss depends on no weight"));
    /* Behind everything that reads it. */
    runs = ocelli_find(graph, STATE_RUNS);
    if (runs != OCELLI_NONE && g->value[runs].kind == VALUE_STATE)
        graph_add(g, &op_running, &(struct running_attr){1, 0, 1},
                  (int[OP_MAX_IN]){runs, OCELLI_NONE});
    TRY(g->status);
out:
    free(w);
    free(grad);
    return err;
}

int ocelli_optimize(struct ocelli_graph *g, ocelli_value loss,
                    const struct ocelli_optimizer_params *p)
{
    if (g->g.status)
        return g->g.status;
    const struct ocelli_optimizer_params q = with_defaults(p);
    int err = check_params(&q);
    if (!err)
        err = optimize(g, loss, &q);
    if (err)
        graph_fail(&g->g, err);
    return err;
}
