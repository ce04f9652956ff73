#include "tune/strategy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tune/searching.h"

#define SAMPLES 20000 /* points drawn before a space counts as empty */
#define STALE 20000   /* known points in a row after which there is nothing new to be found */

/* ---- Points that were tried ---- */

static size_t slot_of(const struct hunt *h, uint64_t rank)
{
    size_t i = random_at(1, 2, rank) & (h->cap_seen - 1);
    while (h->seen[i] && h->seen[i] != rank + 1)
        i = (i + 1) & (h->cap_seen - 1);
    return i;
}

static bool remember(struct hunt *h, uint64_t rank, double cost)
{
    if (2 * (h->n_seen + 1) > h->cap_seen) {
        struct hunt old = *h;
        h->cap_seen = MAX(2 * old.cap_seen, 256);
        h->seen = calloc(h->cap_seen, sizeof(*h->seen));
        h->cost = calloc(h->cap_seen, sizeof(*h->cost));
        for (size_t i = 0; h->seen && h->cost && i < old.cap_seen; i++) {
            if (!old.seen[i])
                continue;
            size_t at = slot_of(h, old.seen[i] - 1);
            h->seen[at] = old.seen[i];
            h->cost[at] = old.cost[i];
        }
        free(old.seen);
        free(old.cost);
        if (!h->seen || !h->cost) {
            h->cap_seen = 0;
            h->err = fail_memory();
            return false;
        }
    }
    size_t at = slot_of(h, rank);
    h->seen[at] = rank + 1;
    h->cost[at] = cost;
    h->n_seen++;
    return true;
}

bool hunt_seen(const struct hunt *h, const int *point, double *cost)
{
    if (!h->cap_seen)
        return false;
    size_t at = slot_of(h, space_rank(h->s->space, point));
    if (h->seen[at] && cost)
        *cost = h->cost[at];
    return h->seen[at] != 0;
}

double hunt_try(struct hunt *h, const int *point)
{
    double cost = INFINITY;
    if (h->done)
        return INFINITY;
    if (hunt_seen(h, point, &cost)) {
        h->done = ++h->stale > STALE;
        return cost;
    }
    if (!space_valid(h->s->space, point)) {
        h->done = ++h->stale > STALE;
        return INFINITY;
    }
    h->stale = 0;
    cost = h->s->eval(h->s->user, point);
    if (isnan(cost) || !remember(h, space_rank(h->s->space, point), cost)) {
        h->done = true;
        return INFINITY;
    }
    h->s->evals++;
    if (cost < h->s->best_cost) {
        h->s->best_cost = cost;
        memcpy(h->s->best, point, sizeof(h->s->best));
    }
    return cost;
}

/* ---- Chance ---- */

uint64_t hunt_draw(struct hunt *h, uint64_t below)
{
    return random_at(h->s->seed, 31, h->draws++) % below;
}

double hunt_uniform(struct hunt *h)
{
    return random_uniform(h->s->seed, 31, h->draws++);
}

bool hunt_random(struct hunt *h, int *point)
{
    const struct space *space = h->s->space;
    memset(point, 0, SPACE_PARAMS * sizeof(*point));
    for (int t = 0; t < SAMPLES; t++) {
        for (int i = 0; i < space->n; i++)
            point[i] = (int)hunt_draw(h, (uint64_t)space->param[i].n);
        if (space_valid(space, point))
            return true;
    }
    h->done = true;
    return false;
}

/* The start, then points at random. */
static bool begin(struct hunt *h, int *point)
{
    if (h->s->start && h->s->evals == 0) {
        memset(point, 0, SPACE_PARAMS * sizeof(*point));
        memcpy(point, h->s->start, (size_t)h->s->space->n * sizeof(*point));
        return true;
    }
    return hunt_random(h, point);
}

/* ---- Strategies ---- */

static void exhaustive(struct hunt *h)
{
    double size = space_size(h->s->space);
    int point[SPACE_PARAMS] = {0};
    for (uint64_t r = 0; r < (uint64_t)size && !h->done; r++) {
        space_unrank(h->s->space, r, point);
        h->stale = 0; /* all of them, however few are valid */
        hunt_try(h, point);
    }
}

static void random_search(struct hunt *h)
{
    int point[SPACE_PARAMS];
    while (!h->done && begin(h, point))
        hunt_try(h, point);
}

/* Downhill along one parameter at a time, neighbours first, until no change of one helps; then from
 * elsewhere: the best with a few parameters changed, or a point at random. */
static bool descend(struct hunt *h, int *point, double *cost)
{
    const struct space *space = h->s->space;
    int first = (int)hunt_draw(h, (uint64_t)MAX(space->n, 1));
    for (int k = 0; k < space->n && !h->done; k++) {
        int i = (first + k) % space->n, was = point[i];
        for (int step = 1; step < space->param[i].n && step <= 3; step++) {
            for (int sign = -1; sign <= 1; sign += 2) {
                point[i] = was + sign * step;
                if (point[i] < 0 || point[i] >= space->param[i].n)
                    continue;
                double c = hunt_try(h, point);
                if (c < *cost) {
                    *cost = c;
                    return true;
                }
            }
        }
        point[i] = was;
    }
    return false;
}

static void local(struct hunt *h)
{
    int point[SPACE_PARAMS];
    while (!h->done) {
        if (h->s->evals > 0 && isfinite(h->s->best_cost) && hunt_uniform(h) < 0.7) {
            memcpy(point, h->s->best, sizeof(point));
            for (int k = 0; k < 2; k++) {
                int i = (int)hunt_draw(h, (uint64_t)h->s->space->n);
                point[i] = (int)hunt_draw(h, (uint64_t)h->s->space->param[i].n);
            }
        } else if (!begin(h, point)) {
            return;
        }
        double cost = hunt_try(h, point);
        while (isfinite(cost) && descend(h, point, &cost))
            ;
    }
}

/* Temperatures fall from a tenth of the cost to a thousandth in 100 steps, then again. */
static void annealing(struct hunt *h)
{
    int point[SPACE_PARAMS], next[SPACE_PARAMS];
    double cost = INFINITY;
    while (!h->done) {
        if (!begin(h, point))
            return;
        cost = hunt_try(h, point);
        for (int step = 0; step < 100 && !h->done; step++) {
            double warm = 0.1 * pow(0.01, step / 100.0);
            memcpy(next, point, sizeof(next));
            int i = (int)hunt_draw(h, (uint64_t)h->s->space->n), n = h->s->space->param[i].n;
            int by = 1 + (int)hunt_draw(h, 2);
            next[i] += hunt_draw(h, 2) ? by : -by;
            next[i] = MIN(MAX(next[i], 0), n - 1);
            double c = hunt_try(h, next);
            if (c <= cost || (isfinite(c) && hunt_uniform(h) < exp((1 - c / cost) / warm))) {
                memcpy(point, next, sizeof(point));
                cost = c;
            }
        }
    }
}

/* Differential evolution on places in the lists (Storn, Price 1997): best/1/bin, a population
 * of 12. */
#define POPULATION 12
static void evolution(struct hunt *h)
{
    const struct space *space = h->s->space;
    while (!h->done) {
        int member[POPULATION][SPACE_PARAMS], trial[SPACE_PARAMS];
        double cost[POPULATION];
        int evals = h->s->evals;
        for (int m = 0; m < POPULATION && !h->done; m++) {
            if (!begin(h, member[m]))
                return;
            cost[m] = hunt_try(h, member[m]);
        }
        for (int g = 0; g < 40 && !h->done; g++) {
            for (int m = 0; m < POPULATION && !h->done; m++) {
                const int *a = member[hunt_draw(h, POPULATION)],
                          *b = member[hunt_draw(h, POPULATION)];
                const int *base = g % 2 ? h->s->best : member[hunt_draw(h, POPULATION)];
                memcpy(trial, member[m], sizeof(trial));
                int sure = (int)hunt_draw(h, (uint64_t)space->n);
                for (int i = 0; i < space->n; i++) {
                    if (i != sure && hunt_uniform(h) > 0.7)
                        continue;
                    int v = base[i] + (int)lround(0.7 * (a[i] - b[i]));
                    if (hunt_uniform(h) < 0.1) /* differences die out where values are few */
                        v = (int)hunt_draw(h, (uint64_t)space->param[i].n);
                    trial[i] = MIN(MAX(v, 0), space->param[i].n - 1);
                }
                double c = hunt_try(h, trial);
                if (c <= cost[m]) {
                    memcpy(member[m], trial, sizeof(trial));
                    cost[m] = c;
                }
            }
        }
        h->done |= h->s->evals == evals;
    }
}

/* ---- By name ---- */

static void automatic(struct hunt *h)
{
    if (space_size(h->s->space) <= 24)
        exhaustive(h);
    else
        strategy_model(h);
}

const char *const strategy_names[] = {"auto",      "exhaustive", "random", "local",
                                      "annealing", "evolution",  "model",  NULL};
static void (*const strategies[])(struct hunt *) = {automatic, exhaustive, random_search, local,
                                                    annealing, evolution,  strategy_model};

int search_run(struct search *s, const char *strategy)
{
    struct hunt h = {.s = s};
    s->evals = 0;
    s->best_cost = INFINITY;
    for (int i = 0; strategy_names[i]; i++) {
        if (strcmp(strategy_names[i], strategy ? strategy : "auto") != 0)
            continue;
        strategies[i](&h);
        free(h.seen);
        free(h.cost);
        return h.err;
    }
    return fail(OCELLI_ERR_INVALID, "strategy \"%s\": there is none of that name", strategy);
}
