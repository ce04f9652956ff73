/* Several candidates at a time: compiled by processes of their own before they are judged. A
 * strategy wants to hear what a candidate costs before it names the next one. It is told that those
 * in the queue are a little worse than the best ("constant liar": Ginsbourger, Le Riche, Carraro
 * 2010), and starts anew for every filling of the queue: what was tried in truth costs nothing to
 * ask again, and a strategy of the same seed asks the same. */
#include <math.h>
#include <string.h>

#include "measure/ahead.h"
#include "measure/hunter.h"

#define QUEUE (2 * AHEAD_COMPILERS)
#define LIE 1.3 /* times the best */

struct queued {
    int point[SPACE_PARAMS];
    int64_t ticket;
};

struct queue {
    struct hunter *h;
    struct queued item[QUEUE];
    int n, cap;
};

static bool is_queued(const struct queue *q, const int *point)
{
    const size_t bytes = (size_t)q->h->c->space.n * sizeof(*point);
    for (int i = 0; i < q->n; i++)
        if (memcmp(q->item[i].point, point, bytes) == 0)
            return true;
    return false;
}

/* In place of hunter_eval(): what is not known goes into the queue. */
static double guess(void *user, const int *point)
{
    struct queue *q = user;
    struct hunter *h = q->h;
    struct tried k;
    double cost = LIE * h->t->best_ms;
    if (is_queued(q, point))
        return cost;
    if (hunter_knows(h, point, &k, &cost) || h->err) {
        cost = h->err ? NAN : cost;
    } else if (q->n == q->cap) {
        cost = NAN;
    } else {
        struct queued *item = &q->item[q->n++];
        memset(item->point, 0, sizeof(item->point));
        memcpy(item->point, point, (size_t)h->c->space.n * sizeof(*point));
        item->ticket = ahead_ask(h->t->tuner->ahead, &(struct candidate){h->c->name, k.setting.s});
    }
    tried_free(&k);
    return cost;
}

static int fill(struct queue *q, const struct search *s, const char *strategy)
{
    struct search asked = *s;
    asked.eval = guess;
    asked.user = q;
    int err = search_run(&asked, strategy);
    return err ? err : q->h->err;
}

int hunter_search_ahead(struct hunter *h, const struct search *s, const char *strategy)
{
    struct tuner *u = h->t->tuner;
    struct queue q = {.h = h, .cap = MIN(2 * ahead_compilers(u->ahead), QUEUE)};
    int err = 0;
    while (!hunter_is_over(h)) {
        if (u->beside || q.n == 0)
            TRY(fill(&q, s, strategy));
        if (q.n == 0)
            break;
        /* Where the device is the processor, nothing is compiled while something is timed. */
        for (int i = 0; i < (u->beside ? 1 : q.n); i++)
            ahead_wait(u->ahead, q.item[i].ticket);
        const struct queued first = q.item[0];
        memmove(q.item, q.item + 1, (size_t)--q.n * sizeof(*q.item));
        if (isnan(hunter_eval(h, first.point)))
            break;
    }
    err = h->err;
out:
    return err;
}
