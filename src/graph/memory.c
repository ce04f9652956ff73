/* Where intermediate values and workspace lie. Lifetimes over the order of the nodes, then offsets:
 * the largest item first, each into the tightest gap between those that are alive at the same time
 * (greedy by size for offset calculation, Pisarchyk and Lee 2020, section 5.2). */
#include <stdlib.h>
#include <string.h>

#include "graph/passes.h"
#include "graph/walk.h"

/* One thing to be placed: alive at steps first..last. */
struct item {
    int first, last;
    size_t bytes, offset;
    int arena;
    int value;         /* whose memory it is, -1: scratch */
    int node, scratch; /* of scratch */
};

struct planner {
    const struct graph *g;
    const struct choice *choices;
    const struct caps *caps;
    bool reuse;
    struct memory_plan *m;
    int *root;  /* of each value, and where in its memory */
    size_t *offset;
    int *first; /* step that makes a root, -1: none */
    int *last;  /* last step that uses it */
    bool *own;  /* a root with memory of its own */
    struct item *item;
    int n_items, cap_items;
};

/* ---- Lifetimes ---- */

static void use(struct planner *p, int v, int step)
{
    int r = p->root[v];
    if (p->first[r] < 0)
        p->first[r] = step;
    p->last[r] = MAX(p->last[r], step);
}

/* How many inputs of the node share the memory of input j. */
static int readers_here(const struct planner *p, const struct node *n, int j)
{
    int count = 0;
    for (int k = 0; k < n->n_in; k++)
        count += n->in[k] != OCELLI_NONE && p->root[n->in[k]] == p->root[n->in[j]];
    return count;
}

/* Is v all of its root's memory? */
static bool whole(const struct planner *p, int v)
{
    return desc_bytes(&p->g->value[v].desc) == desc_bytes(&p->g->value[p->root[v]].desc);
}

/* Lets output 0 overwrite input 0 where that is the input's last use. */
static void merge_inplace(struct planner *p, int i)
{
    const struct graph *g = p->g;
    const struct node *n = &g->node[i];
    if (!p->reuse || !(n->op->flags & OP_INPLACE) || n->n_out < 1 || n->in[0] == OCELLI_NONE)
        return;
    int from = p->root[n->out[0]], to = p->root[n->in[0]];
    if (p->own[from] || p->own[to] || p->last[to] != i || readers_here(p, n, 0) != 1 ||
        desc_bytes(&g->value[n->out[0]].desc) != desc_bytes(&g->value[n->in[0]].desc) ||
        !whole(p, n->out[0]) || !whole(p, n->in[0]))
        return;
    for (int v = 0; v < g->n_values; v++)
        if (p->root[v] == from)
            p->root[v] = to;
    p->last[to] = MAX(p->last[to], p->last[from]);
}

static void find_lifetimes(struct planner *p)
{
    const struct graph *g = p->g;
    for (int v = 0; v < g->n_values; v++) {
        p->root[v] = memory_root(g, v, &p->offset[v]);
        p->first[v] = p->last[v] = -1;
        if (g->value[v].kind != VALUE_TEMP)
            p->own[v] = true;
    }
    for (int v = 0; v < g->n_values; v++)
        if (g->value[v].output)
            p->own[p->root[v]] = true;
    for (int i = 0; i < g->n_nodes; i++) {
        const struct node *n = &g->node[i];
        if (n->op->flags & OP_ALIAS)
            continue;
        for (int j = 0; j < n->n_in; j++)
            if (n->in[j] != OCELLI_NONE)
                use(p, n->in[j], i);
        for (int k = 0; k < n->n_out; k++)
            use(p, n->out[k], i);
    }
    /* In order, so that a chain of them shares one place. */
    for (int i = 0; i < g->n_nodes; i++)
        merge_inplace(p, i);
}

/* ---- Items ---- */

static int add_item(struct planner *p, const struct item *x)
{
    if (x->bytes > p->caps->max_alloc)
        return fail(OCELLI_ERR_MEMORY, "a value of %zu bytes: the device gives %llu at most",
                    x->bytes, (unsigned long long)p->caps->max_alloc);
    int err = grow(&p->item, &p->cap_items, p->n_items + 1, sizeof(*p->item));
    if (!err)
        p->item[p->n_items++] = *x;
    return err;
}

static int collect_items(struct planner *p)
{
    const struct graph *g = p->g;
    int err = 0;
    for (int v = 0; v < g->n_values; v++) {
        struct place *at = &p->m->value[v];
        int r = p->root[v];
        *at = (struct place){.root = r, .bytes = value_span(g, v)};
        bool made = g->value[v].kind != VALUE_TEMP || g->value[v].node >= 0 ||
                    g->value[v].part_of != OCELLI_NONE;
        bool constant = g->value[v].kind == VALUE_CONST && p->first[v] < 0 && !p->own[r];
        bool unused = !p->own[r] && p->first[r] < 0; /* a pass has no more need of it */
        if (!made || constant || unused)
            continue;
        at->kind = p->own[r] ? PLACE_OWN : PLACE_ARENA;
        if (v == r && at->kind == PLACE_ARENA)
            TRY(add_item(p, &(struct item){p->first[v], p->last[v], at->bytes, 0, 0, v, 0, 0}));
    }
    for (int i = 0; i < g->n_nodes; i++) {
        const struct launches *l = &p->choices[i].launches;
        size_t sum = 0;
        if (l->n_scratch > 0 && !(p->m->scratch[i] = calloc(l->n_scratch, sizeof(struct place))))
            TRY(fail_memory());
        for (int k = 0; k < l->n_scratch; k++) {
            TRY(add_item(p, &(struct item){i, i, l->scratch[k], 0, 0, -1, i, k}));
            sum += l->scratch[k];
        }
        p->m->scratch_peak = MAX(p->m->scratch_peak, sum);
    }
out:
    return err;
}

static int most_alive(const struct planner *p, size_t *most)
{
    /* What begins and what has ended at each step. */
    size_t *come = calloc((size_t)p->g->n_nodes + 2, sizeof(*come));
    size_t *gone = calloc((size_t)p->g->n_nodes + 2, sizeof(*gone)), sum = 0;
    *most = 0;
    for (int k = 0; k < p->n_items && come && gone; k++) {
        come[p->item[k].first] += p->item[k].bytes;
        gone[p->item[k].last + 1] += p->item[k].bytes;
    }
    for (int i = 0; i < p->g->n_nodes && come && gone; i++) {
        sum += come[i] - gone[i];
        *most = MAX(*most, sum);
    }
    int err = come && gone ? 0 : fail_memory();
    free(come);
    free(gone);
    return err;
}

/* ---- Offsets ---- */

/* Orders in which to place; the best result counts. Ties by what the item is, for one result
 * everywhere. */
static int by_identity(const struct item *a, const struct item *b)
{
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    return a->scratch - b->scratch;
}

static int by_size(const void *x, const void *y)
{
    const struct item *a = x, *b = y;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    return by_identity(a, b);
}

static int by_area(const void *x, const void *y)
{
    const struct item *a = x, *b = y;
    double p = (double)a->bytes * (a->last - a->first + 1);
    double q = (double)b->bytes * (b->last - b->first + 1);
    if (p != q)
        return p > q ? -1 : 1;
    return by_identity(a, b);
}

static int by_first(const void *x, const void *y)
{
    const struct item *a = x, *b = y;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return by_size(a, b);
}

static int by_offset(const void *x, const void *y)
{
    const struct item *a = *(const struct item *const *)x, *b = *(const struct item *const *)y;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* The tightest gap of the arena for x between the items placed before it that are alive with it;
 * false when it does not fit below the limit. */
static bool place_in(const struct planner *p, struct item *x, int arena, const struct item **busy)
{
    size_t align = MAX(p->caps->align, (size_t)1), end = 0, best = SIZE_MAX;
    int n = 0;
    bool found = false;
    for (const struct item *y = p->item; y < x; y++)
        if (y->arena == arena && (!p->reuse || (y->first <= x->last && x->first <= y->last)))
            busy[n++] = y;
    qsort(busy, (size_t)n, sizeof(*busy), by_offset);
    for (int i = 0; i < n; i++) {
        size_t gap = busy[i]->offset > end ? busy[i]->offset - end : 0;
        if (gap >= x->bytes && gap < best) {
            best = gap;
            x->offset = end;
            found = true;
        }
        end = MAX(end, round_up(busy[i]->offset + busy[i]->bytes, align));
    }
    if (!found && x->bytes <= p->caps->max_alloc && end <= p->caps->max_alloc - x->bytes) {
        x->offset = end;
        found = true;
    }
    if (found)
        x->arena = arena;
    return found;
}

/* Places all items in their present order; the sum of the arenas' bytes, and how many there are. */
static size_t place_all(struct planner *p, const struct item **busy, int *n_arenas)
{
    size_t total = 0;
    *n_arenas = 0;
    for (int i = 0; i < p->n_items; i++) {
        struct item *x = &p->item[i];
        int a = 0;
        while (!place_in(p, x, a, busy))
            a++;
        *n_arenas = MAX(*n_arenas, a + 1);
    }
    for (int a = 0; a < *n_arenas; a++) {
        size_t end = 0;
        for (int i = 0; i < p->n_items; i++)
            if (p->item[i].arena == a)
                end = MAX(end, p->item[i].offset + p->item[i].bytes);
        if (p->m->arena_bytes)
            p->m->arena_bytes[a] = end;
        total += end;
    }
    return total;
}

static int place_items(struct planner *p)
{
    static int (*const orders[])(const void *, const void *) = {by_size, by_area, by_first};
    size_t best = SIZE_MAX, count = (size_t)p->n_items;
    int best_order = 0, n = 0;
    if (count == 0)
        return 0;
    const struct item **busy = malloc(sizeof(*busy) * count);
    if (!busy)
        return fail_memory();
    for (int o = 0; o < (int)COUNT(orders); o++) {
        qsort(p->item, count, sizeof(*p->item), orders[o]);
        size_t total = place_all(p, busy, &n);
        if (total < best) {
            best = total;
            best_order = o;
        }
    }
    qsort(p->item, count, sizeof(*p->item), orders[best_order]);
    p->m->arena_bytes = calloc(count, sizeof(size_t));
    if (p->m->arena_bytes)
        place_all(p, busy, &p->m->n_arenas);
    free(busy);
    return p->m->arena_bytes ? 0 : fail_memory();
}

static void write_places(struct planner *p)
{
    struct memory_plan *m = p->m;
    for (int i = 0; i < p->n_items; i++) {
        const struct item *x = &p->item[i];
        struct place at = {PLACE_ARENA, x->value, x->arena, x->offset, x->bytes};
        if (x->value < 0)
            m->scratch[x->node][x->scratch] = at;
        else
            m->value[x->value] = at;
    }
    for (int v = 0; v < p->g->n_values; v++) {
        const struct place *root = &m->value[p->root[v]];
        if (m->value[v].kind == PLACE_ARENA) {
            m->value[v].arena = root->arena;
            m->value[v].offset = root->offset + p->offset[v];
        }
    }
}

/* All of it up to the places themselves, which only `placed` asks for. */
static int plan_memory(const struct graph *g, const struct choice *choices, const struct caps *caps,
                       bool reuse, bool placed, struct memory_plan **out)
{
    size_t nv = (size_t)g->n_values + 1, nn = (size_t)g->n_nodes + 1;
    struct planner p = {.g = g, .choices = choices, .caps = caps, .reuse = reuse};
    int err = 0;

    p.m = calloc(1, sizeof(*p.m));
    p.root = malloc(nv * sizeof(int));
    p.offset = malloc(nv * sizeof(size_t));
    p.first = malloc(nv * sizeof(int));
    p.last = malloc(nv * sizeof(int));
    p.own = calloc(nv, sizeof(bool));
    if (!p.m || !p.root || !p.offset || !p.first || !p.last || !p.own)
        TRY(fail_memory());
    p.m->n_nodes = g->n_nodes;
    p.m->value = calloc(nv, sizeof(*p.m->value));
    p.m->scratch = calloc(nn, sizeof(*p.m->scratch));
    if (!p.m->value || !p.m->scratch)
        TRY(fail_memory());
    find_lifetimes(&p);
    TRY(collect_items(&p));
    TRY(most_alive(&p, &p.m->live));
    if (placed) {
        TRY(place_items(&p));
        write_places(&p);
    }
    *out = p.m;
    p.m = NULL;
out:
    memory_plan_free(&p.m);
    free(p.root);
    free(p.offset);
    free(p.first);
    free(p.last);
    free(p.own);
    free(p.item);
    return err;
}

int memory_plan(const struct graph *g, const struct choice *choices, const struct caps *caps,
                bool reuse, struct memory_plan **out)
{
    return plan_memory(g, choices, caps, reuse, true, out);
}

int memory_needed(const struct graph *g, const struct choice *choices, const struct caps *caps,
                size_t *live)
{
    struct memory_plan *m = NULL;
    int err = plan_memory(g, choices, caps, true, false, &m);
    *live = err ? 0 : m->live;
    memory_plan_free(&m);
    return err;
}

void memory_plan_free(struct memory_plan **m)
{
    if (!*m)
        return;
    for (int i = 0; (*m)->scratch && i < (*m)->n_nodes; i++)
        free((*m)->scratch[i]);
    free((*m)->scratch);
    free((*m)->value);
    free((*m)->arena_bytes);
    free(*m);
    *m = NULL;
}
