/* The optimiser: one step for each weight that the loss depends on. */
#include <stdlib.h>

#include "graph/optimize.h"
#include "ops/attrs.h"

static int check_params(const struct ocelli_optimizer_params *p)
{
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
    if (!(p->clip_value >= 0 && p->clip_norm >= 0))
        return fail(OCELLI_ERR_INVALID, "gradients clipped to %g, their norm to %g: below 0",
                    (double)p->clip_value, (double)p->clip_norm);
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
        struct sgd_attr sgd = {p->momentum, p->weight_decay, p->kind == OCELLI_NESTEROV,
                               p->decoupled};
        graph_add(g, &op_sgd, &sgd, (int[OP_MAX_IN]){w, grad, lr, m});
        return g->status;
    }
    static const enum adaptive_kind kinds[] = {[OCELLI_RMSPROP] = ADAPTIVE_RMSPROP,
                                               [OCELLI_ADAGRAD] = ADAPTIVE_ADAGRAD,
                                               [OCELLI_ADAM] = ADAPTIVE_ADAM};
    struct adaptive_attr a = {(int)kinds[p->kind], p->momentum,     p->decay,
                              p->epsilon,          p->weight_decay, p->decoupled};
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

/* The weights of a graph and their gradients, OCELLI_NONE where there is none. */
struct gradients {
    int *w, *grad, n;
};

static int gradients_init(struct gradients *x, const struct graph *g)
{
    x->w = malloc(sizeof(int) * ((size_t)g->n_values + 1));
    x->grad = malloc(sizeof(int) * ((size_t)g->n_values + 1));
    x->n = 0;
    if (!x->w || !x->grad)
        return fail_memory();
    for (int v = 0; v < g->n_values; v++)
        if (g->value[v].kind == VALUE_WEIGHT)
            x->w[x->n++] = v;
    return 0;
}

static void gradients_free(struct gradients *x)
{
    free(x->w);
    free(x->grad);
}

/* Leaves only the weights that have a gradient. */
static int keep_reached(struct gradients *x)
{
    int kept = 0;
    for (int i = 0; i < x->n; i++) {
        if (x->grad[i] == OCELLI_NONE)
            continue;
        x->w[kept] = x->w[i];
        x->grad[kept++] = x->grad[i];
    }
    x->n = kept;
    return kept ? 0 : fail(OCELLI_ERR_INVALID, "optimizer: the loss depends on no weight");
}

/* Counts a run, behind everything that reads the number. */
static int count_run(struct graph *g, int runs)
{
    graph_add(g, &op_running, &(struct running_attr){.keep = 1, .add = 1},
              (int[OP_MAX_IN]){runs, OCELLI_NONE, OCELLI_NONE});
    return g->status;
}

/* Clips, steps, counts. */
static int add_steps(struct graph *g, struct gradients *x, int runs,
                     const struct ocelli_optimizer_params *p)
{
    int err = 0;
    int lr = graph_value(g, VALUE_INPUT, "lr", &(struct desc){OCELLI_F32, {0}});
    TRY(graph_clip(g, x->grad, x->n, p));
    for (int i = 0; i < x->n; i++)
        TRY(add_step(g, x->w[i], x->grad[i], lr, runs, p));
    if (runs != OCELLI_NONE)
        TRY(count_run(g, runs));
out:
    return err;
}

static int optimize(struct ocelli_graph *graph, int loss, const struct ocelli_optimizer_params *p)
{
    struct graph *g = &graph->g;
    struct gradients x;
    int err;
    TRY(gradients_init(&x, g));
    TRY(ocelli_gradients(graph, loss, x.w, x.n, x.grad));
    TRY(keep_reached(&x));
    int runs = ocelli_find(graph, STATE_RUNS);
    if (runs != OCELLI_NONE && g->value[runs].kind != VALUE_STATE)
        runs = OCELLI_NONE;
    if (p->kind == OCELLI_ADAM)
        runs = graph_runs(g);
    TRY(add_steps(g, &x, runs, p));
out:
    gradients_free(&x);
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

/* ---- In two graphs ---- */

static int optimize_part(struct ocelli_graph *graph, int loss, const struct ocelli_part *p)
{
    struct graph *g = &graph->g;
    struct gradients x;
    int err;
    const struct running_attr sum = {1, 1.0f / (float)(p->parts * p->lanes), 0, p->parts};
    g->changing = true; /* by the other graph */
    TRY(gradients_init(&x, g));
    for (int i = 0; i < g->n_nodes; i++) {
        if (g->node[i].op != &op_dropout)
            continue;
        struct dropout_attr *a = g->node[i].attr;
        a->parts = p->parts;
        a->lanes = p->lanes;
        a->lane = p->lane;
    }
    TRY(ocelli_gradients(graph, loss, x.w, x.n, x.grad));
    TRY(keep_reached(&x));
    int runs = graph_runs(g);
    for (int i = 0; i < x.n; i++) {
        int s = state_beside(g, x.w[i], STATE_GRADIENT);
        graph_add(g, &op_running, &sum, (int[OP_MAX_IN]){s, x.grad[i], runs});
        TRY(g->status);
    }
    TRY(count_run(g, runs));
out:
    gradients_free(&x);
    return err;
}

int ocelli_optimize_part(struct ocelli_graph *g, ocelli_value loss, const struct ocelli_part *part)
{
    struct ocelli_part p = part ? *part : (struct ocelli_part){0};
    p.parts = p.parts ? p.parts : 1;
    p.lanes = p.lanes ? p.lanes : 1;
    if (g->g.status)
        return g->g.status;
    int err = p.parts < 1 || p.lanes < 1 || p.lane < 0 || p.lane >= p.lanes
                  ? fail(OCELLI_ERR_INVALID, "optimizer: part of %d runs on device %d of %d",
                         p.parts, p.lane, p.lanes)
                  : optimize_part(g, loss, &p);
    if (err)
        graph_fail(&g->g, err);
    return err;
}

/* The weights of g that have a gradient there, and these, in a new graph. */
static int take_gradients(struct graph *u, const struct graph *g, struct gradients *x)
{
    int err = 0;
    for (int v = 0; v < g->n_values; v++) {
        const struct value *w = &g->value[v];
        if (w->kind != VALUE_WEIGHT)
            continue;
        char *name = arena_printf(&u->arena, "%s." STATE_GRADIENT, w->name);
        if (!name)
            return OCELLI_ERR_MEMORY;
        if (graph_find(g, name) == OCELLI_NONE)
            continue;
        int copy = graph_value(u, VALUE_WEIGHT, w->name, &w->desc);
        int grad = graph_value(u, VALUE_STATE, name, &w->desc);
        TRY(u->status);
        u->value[copy].init = w->init;
        u->value[grad].init.kind = OCELLI_INIT_CONSTANT;
        x->w[x->n] = copy;
        x->grad[x->n++] = grad;
    }
    if (x->n == 0)
        err = fail(OCELLI_ERR_INVALID, "optimizer: the graph has no gradients of parts");
out:
    return err;
}

int ocelli_optimize_update(struct ocelli_graph **out, const struct ocelli_graph *graph,
                           const struct ocelli_optimizer_params *p)
{
    const struct ocelli_optimizer_params q = with_defaults(p);
    struct ocelli_graph *u = NULL;
    struct gradients x = {0};
    int err = ocelli_graph_status(graph), runs = OCELLI_NONE;
    *out = NULL;
    TRY(err);
    TRY(check_params(&q));
    TRY(ocelli_graph_create(&u));
    u->g.changing = true;
    TRY(gradients_init(&x, &graph->g));
    x.n = 0;
    TRY(take_gradients(&u->g, &graph->g, &x));
    if (q.kind == OCELLI_ADAM) {
        runs = graph_value(&u->g, VALUE_STATE, "updates", &(struct desc){OCELLI_F32, {0}});
        TRY(u->g.status);
        u->g.value[runs].init.kind = OCELLI_INIT_CONSTANT;
    }
    TRY(add_steps(&u->g, &x, runs, &q));
    *out = u;
    u = NULL;
out:
    gradients_free(&x);
    ocelli_graph_destroy(&u);
    return err;
}
