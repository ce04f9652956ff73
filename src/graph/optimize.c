/* The optimiser: one step for each weight that the loss depends on. */
#include <stdlib.h>

#include "ops/attrs.h"
#include "ops/graph.h"

static int check_params(const struct ocelli_optimizer_params *p)
{
    if (p->kind != OCELLI_SGD && p->kind != OCELLI_NESTEROV)
        return fail(OCELLI_ERR_INVALID, "optimizer %d: there is none", (int)p->kind);
    if (!(p->momentum >= 0 && p->momentum < 1))
        return fail(OCELLI_ERR_INVALID, "momentum %g is not in [0, 1)", p->momentum);
    if (!(p->weight_decay >= 0 && p->weight_decay < 1))
        return fail(OCELLI_ERR_INVALID, "weight decay %g is not in [0, 1)", p->weight_decay);
    if (p->kind == OCELLI_NESTEROV && p->momentum == 0)
        return fail(OCELLI_ERR_INVALID, "nesterov needs a momentum above 0");
    return 0;
}

/* w -= lr * ... for one weight; the velocity is a state beside it. */
static int add_step(struct graph *g, int w, int grad, int lr,
                    const struct ocelli_optimizer_params *p)
{
    struct sgd_attr attr = {.momentum = p->momentum,
                            .weight_decay = p->weight_decay,
                            .nesterov = p->kind == OCELLI_NESTEROV};
    int v = OCELLI_NONE;
    if (p->momentum > 0) {
        char *name = arena_printf(&g->arena, "%s.momentum", g->value[w].name);
        if (!name)
            return OCELLI_ERR_MEMORY;
        struct desc d = g->value[w].desc;
        if ((v = graph_value(g, VALUE_STATE, name, &d)) == OCELLI_NONE)
            return g->status;
        g->value[v].init.kind = OCELLI_INIT_CONSTANT;
    }
    graph_add(g, &op_sgd, &attr, (int[OP_MAX_IN]){w, grad, lr, v});
    return g->status;
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
    int lr = graph_value(g, VALUE_INPUT, "lr", &(struct desc){OCELLI_F32, {0}});
    TRY(g->status);
    int steps = 0;
    for (int i = 0; i < n; i++) {
        if (grad[i] == OCELLI_NONE)
            continue;
        TRY(add_step(g, w[i], grad[i], lr, p));
        steps++;
    }
    if (steps == 0)
        TRY(fail(OCELLI_ERR_INVALID, "optimizer: the loss depends on no weight"));
    /* Behind everything that reads it. */
    int runs = ocelli_find(graph, STATE_RUNS);
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
    static const struct ocelli_optimizer_params plain = {0};
    if (g->g.status)
        return g->g.status;
    int err = check_params(p ? p : &plain);
    if (!err)
        err = optimize(g, loss, p ? p : &plain);
    if (err)
        graph_fail(&g->g, err);
    return err;
}
