/* Search guided by a model of what is known so far: an ensemble of regression trees with random
 * thresholds (extremely randomised trees; Geurts, Ernst, Wehenkel 2006) of the costs' logarithms.
 * The trees' disagreement says how little is known; the point that promises most, by the mean less
 * a part of that, is tried next. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tune/searching.h"

#define TREES 30
#define POOL 3000 /* points compared at a time; a smaller space is listed once */
#define KNOWN 400 /* results that the trees are grown from: the best and the latest */
#define FEATURES (SPACE_PARAMS * (SPACE_PARAMS + 1) / 2)
#define NODES (2 * KNOWN)
#define CURIOSITY 0.7 /* of the trees' deviation */
#define FIRST 5       /* results before there is a model */

struct tree_node {
    int feature; /* -1: a leaf */
    float at, value;
    int low, high;
};

struct sample {
    int point[SPACE_PARAMS];
    float x[FEATURES], y;
};

struct model {
    struct hunt *h;
    int features;
    struct sample *known;
    int n_known;
    struct tree_node (*tree)[NODES];
    int n_nodes;
    int (*pool)[SPACE_PARAMS];
    int n_pool;
    bool listed;  /* the pool is the whole space */
    double worst; /* of what is good, for what is not */
};

/* Logarithms of the values, and sums of two: tiles are products. */
static void features_of(const struct model *m, const int *point, float *x)
{
    const struct space *s = m->h->s->space;
    float value[SPACE_PARAMS];
    int n = 0;
    for (int i = 0; i < s->n; i++) {
        int v = s->param[i].values[point[i]];
        value[i] = v > 0 ? log2f((float)v) : (float)point[i];
        x[n++] = value[i];
    }
    for (int i = 0; i < s->n; i++)
        for (int j = 0; j < i; j++)
            x[n++] = value[i] + value[j];
}

/* ---- Trees ---- */

static int leaf(struct tree_node *t, int n, const struct sample *const *s, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += s[i]->y;
    t[n] = (struct tree_node){.feature = -1, .value = (float)(sum / count)};
    return n + 1;
}

/* How much of the squared deviation is gone when the samples are parted there. */
static double gain(const struct sample *const *s, int count, int f, float at)
{
    double sum[2] = {0};
    int n[2] = {0};
    for (int i = 0; i < count; i++) {
        int side = s[i]->x[f] > at;
        sum[side] += s[i]->y;
        n[side]++;
    }
    if (!n[0] || !n[1])
        return -1;
    return sum[0] * sum[0] / n[0] + sum[1] * sum[1] / n[1];
}

static int grow_node(struct model *m, struct tree_node *t, int at, const struct sample **s,
                     int count)
{
    double best = -1;
    int feature = -1;
    float cut = 0;
    if (count < 2)
        return leaf(t, at, s, count);
    for (int f = 0; f < m->features; f++) {
        if (hunt_draw(m->h, 2)) /* trees that look at the same features are too much of one mind */
            continue;
        float low = s[0]->x[f], high = low;
        for (int i = 1; i < count; i++) {
            low = MIN(low, s[i]->x[f]);
            high = MAX(high, s[i]->x[f]);
        }
        if (low == high)
            continue;
        float c = low + (high - low) * (float)hunt_uniform(m->h);
        double g = gain(s, count, f, c);
        if (g > best) {
            best = g;
            feature = f;
            cut = c;
        }
    }
    if (feature < 0)
        return leaf(t, at, s, count);
    int split = 0;
    for (int i = 0; i < count; i++) {
        if (s[i]->x[feature] > cut)
            continue;
        const struct sample *x = s[i];
        s[i] = s[split];
        s[split++] = x;
    }
    t[at] = (struct tree_node){.feature = feature, .at = cut, .low = at + 1};
    int next = grow_node(m, t, at + 1, s, split);
    t[at].high = next;
    return grow_node(m, t, next, s + split, count - split);
}

static void grow_trees(struct model *m)
{
    const struct sample *s[KNOWN];
    for (int k = 0; k < TREES; k++) {
        for (int i = 0; i < m->n_known; i++)
            s[i] = &m->known[i];
        grow_node(m, m->tree[k], 0, s, m->n_known);
    }
}

static double promise(const struct model *m, const float *x)
{
    double sum = 0, squares = 0;
    for (int k = 0; k < TREES; k++) {
        const struct tree_node *t = m->tree[k];
        int n = 0;
        while (t[n].feature >= 0)
            n = x[t[n].feature] > t[n].at ? t[n].high : t[n].low;
        sum += t[n].value;
        squares += (double)t[n].value * t[n].value;
    }
    double mean = sum / TREES, variance = squares / TREES - mean * mean;
    return mean - CURIOSITY * sqrt(MAX(variance, 0));
}

/* ---- Points to choose from ---- */

static void add_to_pool(struct model *m, const int *point)
{
    if (m->n_pool < POOL && !hunt_seen(m->h, point, NULL))
        memcpy(m->pool[m->n_pool++], point, sizeof(m->pool[0]));
}

static void add_neighbours(struct model *m, const int *centre)
{
    const struct space *s = m->h->s->space;
    int p[SPACE_PARAMS];
    memcpy(p, centre, sizeof(p));
    for (int i = 0; i < s->n; i++) {
        for (int d = -2; d <= 2; d++) {
            p[i] = centre[i] + d;
            if (d && p[i] >= 0 && p[i] < s->param[i].n && space_valid(s, p))
                add_to_pool(m, p);
        }
        p[i] = centre[i];
    }
}

/* The whole space while it is small, else points at random and around the best. */
static void make_pool(struct model *m)
{
    const struct space *s = m->h->s->space;
    int p[SPACE_PARAMS];
    m->n_pool = 0;
    if (m->listed) {
        memset(p, 0, sizeof(p));
        for (uint64_t r = 0; r < (uint64_t)space_size(s); r++) {
            space_unrank(s, r, p);
            if (space_valid(s, p))
                add_to_pool(m, p);
        }
        return;
    }
    if (isfinite(m->h->s->best_cost))
        add_neighbours(m, m->h->s->best);
    for (int i = 0; i < 5 && m->n_known; i++)
        add_neighbours(m, m->known[hunt_draw(m->h, (uint64_t)m->n_known)].point);
    while (m->n_pool < POOL / 4 && hunt_random(m->h, p) && m->h->stale < 1000)
        add_to_pool(m, p);
}

static int most_promising(struct model *m)
{
    int best = -1;
    double least = INFINITY;
    float x[FEATURES];
    for (int i = 0; i < m->n_pool; i++) {
        if (hunt_seen(m->h, m->pool[i], NULL))
            continue;
        features_of(m, m->pool[i], x);
        double p = promise(m, x);
        if (p < least) {
            least = p;
            best = i;
        }
    }
    return best;
}

/* ---- The search ---- */

/* What is no good counts as twice the worst of what is. */
static void learn(struct model *m, const int *point, double cost)
{
    struct sample *s = &m->known[m->n_known == KNOWN ? (int)hunt_draw(m->h, KNOWN) : m->n_known++];
    if (isfinite(cost))
        m->worst = MAX(m->worst, cost);
    memcpy(s->point, point, sizeof(s->point));
    features_of(m, point, s->x);
    s->y = logf((float)(isfinite(cost) ? cost : m->worst > 0 ? 2 * m->worst : 1e3));
}

static void first_points(struct model *m)
{
    struct hunt *h = m->h;
    int p[SPACE_PARAMS] = {0};
    if (h->s->start) {
        memcpy(p, h->s->start, (size_t)h->s->space->n * sizeof(*p));
        double c = hunt_try(h, p);
        learn(m, p, c);
    }
    for (int i = 0; i < 4 * FIRST && m->n_known < FIRST && !h->done && hunt_random(h, p); i++) {
        if (hunt_seen(h, p, NULL))
            continue;
        double c = hunt_try(h, p);
        if (!h->done)
            learn(m, p, c);
    }
}

static void hunt_by_model(struct model *m)
{
    struct hunt *h = m->h;
    first_points(m);
    if (m->listed)
        make_pool(m);
    while (!h->done && m->n_known) {
        if (!m->listed)
            make_pool(m);
        grow_trees(m);
        int i = most_promising(m);
        if (i < 0)
            return;
        double c = hunt_try(h, m->pool[i]);
        if (!h->done)
            learn(m, m->pool[i], c);
    }
}

void strategy_model(struct hunt *h)
{
    struct model m = {.h = h, .features = h->s->space->n * (h->s->space->n + 1) / 2};
    double size = space_size(h->s->space);
    int valid = 0, p[SPACE_PARAMS] = {0};
    for (uint64_t r = 0; size <= SPACE_POINTS && r < (uint64_t)size && valid <= POOL; r++) {
        space_unrank(h->s->space, r, p);
        valid += space_valid(h->s->space, p);
    }
    m.listed = size <= SPACE_POINTS && valid <= POOL;
    m.known = calloc(KNOWN, sizeof(*m.known));
    m.tree = calloc(TREES, sizeof(*m.tree));
    m.pool = calloc(POOL, sizeof(*m.pool));
    if (m.known && m.tree && m.pool)
        hunt_by_model(&m);
    else
        h->err = fail_memory();
    free(m.known);
    free(m.tree);
    free(m.pool);
}
