#include "train/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "device/device.h"
#include "ops/graph.h"

enum role { GRADIENT, WEIGHT, AVERAGE, COUNTER };

/* A tensor that every lane has. */
struct shared {
    enum role role;
    struct ocelli_tensor **lane;
    float **host; /* its content there; content 0 is also the sum of all */
    struct fence *done;
    size_t bytes;
};

static enum role role_of(const struct value *v)
{
    const char *dot = strrchr(v->name, '.');
    if (v->kind == VALUE_WEIGHT)
        return WEIGHT;
    if (dot && strcmp(dot + 1, STATE_GRADIENT) == 0)
        return GRADIENT;
    return strcmp(v->name, STATE_RUNS) == 0 ? COUNTER : AVERAGE;
}

static int add_shared(struct exchange *x, const struct value *v)
{
    struct shared *s = &x->item[x->n++];
    size_t lanes = (size_t)x->lanes;
    s->role = role_of(v);
    s->bytes = desc_bytes(&v->desc);
    s->lane = calloc(lanes, sizeof(*s->lane));
    s->host = calloc(lanes, sizeof(*s->host));
    s->done = calloc(lanes, sizeof(*s->done));
    if (!s->lane || !s->host || !s->done)
        return fail_memory();
    for (int d = 0; d < x->lanes; d++) {
        s->lane[d] = ocelli_weights_tensor(x->weights[d], v->name);
        if (!s->lane[d])
            return fail(OCELLI_ERR_INVALID, "device %d has no %s", d, v->name);
        if (!(s->host[d] = malloc(s->bytes)))
            return fail_memory();
    }
    return 0;
}

int exchange_init(struct exchange *x, const struct ocelli_graph *graph,
                  struct ocelli_weights *const *weights, int lanes)
{
    const struct graph *g = &graph->g;
    int err = 0;
    *x = (struct exchange){.lanes = lanes, .weights = weights};
    x->item = calloc((size_t)g->n_values + 1, sizeof(*x->item));
    if (!x->item)
        return fail_memory();
    for (int v = 0; v < g->n_values && !err; v++)
        if (g->value[v].kind == VALUE_WEIGHT || g->value[v].kind == VALUE_STATE)
            err = add_shared(x, &g->value[v]);
    if (err)
        exchange_finish(x);
    return err;
}

/* What is on its way reads and writes memory that is freed here. */
void exchange_finish(struct exchange *x)
{
    for (int i = 0; i < x->n; i++) {
        struct shared *s = &x->item[i];
        for (int d = 0; d < x->lanes; d++) {
            if (s->done)
                (void)fence_wait(&s->done[d]);
            if (s->host)
                free(s->host[d]);
        }
        free(s->lane);
        free(s->host);
        free(s->done);
    }
    free(x->item);
    *x = (struct exchange){0};
}

static int wait_all(struct exchange *x)
{
    int first = 0;
    for (int i = 0; i < x->n; i++)
        for (int d = 0; d < x->lanes; d++) {
            int err = fence_wait(&x->item[i].done[d]);
            first = first ? first : err;
        }
    return first;
}

/* Content of all tensors of that role, of lanes first..lanes - 1, to the host. */
static int fetch(struct exchange *x, enum role role, int lanes)
{
    int err = 0;
    for (int i = 0; i < x->n; i++) {
        struct shared *s = &x->item[i];
        for (int d = 0; s->role == role && d < lanes; d++)
            TRY(transfer_read(s->lane[d], s->host[d], s->bytes, &s->done[d]));
    }
out:
    return err;
}

/* Host content 0 to the lanes from first..lanes - 1. */
static int send(struct exchange *x, enum role role, int first, int lanes)
{
    int err = 0;
    for (int i = 0; i < x->n; i++) {
        struct shared *s = &x->item[i];
        for (int d = first; s->role == role && d < lanes; d++)
            TRY(transfer_write(s->lane[d], s->host[0], s->bytes, &s->done[d]));
    }
out:
    return err;
}

/* host[0] = scale (host[0] + host[1] + ..), always in that order. */
static void add_up(struct exchange *x, enum role role, float scale)
{
    for (int i = 0; i < x->n; i++) {
        struct shared *s = &x->item[i];
        if (s->role != role)
            continue;
        size_t n = s->bytes / sizeof(float);
        for (int d = 1; d < x->lanes; d++)
            for (size_t k = 0; k < n; k++)
                s->host[0][k] += s->host[d][k];
        for (size_t k = 0; scale != 1 && k < n; k++)
            s->host[0][k] *= scale;
    }
}

int exchange_gather(void *exchange)
{
    struct exchange *x = exchange;
    int err = 0;
    TRY(fetch(x, GRADIENT, x->lanes));
    TRY(wait_all(x));
    add_up(x, GRADIENT, 1);
    TRY(send(x, GRADIENT, 0, 1));
out:
    return err;
}

int exchange_scatter(void *exchange)
{
    struct exchange *x = exchange;
    int err = 0;
    TRY(fetch(x, WEIGHT, 1));
    TRY(fetch(x, AVERAGE, x->lanes));
    TRY(wait_all(x));
    add_up(x, AVERAGE, 1 / (float)x->lanes);
    TRY(send(x, WEIGHT, 1, x->lanes));
    TRY(send(x, AVERAGE, 0, x->lanes));
    TRY(wait_all(x));
out:
    return err;
}

int exchange_copy(struct exchange *x)
{
    int err = 0;
    for (int role = GRADIENT; role <= COUNTER; role++)
        TRY(fetch(x, (enum role)role, 1));
    TRY(wait_all(x));
    for (int role = GRADIENT; role <= COUNTER; role++)
        TRY(send(x, (enum role)role, 1, x->lanes));
    TRY(wait_all(x));
out:
    return err;
}
