#include <stdlib.h>
#include <string.h>

#include "ops/graph.h"

/* A copy of a string in another arena; NULL stays NULL. */
static int copy_str(struct arena *a, const char **s)
{
    if (*s && !(*s = arena_str(a, *s)))
        return OCELLI_ERR_MEMORY;
    return 0;
}

static int clone_values(const struct graph *g, struct graph *c)
{
    int err = 0;
    TRY(grow(&c->value, &c->cap_values, g->n_values, sizeof(*c->value)));
    for (int i = 0; i < g->n_values; i++) {
        struct value *v = &c->value[i];
        *v = g->value[i];
        TRY(copy_str(&c->arena, &v->name));
        TRY(copy_str(&c->arena, &v->output));
        if (v->data && v->kind != VALUE_WEIGHT && !(v->data = arena_copy(&c->arena, v->data, desc_bytes(&v->desc))))
            TRY(OCELLI_ERR_MEMORY);
        c->n_values++;
    }
out:
    return err;
}

static int clone_nodes(const struct graph *g, struct graph *c)
{
    int err = 0;
    TRY(grow(&c->node, &c->cap_nodes, g->n_nodes, sizeof(*c->node)));
    for (int i = 0; i < g->n_nodes; i++) {
        struct node *n = &c->node[i];
        *n = g->node[i];
        TRY(copy_str(&c->arena, &n->name));
        if (n->attr && !(n->attr = arena_copy(&c->arena, n->attr, n->op->attr_size)))
            TRY(OCELLI_ERR_MEMORY);
        c->n_nodes++;
    }
out:
    return err;
}

int graph_clone(const struct graph *g, struct graph **out)
{
    int err;
    struct graph *c = calloc(1, sizeof(*c));
    if (!c)
        TRY(fail_memory());
    c->init = g->init;
    c->n_outputs = g->n_outputs;
    c->changing = g->changing;
    c->n_once = g->n_once;
    c->preprocess = g->preprocess;
    TRY(copy_str(&c->arena, &c->preprocess));
    TRY(clone_values(g, c));
    TRY(clone_nodes(g, c));
    *out = c;
    return 0;
out:
    graph_free(&c);
    return err;
}
