#include "measure/ahead.h"

#include <stdlib.h>

struct ahead {
    struct runner *runner[AHEAD_COMPILERS];
    int64_t asked[AHEAD_COMPILERS], answered[AHEAD_COMPILERS];
    int n;
    int64_t next; /* ticket: requests go round, so that it tells the runner and its place there */
};

int ahead_create(struct ahead **out, const struct runner_params *p, int compilers)
{
    struct ahead *a = calloc(1, sizeof(*a));
    int err = 0;
    *out = a;
    if (!a)
        return fail_memory();
    for (; a->n < MIN(compilers, AHEAD_COMPILERS) && !err; a->n++)
        err = runner_create(&a->runner[a->n], p);
    return err;
}

void ahead_destroy(struct ahead **ap)
{
    struct ahead *a = *ap;
    if (!a)
        return;
    for (int i = 0; i < a->n; i++)
        runner_destroy(&a->runner[i]);
    free(a);
    *ap = NULL;
}

int ahead_compilers(const struct ahead *a)
{
    return a->n;
}

void ahead_end(struct ahead *a, double end)
{
    for (int i = 0; i < a->n; i++)
        runner_end(a->runner[i], end);
}

static void hear_one(struct ahead *a, int i)
{
    if (runner_hear(a->runner[i]))
        a->answered[i]++;
    else /* it died, and with it what else it was asked for */
        a->answered[i] = a->asked[i];
}

void ahead_use(struct ahead *a, const char *problem, const char *spec)
{
    for (int i = 0; i < a->n; i++) {
        while (a->answered[i] < a->asked[i])
            hear_one(a, i);
        runner_use(a->runner[i], problem, spec);
    }
}

int64_t ahead_ask(struct ahead *a, const struct candidate *k)
{
    const int64_t ticket = a->next++;
    const int i = (int)(ticket % a->n);
    const bool sent = runner_prepare(a->runner[i], k);
    a->asked[i]++;
    if (!sent)
        a->answered[i] = a->asked[i];
    return ticket;
}

void ahead_wait(struct ahead *a, int64_t ticket)
{
    const int i = (int)(ticket % a->n);
    while (a->answered[i] <= ticket / a->n)
        hear_one(a, i);
}
