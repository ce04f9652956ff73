/* The bookkeeping of hazards against brute force: random commands on a few small buffers. Every
 * pair that conflicts must be ordered by the edges and the lanes; no edge may join two that do not.
 */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "device/hazard.h"
#include "test.h"

#define NODES 64 /* a set of nodes is one word */
#define TOUCHES 4
#define LANES 4

/* ck_assert() writes to a file also when all is well: too slow for millions. */
#define must(cond, ...)                \
    do {                               \
        if (!(cond))                   \
            ck_abort_msg(__VA_ARGS__); \
    } while (0)
#define fine(call) must((call) == 0, "%s: %s", #call, ocelli_error())

struct node {
    struct touch touch[TOUCHES];
    int n, lane;
    uint64_t before; /* the nodes that are surely complete when this one starts */
};

static uint64_t rng(uint64_t seed, uint64_t *n)
{
    return random_at(seed, 1, (*n)++);
}

static const char memory[3]; /* three addresses */

static void random_node(struct node *c, uint64_t seed, uint64_t *n)
{
    c->n = (int)(rng(seed, n) % (TOUCHES + 1));
    for (int i = 0; i < c->n; i++)
        c->touch[i] = (struct touch){.id = &memory[rng(seed, n) % 3],
                                     .offset = rng(seed, n) % 12,
                                     .bytes = 1 + rng(seed, n) % 5,
                                     .access = (enum access)(1 + rng(seed, n) % 3)};
}

static bool touches_conflict(const struct touch *a, const struct touch *b)
{
    bool apart = a->offset + a->bytes <= b->offset || b->offset + b->bytes <= a->offset;
    return a->id == b->id && !apart && ((a->access | b->access) & ACCESS_WRITE);
}

static bool conflict(const struct node *a, const struct node *b)
{
    for (int i = 0; i < a->n; i++)
        for (int k = 0; k < b->n; k++)
            if (touches_conflict(&a->touch[i], &b->touch[k]))
                return true;
    return false;
}

/* lanes 0: out of order */
static int check_order(uint64_t seed, int lanes)
{
    struct node node[NODES] = {0};
    struct order o;
    uint64_t n = 0;
    int last[LANES] = {-1, -1, -1, -1}, ordered = 0;

    fine(order_init(&o, lanes ? lanes : 1, lanes > 0));
    for (int i = 0; i < NODES; i++) {
        struct node *c = &node[i];
        const struct order_item *it;
        random_node(c, seed, &n);
        fine(order_add(&o, c->touch, c->n, rng(seed, &n) % 8 || !lanes ? -1 : lanes - 1));
        it = &o.item[i];
        c->lane = it->lane;
        must(it->lane >= 0 && it->lane < MAX(lanes, 1), "lane %d", it->lane);
        uint64_t by_lane =
            lanes && last[c->lane] >= 0 ? node[last[c->lane]].before | 1ull << last[c->lane] : 0;
        c->before = by_lane;
        for (int w = 0; w < it->n_wait; w++) {
            int d = o.wait[it->first_wait + w];
            uint64_t others = by_lane;
            must(d >= 0 && d < i, "%d waits for %d", i, d);
            must(conflict(&node[d], c), "seed %llu: %d waits for %d for nothing",
                 (unsigned long long)seed, i, d);
            for (int v = 0; v < it->n_wait; v++)
                if (v != w)
                    others |= node[o.wait[it->first_wait + v]].before |
                              1ull << o.wait[it->first_wait + v];
            if (lanes) /* out of order, what is implied may stay */
                must(!(others >> d & 1), "seed %llu: %d waits for %d needlessly",
                     (unsigned long long)seed, i, d);
            c->before |= node[d].before | 1ull << d;
        }
        for (int d = 0; d < i; d++) {
            if (!conflict(&node[d], c))
                continue;
            ordered++;
            must(c->before >> d & 1, "seed %llu: %d does not wait for %d", (unsigned long long)seed,
                 i, d);
        }
        last[c->lane] = i;
    }
    order_finish(&o);
    return ordered;
}

START_TEST(order_random)
{
    int ordered = 0;

    for (uint64_t seed = 0; seed < 400; seed++)
        for (int lanes = 0; lanes <= LANES; lanes++)
            ordered += check_order(seed * 5 + (uint64_t)lanes, lanes);
    ck_assert_int_gt(ordered, 100000);
}
END_TEST

/* ---- The tracker as a queue uses it: single commands and runs of lists, of which some complete
 * and are swept, buffers that go ---- */

/* A command to the tracker: a node, or a run's part, which is complete with its last node. */
struct world {
    struct hazards h;
    struct node node[NODES];
    int n, last[LANES], lanes;
    int final[NODES]; /* of command k */
    int n_commands;
    uint64_t done; /* complete nodes */
};

static bool command_done(const void *user, uint64_t number)
{
    const struct world *w = user;
    return w->done >> w->final[number] & 1;
}

static uint64_t up_to(const struct world *w, int node)
{
    return w->node[node].before | 1ull << node;
}

/* What the queue does with what was found: in order, the latest command of each other lane. */
static uint64_t waited(const struct world *w, const struct earlier_list *found, int lane)
{
    uint64_t set = 0;
    int latest[LANES] = {-1, -1, -1, -1};

    for (int i = 0; i < found->n; i++) {
        const struct earlier *e = &found->item[i];
        if (!w->h.in_order)
            set |= up_to(w, w->final[e->number]);
        else if (e->lane != lane)
            latest[e->lane] = MAX(latest[e->lane], (int)e->number);
    }
    for (int k = 0; k < LANES; k++)
        if (latest[k] >= 0)
            set |= up_to(w, w->final[latest[k]]);
    return set;
}

/* What a lane's part of a run is said to touch: what its nodes do, or (whole) for each buffer one
 * range that spans them. `first` is the first node that has to wait on its account. */
struct part_touch {
    struct touch touch;
    int lane, first;
};

static int part_touches(const struct world *w, int first, bool whole, struct part_touch *out)
{
    int n = 0;

    for (int i = first; i < w->n; i++) {
        for (int t = 0; t < w->node[i].n; t++) {
            const struct touch *u = &w->node[i].touch[t];
            int k = whole ? 0 : n;
            while (k < n && (out[k].lane != w->node[i].lane || out[k].touch.id != u->id))
                k++;
            if (k == n) {
                out[n++] = (struct part_touch){*u, w->node[i].lane, i};
            } else {
                struct touch *v = &out[k].touch;
                size_t end = MAX(v->offset + v->bytes, u->offset + u->bytes);
                v->offset = MIN(v->offset, u->offset);
                v->bytes = end - v->offset;
                v->access |= u->access;
            }
        }
    }
    return n;
}

/* A run of m nodes given at once; a single command is a run of one. */
static void add_run(struct world *w, int m, bool whole, uint64_t seed, uint64_t *n)
{
    struct order o;
    struct earlier_list found = {0};
    struct part_touch touch[NODES * TOUCHES];
    int first = w->n, part[LANES] = {-1, -1, -1, -1}, base = w->n_commands, n_touch;

    fine(order_init(&o, w->lanes, w->h.in_order));
    for (int i = 0; i < m; i++, w->n++) {
        struct node *c = &w->node[w->n];
        random_node(c, seed, n);
        fine(order_add(&o, c->touch, c->n, m > 1 ? -1 : (int)(rng(seed, n) % w->lanes)));
        c->lane = o.item[i].lane;
    }
    n_touch = part_touches(w, first, whole, touch);
    for (int i = first; i < w->n; i++) {
        struct node *c = &w->node[i];
        const struct order_item *it = &o.item[i - first];
        if (w->h.in_order && w->last[c->lane] >= 0)
            c->before |= up_to(w, w->last[c->lane]);
        for (int d = 0; d < it->n_wait; d++)
            c->before |= up_to(w, first + o.wait[it->first_wait + d]);
        for (int t = 0; t < n_touch; t++) { /* out of order, all nodes wait for all */
            if (w->h.in_order && touch[t].first != i)
                continue;
            found.n = 0;
            fine(hazards_find(&w->h, &touch[t].touch, &found));
            c->before |= waited(w, &found, c->lane);
        }
        w->last[c->lane] = i;
    }
    for (int k = 0; k < w->lanes; k++) {
        if (w->last[k] < first)
            continue;
        part[k] = w->n_commands;
        w->final[w->n_commands++] = w->last[k];
    }
    if (!w->h.in_order) /* a marker after all: as if the last had waited for the others */
        for (int i = first; i < w->n - 1; i++)
            w->node[w->n - 1].before |= up_to(w, i);
    for (int t = 0; t < n_touch; t++)
        fine(hazards_note(&w->h, &touch[t].touch, (uint64_t)part[touch[t].lane], touch[t].lane,
                          (uint64_t)base));
    free(found.item);
    order_finish(&o);
}

static int check_world(uint64_t seed, int lanes)
{
    struct world w = {
        .lanes = lanes ? lanes : 1, .h.in_order = lanes > 0, .last = {-1, -1, -1, -1}};
    uint64_t n = 0;
    int ordered = 0;

    while (w.n < NODES) {
        int first = w.n, m = rng(seed, &n) % 2 ? 1 : 1 + (int)(rng(seed, &n) % 8);
        add_run(&w, MIN(m, NODES - w.n), rng(seed, &n) % 2, seed, &n);
        for (int i = first; i < w.n; i++) {
            for (int d = 0; d < i; d++) {
                if ((w.done >> d & 1) || !conflict(&w.node[d], &w.node[i]))
                    continue;
                ordered++;
                must(w.node[i].before >> d & 1, "seed %llu: %d does not wait for %d",
                     (unsigned long long)seed, i, d);
            }
        }
        if (rng(seed, &n) % 4 == 0) { /* something completes, and so all before it */
            w.done |= up_to(&w, (int)(rng(seed, &n) % (uint64_t)w.n));
            hazards_sweep(&w.h, command_done, &w);
        }
        if (rng(seed, &n) % 8 == 0) { /* a buffer goes when those that use it are complete */
            const void *id = &memory[rng(seed, &n) % 3];
            struct earlier_list users = {0};
            fine(hazards_users(&w.h, id, &users));
            for (int i = 0; i < users.n; i++)
                w.done |= up_to(&w, w.final[users.item[i].number]);
            for (int i = 0; i < w.n; i++)
                for (int t = 0; t < w.node[i].n; t++)
                    if (w.node[i].touch[t].id == id)
                        must(w.done >> i & 1, "seed %llu: %d still uses what is gone",
                             (unsigned long long)seed, i);
            hazards_forget(&w.h, id);
            free(users.item);
        }
    }
    hazards_clear(&w.h);
    return ordered;
}

START_TEST(tracker_random)
{
    int ordered = 0;

    for (uint64_t seed = 0; seed < 400; seed++)
        for (int lanes = 0; lanes <= LANES; lanes++)
            ordered += check_world(seed * 5 + (uint64_t)lanes, lanes);
    ck_assert_int_gt(ordered, 100000);
}
END_TEST

/* ---- Lanes ---- */

static const struct touch *touches(char kind, int at)
{
    static struct touch t;
    t = (struct touch){&memory[0], (size_t)at, 1, kind == 'w' ? ACCESS_WRITE : ACCESS_READ};
    return &t;
}

START_TEST(chain_keeps_its_lane)
{
    struct order o;

    assert_ok(order_init(&o, 3, true));
    for (int i = 0; i < 10; i++) {
        struct touch t[2] = {*touches('r', i), *touches('w', i + 1)};
        assert_ok(order_add(&o, t, 2, -1));
        ck_assert_int_eq(o.item[i].lane, 0);
        ck_assert_int_eq(o.item[i].n_wait, 0);
    }
    order_finish(&o);
}
END_TEST

START_TEST(independent_ones_spread)
{
    struct order o;
    int count[3] = {0};

    assert_ok(order_init(&o, 3, true));
    for (int i = 0; i < 9; i++) {
        assert_ok(order_add(&o, touches('w', i), 1, -1));
        count[o.item[i].lane]++;
        ck_assert_int_eq(o.item[i].n_wait, 0);
    }
    for (int k = 0; k < 3; k++)
        ck_assert_int_eq(count[k], 3);
    order_finish(&o);
}
END_TEST

START_TEST(fork_and_join)
{
    struct order o;
    struct touch b[2], c[2], d[2];

    b[0] = c[0] = *touches('r', 0);
    b[1] = *touches('w', 1);
    c[1] = *touches('w', 2);
    d[0] = *touches('r', 1);
    d[1] = *touches('r', 2);
    assert_ok(order_init(&o, 2, true));
    assert_ok(order_add(&o, touches('w', 0), 1, -1));
    assert_ok(order_add(&o, b, 2, -1));
    assert_ok(order_add(&o, c, 2, -1));
    assert_ok(order_add(&o, d, 2, -1));
    ck_assert_int_eq(o.item[1].lane, 0);
    ck_assert_int_eq(o.item[1].n_wait, 0);
    ck_assert_int_eq(o.item[2].lane, 1);
    ck_assert_int_eq(o.item[2].n_wait, 1);
    ck_assert_int_eq(o.item[3].n_wait, 1); /* one of the two is of its own lane */
    order_finish(&o);
}
END_TEST

/* What a thousand equal runs leave behind does not grow. */
START_TEST(memory_is_bounded)
{
    struct hazards h = {.in_order = true};

    for (uint64_t run = 0; run < 1000; run++)
        for (int at = 0; at < 4; at++) {
            int lane = at % 2;
            assert_ok(hazards_note(&h, touches('r', at), 2 * run + lane, lane, 2 * run));
            if (at == 3)
                assert_ok(hazards_note(&h, touches('w', at), 2 * run + lane, lane, 2 * run));
        }
    ck_assert_int_eq(h.n, 1);
    ck_assert_int_le(h.mem[0].n, 8);
    hazards_clear(&h);
}
END_TEST

START_TEST(range_at_the_end_of_all)
{
    struct hazards h = {.in_order = true};
    struct earlier_list found = {0};
    struct touch a = {&memory[0], SIZE_MAX - 4, 100, ACCESS_WRITE};
    struct touch none = {&memory[0], SIZE_MAX - 2, 0, ACCESS_WRITE};

    assert_ok(hazards_note(&h, &a, 0, 0, 0));
    assert_ok(hazards_note(&h, &none, 1, 0, 1));
    assert_ok(hazards_find(&h, &a, &found));
    ck_assert_int_eq(found.n, 1);
    ck_assert_uint_eq(found.item[0].number, 0);
    free(found.item);
    hazards_clear(&h);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hazard");
    TCase *t = tcase_create("hazard");

    tcase_set_timeout(t, 120);
    tcase_add_test(t, order_random);
    tcase_add_test(t, tracker_random);
    tcase_add_test(t, chain_keeps_its_lane);
    tcase_add_test(t, independent_ones_spread);
    tcase_add_test(t, fork_and_join);
    tcase_add_test(t, memory_is_bounded);
    tcase_add_test(t, range_at_the_end_of_all);
    suite_add_tcase(s, t);
    return run_suite(s);
}
