/* The graph's arrays: appending values and nodes. */
#include "ops/graph.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

int graph_fail(struct graph *g, int err)
{
    if (g->status == 0) {
        g->status = err;
        g->why = arena_str(&g->arena, ocelli_error());
    }
    return OCELLI_NONE;
}

/* ---- Names ---- */

static const char *entry_name(const struct graph *g, int entry)
{
    const struct value *x = &g->value[(entry - 1) / 2];

    return (entry - 1) % 2 ? x->output : x->name;
}

static bool is_called(const struct value *x, const char *name)
{
    return (x->name && strcmp(x->name, name) == 0) || (x->output && strcmp(x->output, name) == 0);
}

/* Where a name is or belongs in the table, which has room. */
static int *name_place(const struct graph *g, const char *name)
{
    uint64_t mask = (uint64_t)g->cap_names - 1;

    for (uint64_t i = hash64(name, strlen(name), 0);; i++) {
        int *entry = &g->names[i & mask];
        if (*entry == 0 || strcmp(entry_name(g, *entry), name) == 0)
            return entry;
    }
}

int graph_find(const struct graph *g, const char *name)
{
    if (g->names) {
        int entry = *name_place(g, name);
        return entry ? (entry - 1) / 2 : OCELLI_NONE;
    }
    for (int v = 0; v < g->n_values; v++)
        if (is_called(&g->value[v], name))
            return v;
    return OCELLI_NONE;
}

static void name_put(struct graph *g, int entry)
{
    const char *name = entry_name(g, entry);
    int *place = name ? name_place(g, name) : NULL;

    if (place && *place == 0) {
        *place = entry;
        g->n_names++;
    }
}

/* A table of twice the size with the names of all values. */
static bool names_grow(struct graph *g)
{
    int cap = MAX(2 * g->cap_names, 64);

    while (cap < 4 * g->n_values) /* of a clone */
        cap *= 2;
    int *names = calloc((size_t)cap, sizeof(*names));
    if (!names) {
        graph_fail(g, fail_memory());
        return false;
    }
    free(g->names);
    g->names = names;
    g->cap_names = cap;
    g->n_names = 0;
    for (int v = 0; v < g->n_values; v++) {
        name_put(g, 2 * v + 1);
        name_put(g, 2 * v + 2);
    }
    return true;
}

static void name_add(struct graph *g, int entry)
{
    if (2 * (g->n_names + 1) <= g->cap_names)
        name_put(g, entry);
    else
        (void)names_grow(g);
}

void graph_mark(struct graph *g, int v, const char *name)
{
    g->value[v].output = name;
    g->value[v].output_no = g->n_outputs++;
    name_add(g, 2 * v + 2);
}

/* ---- Values ---- */

int graph_value(struct graph *g, enum value_kind kind, const char *name, const struct desc *desc)
{
    if (g->status)
        return OCELLI_NONE;
    if (name && graph_find(g, name) != OCELLI_NONE)
        return graph_fail(g, fail(OCELLI_ERR_INVALID, "%s: the name is in use", name));
    bool empty = kind == VALUE_CONST && shape_is_empty(&desc->shape);
    int err = empty ? 0 : shape_check(&desc->shape);
    if (err)
        return graph_fail(g, fail_in(err, "%s", name ? name : "value"));
    if (ocelli_dtype_size(desc->dtype) == 0)
        return graph_fail(g, fail(OCELLI_ERR_INVALID, "%s: %d is not a type", name ? name : "value",
                                  (int)desc->dtype));
    if (grow(&g->value, &g->cap_values, g->n_values + 1, sizeof(*g->value)) != 0)
        return graph_fail(g, OCELLI_ERR_MEMORY);
    struct value *v = &g->value[g->n_values];
    *v = (struct value){.kind = kind, .desc = *desc, .node = -1, .part_of = OCELLI_NONE};
    if (name && !(v->name = arena_str(&g->arena, name)))
        return graph_fail(g, OCELLI_ERR_MEMORY);
    g->n_values++;
    if (name)
        name_add(g, 2 * (g->n_values - 1) + 1);
    return g->status ? OCELLI_NONE : g->n_values - 1;
}

int graph_const(struct graph *g, const char *name, const struct desc *desc, const void *data)
{
    int v = graph_value(g, VALUE_CONST, name, desc);
    if (v == OCELLI_NONE)
        return v;
    g->value[v].data = arena_copy(&g->arena, data, desc_bytes(desc));
    return g->value[v].data ? v : graph_fail(g, OCELLI_ERR_MEMORY);
}

int graph_runs(struct graph *g)
{
    for (int v = 0; v < g->n_values; v++)
        if (g->value[v].kind == VALUE_STATE && strcmp(g->value[v].name, STATE_RUNS) == 0)
            return v;
    int v = graph_value(g, VALUE_STATE, STATE_RUNS, &(struct desc){OCELLI_F32, {0}});
    if (v != OCELLI_NONE)
        g->value[v].init.kind = OCELLI_INIT_CONSTANT;
    return v;
}

void node_problem(const struct graph *g, const struct node *n, struct problem *p)
{
    *p = (struct problem){.op = n->op,
                          .attr = n->attr,
                          .n_in = n->n_in,
                          .n_out = n->n_out,
                          .epi = n->epi,
                          .gap = n->gap};
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] == OCELLI_NONE)
            p->in[i].shape.rank = -1;
        else
            p->in[i] = g->value[n->in[i]].desc;
    }
    for (int k = 0; k < n->n_out; k++)
        p->out[k] = g->value[n->out[k]].desc;
}

static bool optional_input(const struct op *op, int i)
{
    return strchr(op->in[i], '?') != NULL;
}

static int check_inputs(const struct graph *g, const struct op *op, const int *in, int n)
{
    for (int i = 0; i < n; i++) {
        if (in[i] == OCELLI_NONE && optional_input(op, i))
            continue;
        if (in[i] < 0 || in[i] >= g->n_values)
            return fail(OCELLI_ERR_INVALID, "%s: input %s is no value of this graph", op->name,
                        op->in[i]);
    }
    return 0;
}

int graph_add(struct graph *g, const struct op *op, const void *attr, const int *in)
{
    int err;
    struct node n = {.op = op, .name = g->layer, .epi = no_epilogue, .n_in = op_inputs(op)};
    struct problem p;

    if (g->status)
        return OCELLI_NONE;
    while (n.n_out < OP_MAX_OUT && op->out[n.n_out])
        n.out[n.n_out++] = OCELLI_NONE;
    TRY(check_inputs(g, op, in, n.n_in));
    for (int i = 0; i < n.n_in; i++)
        n.in[i] = in[i];
    if (op->attr_size) {
        n.attr = attr ? arena_copy(&g->arena, attr, op->attr_size)
                      : arena_alloc(&g->arena, op->attr_size);
        if (!n.attr)
            TRY(OCELLI_ERR_MEMORY);
        TRY(attr_defaults(op, n.attr));
    }
    int n_out = n.n_out;
    n.n_out = 0; /* not made yet */
    node_problem(g, &n, &p);
    p.n_out = n.n_out = n_out;
    TRY(problem_infer(&p));
    TRY(grow(&g->node, &g->cap_nodes, g->n_nodes + 1, sizeof(*g->node)));
    for (int k = 0; k < n.n_out; k++) {
        n.out[k] = graph_value(g, VALUE_TEMP, NULL, &p.out[k]);
        if (n.out[k] == OCELLI_NONE)
            return OCELLI_NONE;
        g->value[n.out[k]].node = g->n_nodes;
    }
    g->node[g->n_nodes++] = n;
    /* An operation without outputs (an optimiser step) has nothing to give; any number but NONE. */
    return n.n_out > 0 ? n.out[0] : n.in[0];
out:
    return graph_fail(g, g->layer ? fail_in(err, "%s", g->layer) : err);
}

static void graph_finish(struct graph *g)
{
    free(g->value);
    free(g->node);
    free(g->names);
    arena_free(&g->arena);
}

void graph_free(struct graph **g)
{
    if (*g) {
        graph_finish(*g);
        free(*g);
        *g = NULL;
    }
}

int ocelli_graph_create(struct ocelli_graph **out)
{
    *out = calloc(1, sizeof(**out));
    return *out ? 0 : fail_memory();
}

void ocelli_graph_destroy(struct ocelli_graph **g)
{
    if (g && *g) {
        graph_finish(&(*g)->g);
        free(*g);
        *g = NULL;
    }
}
