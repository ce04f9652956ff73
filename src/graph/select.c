#include <stdlib.h>

#include "graph/passes.h"

/* Takes out the launches that would copy what is in its place already. */
static void drop_placed(const struct node *n, struct launches *l)
{
    int kept = 0;
    for (int i = 0; i < l->n; i++) {
        bool placed = false;
        for (int a = 0; a < l->item[i].n_args; a++) {
            const struct launch_arg *x = &l->item[i].arg[a];
            if (x->kind == ARG_BUFFER && x->ref.kind == REF_IN)
                placed = placed || (n->placed >> x->ref.index & 1);
        }
        if (placed)
            text_free(&l->item[i].defines);
        else
            l->item[kept++] = l->item[i];
    }
    l->n = kept;
}

static int select_node(const struct graph *g, const struct node *n, const struct caps *caps,
                       const char *force, const struct tuned *tuned, struct choice *c)
{
    struct problem p;
    int err;
    if (n->op->flags & OP_ALIAS)
        return 0;
    node_problem(g, n, &p);
    TRY(problem_select_tuned(&p, caps, force, tuned, &c->variant, c->tv));
    TRY(problem_plan(&p, caps, c->variant, c->tv, &c->launches));
    drop_placed(n, &c->launches);
out:
    return err;
}

int graph_select(const struct graph *g, const struct caps *caps, const char *force,
                 const struct tuned *tuned, struct choice **out)
{
    struct choice *c = calloc((size_t)g->n_nodes + 1, sizeof(*c));
    if (!c)
        return fail_memory();
    for (int i = 0; i < g->n_nodes; i++) {
        int err = select_node(g, &g->node[i], caps, force, tuned, &c[i]);
        if (err) {
            choices_free(&c, i + 1);
            return g->node[i].name ? fail_in(err, "%s", g->node[i].name) : err;
        }
    }
    *out = c;
    return 0;
}

void choices_free(struct choice **c, int n)
{
    for (int i = 0; *c && i < n; i++)
        launches_free(&(*c)[i].launches);
    free(*c);
    *c = NULL;
}
