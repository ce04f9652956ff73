/* Time for memory: forward values that are not kept for the backward pass are computed again, from
 * what is kept, when they are wanted (Chen, Xu, Zhang, Guestrin 2016). Which ones: several ways of
 * cutting the forward pass into segments are tried, and of those that fit the cheapest is taken;
 * then what can be kept after all is kept. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/passes.h"
#include "graph/walk.h"
#include "ops/attrs.h"

#define BYTE_COST 10   /* operations that take as long as moving a byte */
#define SUMMARY 16     /* a result so many times smaller than what it is made from is always kept */
#define MAX_TRIALS 400 /* of keeping something after all */
#define MAX_SEGMENTS 128
#define MAX_TARGETS 12

struct trade {
    const struct graph *g;
    struct choice *choice; /* of g's nodes, as many as there were */
    int n_choices;
    const struct caps *caps;
    const char *force;
    const struct tuned *tuned;
    int backward; /* the first node of the backward pass */
    bool *able;   /* may the node run twice, with the same result? */
    bool *drop;   /* its results are not kept */
    double *cost;
    size_t *bytes; /* of its results */
    /* What g becomes, arrays with room for every node twice. */
    struct graph made;
    int *origin;   /* of each made node in g */
    bool *twice;   /* is it there for the second time? */
    bool *written; /* of each value of g: it was updated before the made node looked at */
    int *again;    /* of each value of g: its second computation, OCELLI_NONE: there is none */
    struct choice *made_choice;
    int *first_out; /* of each made node */
    double made_cost;
};

/* ---- What may be computed twice ---- */

static bool is_able(const struct graph *g, const struct node *n)
{
    if (n->op->updates || n->n_out == 0)
        return false;
    for (int k = 0; k < n->n_out; k++)
        if (g->value[n->out[k]].output || g->value[n->out[k]].kind != VALUE_TEMP)
            return false;
    return true;
}

static void find_able(struct trade *t)
{
    const struct graph *g = t->g;
    t->backward = g->n_nodes;
    for (int i = g->n_nodes - 1; i >= g->n_once; i--)
        if (g->node[i].backward)
            t->backward = i;
    for (int i = 0; i < g->n_nodes; i++) {
        const struct node *n = &g->node[i];
        struct problem p;
        size_t in = 0;
        t->able[i] = i >= g->n_once && i < t->backward && is_able(g, n);
        if (n->op->flags & OP_ALIAS)
            continue;
        node_problem(g, n, &p);
        struct cost c = problem_cost(&p);
        t->cost[i] = c.flops + BYTE_COST * c.bytes;
        for (int k = 0; k < n->n_out; k++)
            t->bytes[i] += desc_bytes(&g->value[n->out[k]].desc);
        for (int j = 0; j < n->n_in; j++)
            if (n->in[j] != OCELLI_NONE)
                in = MAX(in, desc_bytes(&g->value[n->in[j]].desc));
        if (t->bytes[i] * SUMMARY <= in)
            t->able[i] = false;
    }
}

/* ---- The graph with some values computed again ---- */

static void emit(struct trade *t, const struct node *n, int origin, bool twice)
{
    struct graph *m = &t->made;
    for (int k = 0; k < n->n_out; k++)
        m->value[n->out[k]].node = m->n_nodes;
    t->origin[m->n_nodes] = origin;
    t->twice[m->n_nodes] = twice;
    m->node[m->n_nodes++] = *n;
}

/* Is v made by a node whose results are not kept? Another name of such a value is not either. */
static bool dropped(const struct trade *t, int v)
{
    int i = t->g->value[v].node;
    return i >= 0 && t->drop[i];
}

/* The value that stands for v in the backward pass. */
static int second(struct trade *t, int v)
{
    if (v == OCELLI_NONE || !dropped(t, v))
        return v;
    if (t->again[v] != OCELLI_NONE)
        return t->again[v];
    int i = t->g->value[v].node;
    struct node n = t->g->node[i];
    for (int j = 0; j < n.n_in; j++)
        n.in[j] = second(t, n.in[j]);
    for (int k = 0; k < n.n_out; k++) {
        struct value *made = &t->made.value[t->made.n_values];
        *made = t->g->value[n.out[k]];
        made->name = NULL;
        t->again[n.out[k]] = t->made.n_values;
        n.out[k] = t->made.n_values++;
    }
    emit(t, &n, i, true);
    t->made_cost += t->cost[i];
    return t->again[v];
}

/* Another name goes with what it names. */
static void drop_aliases(struct trade *t)
{
    for (int i = t->g->n_once; i < t->backward; i++)
        if (t->g->node[i].op->flags & OP_ALIAS)
            t->drop[i] = dropped(t, t->g->node[i].in[0]);
}

static void build(struct trade *t)
{
    const struct graph *g = t->g;
    struct graph *m = &t->made;
    drop_aliases(t);
    m->n_values = g->n_values;
    m->n_nodes = 0;
    m->n_once = g->n_once;
    memcpy(m->value, g->value, (size_t)g->n_values * sizeof(*m->value));
    for (int v = 0; v < g->n_values; v++)
        t->again[v] = OCELLI_NONE;
    t->made_cost = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        struct node n = g->node[i];
        for (int j = 0; i >= t->backward && j < n.n_in; j++)
            n.in[j] = second(t, n.in[j]);
        emit(t, &n, i, false);
    }
}

/* Does a node that runs again find a weight or state that was updated since? It is not able, then.
 */
static bool spoiled(struct trade *t)
{
    const struct graph *m = &t->made;
    bool any = false;
    memset(t->written, 0, (size_t)t->g->n_values);
    for (int i = 0; i < m->n_nodes; i++) {
        const struct node *n = &m->node[i];
        for (int j = 0; j < n->n_in; j++) {
            int r = n->in[j] == OCELLI_NONE ? OCELLI_NONE : alias_root(m, n->in[j]);
            if (r == OCELLI_NONE || r >= t->g->n_values)
                continue;
            if (n->op->updates >> j & 1)
                t->written[r] = true;
            if (t->twice[i] && t->written[r]) {
                t->able[t->origin[i]] = t->drop[t->origin[i]] = false;
                any = true;
            }
        }
    }
    return any;
}

static void make(struct trade *t)
{
    do {
        build(t);
    } while (spoiled(t));
}

/* ---- Judging it ---- */

/* How much must be there at once, at least, if it were the plan. Uses up `made`. */
static int judge(struct trade *t, size_t *live)
{
    struct graph *m = &t->made;
    int err, kept = 0;
    make(t);
    const int n = m->n_nodes;
    for (int i = 0; i < n; i++)
        t->first_out[i] = m->node[i].n_out > 0 ? m->node[i].out[0] : OCELLI_NONE;
    TRY(graph_slices(m, t->caps->align));
    for (int i = 0; i < n; i++) {
        int v = t->first_out[i];
        if (v == OCELLI_NONE || m->value[v].node >= 0) /* else it is read where it lies */
            t->made_choice[kept++] = t->choice[t->origin[i]];
    }
    err = memory_needed(m, t->made_choice, t->caps, live);
out:
    return err;
}

/* What it takes in the end, once it has been placed. Uses up `made`. */
static int measure(struct trade *t, size_t *arena)
{
    struct choice *choices = NULL;
    struct memory_plan *plan = NULL;
    int err;
    *arena = 0;
    make(t);
    TRY(graph_slices(&t->made, t->caps->align));
    TRY(graph_select(&t->made, t->caps, t->force, t->tuned, &choices));
    TRY(memory_plan(&t->made, choices, t->caps, true, &plan));
    for (int a = 0; a < plan->n_arenas; a++)
        *arena += plan->arena_bytes[a];
out:
    memory_plan_free(&plan);
    if (choices)
        choices_free(&choices, t->made.n_nodes);
    return err;
}

/* ---- Choosing ---- */

static bool is_dear(const struct op *op)
{
    return op == &op_conv2d || op == &op_gemm || op == &op_conv2d_blocked || op == &op_conv3d;
}

/* Last use of each value by the forward pass. */
static void last_uses(const struct trade *t, int *last)
{
    const struct graph *g = t->g;
    for (int v = 0; v < g->n_values; v++)
        last[v] = -1;
    for (int i = 0; i < t->backward; i++)
        for (int j = 0; j < g->node[i].n_in; j++)
            if (g->node[i].in[j] != OCELLI_NONE)
                last[alias_root(g, g->node[i].in[j])] = i;
}

/* Everything is dropped but what crosses from one segment of about `size` bytes to the next; of a
 * segment's possible ends the one is taken that few values cross. */
static void cut(struct trade *t, const int *last, size_t size)
{
    const struct graph *g = t->g;
    size_t sum = 0;
    for (int i = g->n_once; i < t->backward; i++) {
        int crossing = 0;
        t->drop[i] = t->able[i];
        sum += t->able[i] ? t->bytes[i] : 0;
        if (sum < size)
            continue;
        for (int k = g->n_once; k <= i; k++)
            for (int o = 0; o < g->node[k].n_out; o++)
                crossing += last[g->node[k].out[o]] > i;
        if (crossing > 1 && sum < 2 * size)
            continue;
        for (int k = g->n_once; k <= i; k++)
            for (int o = 0; o < g->node[k].n_out; o++)
                if (last[g->node[k].out[o]] > i)
                    t->drop[k] = false;
        sum = 0;
    }
}

/* Way `k` of dropping: 0 nothing, 1 what is cheap, then 1, 2, 4 .. segments of everything. */
static void choose(struct trade *t, const int *last, int k)
{
    size_t all = 0;
    memset(t->drop, 0, (size_t)t->g->n_nodes);
    for (int i = 0; i < t->backward; i++) {
        t->drop[i] = k == 1 && t->able[i] && !is_dear(t->g->node[i].op);
        all += t->able[i] ? t->bytes[i] : 0;
    }
    if (k >= 2)
        cut(t, last, all / (size_t)(1 << (k - 2)) + 1);
}

/* Keeps what need not be dropped, the dearest first. */
static int keep_more(struct trade *t, size_t limit)
{
    int err = 0, n = t->g->n_nodes, trials = MIN(MAX_TRIALS, t->backward);
    bool *tried = calloc((size_t)n + 1, sizeof(*tried));
    if (!tried)
        return fail_memory();
    for (; trials > 0; trials--) {
        int best = -1;
        size_t live;
        for (int i = 0; i < t->backward; i++)
            if (t->drop[i] && !tried[i] && !(t->g->node[i].op->flags & OP_ALIAS) &&
                (best < 0 ||
                 t->cost[i] * (double)t->bytes[best] > t->cost[best] * (double)t->bytes[i]))
                best = i;
        if (best < 0)
            break;
        tried[best] = true;
        t->drop[best] = false;
        TRY(judge(t, &live));
        if (live > limit)
            t->drop[best] = true;
    }
out:
    free(tried);
    return err;
}

/* The cheapest way that needs no more than `limit`, -1: none; and that which needs least. */
static int find_ways(struct trade *t, const int *last, size_t limit, int *best, int *least)
{
    int err = 0;
    double cost = INFINITY;
    size_t least_live = SIZE_MAX;
    *best = -1;
    for (int k = 0; k == 0 || 1 << (k - 1) <= 2 * MAX_SEGMENTS; k++) {
        size_t live;
        choose(t, last, k);
        TRY(judge(t, &live));
        if (live < least_live) {
            least_live = live;
            *least = k;
        }
        if (live <= limit && t->made_cost < cost) {
            cost = t->made_cost;
            *best = k;
        }
    }
out:
    return err;
}

/* Sets drop[]; *arena is what it then takes. */
static int search(struct trade *t, size_t limit, size_t *arena)
{
    int err = 0, least = 0;
    size_t target = limit;
    int *last = malloc(((size_t)t->g->n_values + 1) * sizeof(*last));
    if (!last)
        return fail_memory();
    last_uses(t, last);
    for (int tries = 0;; tries++) {
        int way;
        TRY(find_ways(t, last, target, &way, &least));
        bool any = way >= 0 && tries < MAX_TARGETS;
        choose(t, last, any ? way : least);
        if (any && way > 0)
            TRY(keep_more(t, target));
        TRY(measure(t, arena));
        if (*arena <= limit || !any)
            break;
        /* Gaps between what is alive: aim lower by what they took. */
        target -= MIN(target, MAX(*arena - limit, target / 64));
    }
out:
    free(last);
    return err;
}

/* ---- Doing it ---- */

static int trade_init(struct trade *t)
{
    const struct graph *g = t->g;
    size_t nn = (size_t)g->n_nodes + 1, nv = (size_t)g->n_values + 1;
    t->able = calloc(nn, sizeof(*t->able));
    t->drop = calloc(nn, sizeof(*t->drop));
    t->cost = calloc(nn, sizeof(*t->cost));
    t->bytes = calloc(nn, sizeof(*t->bytes));
    t->origin = calloc(2 * nn, sizeof(*t->origin));
    t->twice = calloc(2 * nn, sizeof(*t->twice));
    t->written = calloc(nv, sizeof(*t->written));
    t->first_out = calloc(2 * nn, sizeof(*t->first_out));
    t->again = calloc(nv, sizeof(*t->again));
    t->made_choice = calloc(2 * nn, sizeof(*t->made_choice));
    t->made.value = calloc(2 * nv, sizeof(*t->made.value));
    t->made.node = calloc(2 * nn, sizeof(*t->made.node));
    if (!t->able || !t->drop || !t->cost || !t->bytes || !t->origin || !t->twice || !t->written ||
        !t->first_out || !t->again || !t->made_choice || !t->made.value || !t->made.node)
        return fail_memory();
    int err = graph_select(g, t->caps, t->force, t->tuned, &t->choice);
    if (!err)
        find_able(t);
    return err;
}

static void trade_free(struct trade *t)
{
    if (t->choice)
        choices_free(&t->choice, t->n_choices);
    free(t->able);
    free(t->drop);
    free(t->cost);
    free(t->bytes);
    free(t->origin);
    free(t->twice);
    free(t->written);
    free(t->first_out);
    free(t->again);
    free(t->made_choice);
    free(t->made.value);
    free(t->made.node);
}

/* Makes g what was found. */
static int take_over(struct trade *t, struct graph *g)
{
    int err, more;
    make(t);
    more = t->made.n_values - g->n_values;
    TRY(grow(&g->value, &g->cap_values, t->made.n_values, sizeof(*g->value)));
    TRY(grow(&g->node, &g->cap_nodes, t->made.n_nodes, sizeof(*g->node)));
    memcpy(g->value + g->n_values, t->made.value + g->n_values, (size_t)more * sizeof(*g->value));
    g->n_values = t->made.n_values;
    graph_set_nodes(g, t->made.node, t->made.n_nodes);
out:
    return err;
}

int graph_recompute(struct graph *g, const struct caps *caps, const char *force,
                    const struct tuned *tuned, size_t limit, size_t *arena, int *again)
{
    struct trade t = {
        .g = g, .n_choices = g->n_nodes, .caps = caps, .force = force, .tuned = tuned};
    int err, before = g->n_nodes;
    *again = 0;
    TRY(graph_early(g));
    TRY(trade_init(&t));
    TRY(search(&t, limit, arena));
    TRY(take_over(&t, g));
    *again = g->n_nodes - before;
out:
    trade_free(&t);
    return err;
}
