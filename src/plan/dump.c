/* The plan as text, a line a launch. */
#include <stdlib.h>
#include <string.h>

#include "plan/steps.h"

/* " gws=64x4": a launch's size as OpenCL has it, the dimension that runs fastest first. */
static void add_sizes(struct text *t, const char *what, const size_t *size, int dims)
{
    text_add(t, " %s=", what);
    for (int i = 0; i < dims; i++)
        text_add(t, "%s%zu", i ? "x" : "", size[i]);
}

static void add_flops(struct text *t, double flops)
{
    static const char *const unit[] = {"FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP"};
    int u = 0;
    while (flops >= 1000 && u + 1 < (int)COUNT(unit)) {
        flops /= 1000;
        u++;
    }
    text_add(t, u ? "  %.1f %s" : "  %.0f %s", flops, unit[u]);
}

/* Where output 0 goes, or what an optimiser step changes. */
static void add_place(struct text *t, const struct graph *g, const struct memory_plan *m,
                      const struct node *n)
{
    int v = OCELLI_NONE;
    if (n->n_out > 0)
        v = n->out[0];
    for (int j = 0; v == OCELLI_NONE && j < n->n_in; j++)
        if (n->op->updates >> j & 1)
            v = n->in[j];
    if (v == OCELLI_NONE)
        return;
    const struct place *at = &m->value[v];
    const struct value *x = &g->value[v], *root = &g->value[at->root];
    if (at->kind == PLACE_ARENA && at->arena == 0)
        text_add(t, "  arena+0x%zx", at->offset);
    else if (at->kind == PLACE_ARENA)
        text_add(t, "  arena%d+0x%zx", at->arena, at->offset);
    else if (x->output || root->output)
        text_add(t, "  -> %s", x->output ? x->output : root->output);
    else if (root->name)
        text_add(t, "  -> %s", root->name);
    else if (root->kind == VALUE_PREPARED)
        text_add(t, "  -> prepared");
    else
        text_add(t, "  -> output");
}

/* "conv2d/direct x=.. w=..  OCT=4 VW=16": the problem with the variant behind its first word. */
static void add_problem(struct text *t, const struct problem *p, const struct choice *c)
{
    struct text line = {0};
    problem_print(p, &line);
    t->failed = t->failed || line.failed;
    if (line.s) {
        size_t word = strcspn(line.s, " ");
        text_add(t, "%.*s/%s%s", (int)word, line.s, c->variant->name, line.s + word);
    }
    text_free(&line);
    const struct tunable *tn = c->variant->tunables;
    for (int i = 0; tn && i < MAX_TUNABLES && tn[i].name; i++)
        text_add(t, "%s%s=%d", i ? " " : "  ", tn[i].name, c->tv[i]);
}

/* The launch that does the operation's work, which the cost is booked on: its kernel is called as
 * the variant is, the others' names have a word more (packing, a final sum). */
static int main_launch(const struct choice *c, const struct op *op)
{
    size_t n = strlen(op->name);
    for (int k = 0; k < c->launches.n; k++) {
        const char *name = c->launches.item[k].kernel;
        if (strncmp(name, op->name, n) == 0 && name[n] == '_' &&
            strcmp(name + n + 1, c->variant->name) == 0)
            return k;
    }
    return 0;
}

static int add_step(struct steps *s, const struct graph *g, const struct node *n,
                    const struct choice *c, const struct memory_plan *m, int k, bool once)
{
    const struct launch *l = &c->launches.item[k];
    struct problem p;
    struct text t = {0};
    node_problem(g, n, &p);
    bool works = k == main_launch(c, n->op);
    struct cost cost = {0};
    if (works)
        cost = problem_cost(&p);

    text_add(&t, "%02d %s", s->n, once ? "once " : "");
    if (k == 0)
        add_problem(&t, &p, c);
    else
        text_add(&t, "+ %s", l->kernel);
    text_add(&t, " ");
    add_sizes(&t, "gws", l->global, l->dims);
    if (l->local[0])
        add_sizes(&t, "lws", l->local, l->dims);
    if (works) {
        add_flops(&t, cost.flops);
        add_place(&t, g, m, n);
    }
    struct ocelli_step *x = &s->item[s->n];
    *x = (struct ocelli_step){
        .text = t.failed ? NULL : arena_str(&s->arena, t.s),
        .layer = n->name ? n->name : n->op->name,
        .op = n->op->name,
        .variant = c->variant->name,
        .kernel = l->kernel,
        .once = once,
        .flops = cost.flops,
        .bytes = cost.bytes,
    };
    memcpy(x->global, l->global, sizeof(x->global));
    memcpy(x->local, l->local, sizeof(x->local));
    text_free(&t);
    if (!x->text)
        return fail_memory();
    s->n++;
    return 0;
}

int steps_create(struct steps *s, const struct graph *g, const struct choice *choices,
                 const struct memory_plan *m)
{
    int err = 0;
    size_t count = 1;
    for (int i = 0; i < g->n_nodes; i++)
        count += (size_t)choices[i].launches.n;
    s->item = calloc(count, sizeof(*s->item));
    if (!s->item)
        return fail_memory();
    for (int i = 0; i < g->n_nodes; i++) {
        for (int k = 0; k < choices[i].launches.n; k++)
            TRY(add_step(s, g, &g->node[i], &choices[i], m, k, i < g->n_once));
        if (i < g->n_once)
            s->n_once = s->n;
    }
out:
    return err;
}

void steps_free(struct steps *s)
{
    free(s->item);
    arena_free(&s->arena);
    *s = (struct steps){0};
}
