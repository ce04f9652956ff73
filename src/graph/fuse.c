/* Fusion into epilogues. A node whose kernels store through the epilogue takes over the bias, the
 * residual add, the activation and the activation gradient that its result goes through next, in
 * that order, as long as each intermediate result has no other reader. */
#include <stdlib.h>
#include <string.h>

#include "graph/passes.h"
#include "graph/walk.h"
#include "ops/attrs.h"

/* What is known of the graph while nodes disappear: gone[i] marks nodes that were taken over. */
struct fusion {
    struct graph *g;
    bool *gone;
};

/* The only node that reads v, once; -1 when there is none or more than one. */
static int only_reader(const struct fusion *f, int v)
{
    int found = -1;
    for (int i = 0; i < f->g->n_nodes; i++) {
        const struct node *n = &f->g->node[i];
        for (int j = 0; !f->gone[i] && j < n->n_in; j++) {
            if (n->in[j] != v)
                continue;
            if (found >= 0)
                return -1;
            found = i;
        }
    }
    return found;
}

/* May `p` take over node r, which reads p's result v? On success `e` is p's epilogue with r's part
 * in it, and *side the value that is to be read besides (-1: none). Order of the epilogue: bias,
 * residual, act, grad. */
static bool takes_over(const struct node *p, const struct node *r, int v, struct epilogue *e,
                       int *side)
{
    *e = p->epi;
    *side = -1;
    bool act_free = e->act.kind == 0 && e->grad_y < 0;
    if (r->op == &op_bias && r->in[0] == v) {
        *side = r->in[1];
        e->bias = p->n_in;
        return act_free && p->epi.bias < 0 && p->epi.residual < 0;
    }
    if (r->op == &op_add) {
        *side = r->in[r->in[0] == v];
        e->residual = p->n_in;
        return act_free && p->epi.residual < 0;
    }
    if (r->op == &op_unary || (r->op == &op_unary_bwd && r->in[0] == v)) {
        const struct ocelli_unary_params *u = r->attr;
        struct act act = {u->kind, u->alpha, u->beta};
        if (r->op == &op_unary) {
            e->act = act;
            return act_free;
        }
        *side = r->in[1];
        e->grad = act;
        e->grad_y = p->n_in;
        return p->epi.grad_y < 0;
    }
    return false;
}

/* Is value v made before node i? Nodes that were taken over moved with their taker, whose number
 * counts. */
static bool made_before(const struct graph *g, int v, int i)
{
    return v < 0 || g->value[v].node < i;
}

/* Does anything between nodes a and b (both excluded) write into v's memory? */
static bool updated_between(const struct fusion *f, int a, int b, int v)
{
    for (int i = a + 1; i < b; i++)
        if (!f->gone[i] && node_updates(f->g, &f->g->node[i], v))
            return true;
    return false;
}

/* The merged node can stand where p stands: what r reads besides is there already. */
static bool fits_at_p(const struct fusion *f, int p, int r, int side)
{
    return side < 0 || (made_before(f->g, side, p) && !updated_between(f, p, r, side));
}

/* The merged node can stand where r stands: nobody in between changes what p reads. (p's result has
 * no reader but r, and p has no second result.) */
static bool fits_at_r(const struct fusion *f, int p, int r)
{
    const struct node *n = &f->g->node[p];
    for (int j = 0; j < n->n_in; j++)
        if (n->in[j] != OCELLI_NONE && updated_between(f, p, r, n->in[j]))
            return false;
    return true;
}

/* Lets node *at take over its result's reader, if it may; *at follows the node where it has to
 * move. */
static bool fuse_next(struct fusion *f, int *at, bool may_move)
{
    struct graph *g = f->g;
    struct node *p = &g->node[*at];
    int v = p->out[0], side;
    struct epilogue e;

    if (g->value[v].output || p->n_in >= OP_MAX_IN + OP_MAX_EPI)
        return false;
    int r = only_reader(f, v);
    if (r < 0 || g->node[r].n_out != 1 || g->node[r].epi.act.kind || g->node[r].epi.bias >= 0 ||
        g->node[r].epi.residual >= 0 || g->node[r].epi.grad_y >= 0 ||
        !takes_over(p, &g->node[r], v, &e, &side))
        return false;
    int to = *at;
    if (!fits_at_p(f, *at, r, side)) {
        if (!may_move || !fits_at_r(f, *at, r))
            return false;
        to = r;
    }
    struct node merged = *p;
    merged.epi = e;
    if (side >= 0)
        merged.in[merged.n_in++] = side;
    merged.out[0] = g->node[r].out[0];
    if (!merged.name)
        merged.name = g->node[r].name;
    g->value[v].node = -1;
    g->value[merged.out[0]].node = to;
    g->node[to] = merged;
    f->gone[to == r ? *at : r] = true;
    *at = to;
    return true;
}

static void close_gaps(struct fusion *f)
{
    struct graph *g = f->g;
    int kept = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        if (f->gone[i])
            continue;
        const struct node n = g->node[i];
        for (int k = 0; k < n.n_out; k++)
            g->value[n.out[k]].node = kept;
        g->node[kept++] = n;
    }
    g->n_nodes = kept;
}

int graph_fuse(struct graph *g)
{
    struct fusion f = {g, calloc((size_t)g->n_nodes + 1, sizeof(bool))};
    if (!f.gone)
        return fail_memory();
    /* First for the nodes that do the work, then for an add or a bias that none of them could take.
     * Each first without moving any node: of two producers that an add joins, the later one then
     * takes it. */
    for (int pass = 0; pass < 4; pass++) {
        for (int i = 0; i < g->n_nodes; i++) {
            const struct op *op = g->node[i].op;
            bool simple = op == &op_add || op == &op_bias;
            int at = i;
            if (!f.gone[i] && (op->flags & OP_EPILOGUE) && g->node[i].n_out == 1 &&
                simple == (pass >= 2))
                while (fuse_next(&f, &at, pass & 1))
                    continue;
        }
    }
    close_gaps(&f);
    free(f.gone);
    return 0;
}
