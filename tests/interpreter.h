/* A graph's values in double precision, computed by the oracles, and differences of its loss. */
#ifndef TESTS_INTERPRETER_H
#define TESTS_INTERPRETER_H

#include "test.h"

#include <math.h>
#include <string.h>

#include "checkcl_table.h"
#include "ops/graph.h"

/* Relative step: the difference's own error is some 1e-9, and crossing a kink of ReLU or of a
 * maximum unlikely. */
#define STEP 1e-6

struct interpreter {
    const struct graph *g;
    int nodes, values; /* of the forward part */
    double **value;
    double *mag; /* room for what the oracles say besides */
};

static const struct oracle *oracle_of(const struct op *op)
{
    for (const struct oracle_entry *e = oracle_table; e->op; e++)
        if (strcmp(e->op, op->name) == 0)
            return e->oracle;
    return NULL;
}

static void interpreter_create(struct interpreter *x, const struct graph *g)
{
    size_t most = 1;
    *x = (struct interpreter){.g = g, .nodes = g->n_nodes, .values = g->n_values};
    x->value = calloc((size_t)g->n_values, sizeof(*x->value));
    for (int v = 0; v < g->n_values; v++) {
        size_t n = (size_t)shape_count(&g->value[v].desc.shape);
        x->value[v] = calloc(n, sizeof(double));
        most = MAX(most, n);
    }
    x->mag = calloc(most, sizeof(double));
}

static void interpreter_destroy(struct interpreter *x)
{
    for (int v = 0; v < x->values; v++)
        free(x->value[v]);
    free(x->value);
    free(x->mag);
}

static void run_node(struct interpreter *x, const struct node *n)
{
    struct problem p;
    const double *in[OP_MAX_IN] = {0};
    double *out[OP_MAX_OUT], *mag[OP_MAX_OUT];
    node_problem(x->g, n, &p);
    if (n->op->flags & OP_ALIAS) {
        memcpy(x->value[n->out[0]], x->value[n->in[0]],
               (size_t)shape_count(&p.out[0].shape) * sizeof(double));
        return;
    }
    for (int i = 0; i < n->n_in; i++)
        in[i] = n->in[i] == OCELLI_NONE ? NULL : x->value[n->in[i]];
    for (int k = 0; k < n->n_out; k++) {
        out[k] = x->value[n->out[k]];
        mag[k] = x->mag;
        memset(out[k], 0, (size_t)shape_count(&p.out[k].shape) * sizeof(double));
    }
    const struct oracle *o = oracle_of(n->op);
    ck_assert_msg(o != NULL, "%s has no oracle", n->op->name);
    o->run(&p, in, out, mag);
}

static double mean_loss(struct interpreter *x, int loss)
{
    for (int i = 0; i < x->nodes; i++)
        run_node(x, &x->g->node[i]);
    int64_t n = shape_count(&x->g->value[loss].desc.shape);
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x->value[loss][i];
    return sum / (double)n;
}

/* d mean(loss) / d v, element by element. */
static void differences(struct interpreter *x, int loss, int v, double *out)
{
    int64_t n = shape_count(&x->g->value[v].desc.shape);
    for (int64_t i = 0; i < n; i++) {
        double was = x->value[v][i], h = STEP * fmax(1, fabs(was));
        x->value[v][i] = was + h;
        double up = mean_loss(x, loss);
        x->value[v][i] = was - h;
        double down = mean_loss(x, loss);
        x->value[v][i] = was;
        out[i] = (up - down) / (2 * h);
    }
}

#endif
