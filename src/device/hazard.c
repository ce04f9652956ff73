#include "device/hazard.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* ---- The tracker ---- */

/* Where `id` is in the sorted table, or would be. */
static int memory_at(const struct hazards *h, const void *id)
{
    int lo = 0, hi = h->n;

    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;
        if ((uintptr_t)h->mem[mid].id < (uintptr_t)id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static const struct hazard_memory *memory_of(const struct hazards *h, const void *id)
{
    int i = memory_at(h, id);
    return i < h->n && h->mem[i].id == id ? &h->mem[i] : NULL;
}

/* A range that runs over the end of the address space is cut off there. */
static size_t touch_end(const struct touch *t)
{
    size_t end;
    return add_size(t->offset, t->bytes, &end) ? end : SIZE_MAX;
}

static int append(struct earlier_list *out, const struct hazard_record *r)
{
    int err = grow(&out->item, &out->cap, out->n + 1, sizeof(*out->item));

    if (!err)
        out->item[out->n++] = (struct earlier){.number = r->number, .lane = r->lane};
    return err;
}

int hazards_find(const struct hazards *h, const struct touch *t, struct earlier_list *out)
{
    const struct hazard_memory *m = memory_of(h, t->id);
    size_t end = touch_end(t);
    bool write = t->access & ACCESS_WRITE;
    int err = 0;

    for (int i = 0; m && i < m->n && !err; i++) {
        const struct hazard_record *r = &m->rec[i];
        if ((write || r->write) && r->offset < end && t->offset < r->end)
            err = append(out, r);
    }
    return err;
}

/* Whether a new touch makes remembering `r` needless: whoever conflicts with r later also conflicts
 * with the touch, and the touch comes after r. */
static bool hides(const struct hazards *h, bool write, int lane, uint64_t number, uint64_t base,
                  const struct hazard_record *r)
{
    if (r->number == number)
        return write || !r->write;
    if (write)
        return r->number < base;
    return !r->write && h->in_order && r->lane == lane;
}

int hazards_note(struct hazards *h, const struct touch *t, uint64_t number, int lane, uint64_t base)
{
    size_t end = touch_end(t);
    bool write = t->access & ACCESS_WRITE;
    int at = memory_at(h, t->id), kept = 0, err = 0;
    struct hazard_memory *m;

    if (t->offset == end)
        return 0;
    if (at == h->n || h->mem[at].id != t->id) {
        TRY(grow(&h->mem, &h->cap, h->n + 1, sizeof(*h->mem)));
        memmove(h->mem + at + 1, h->mem + at, (size_t)(h->n - at) * sizeof(*h->mem));
        h->mem[at] = (struct hazard_memory){.id = t->id};
        h->n++;
    }
    m = &h->mem[at];
    for (int i = 0; i < m->n; i++) {
        const struct hazard_record *r = &m->rec[i];
        bool covered = t->offset <= r->offset && r->end <= end;
        if (!covered || !hides(h, write, lane, number, base, r))
            m->rec[kept++] = *r;
    }
    m->n = kept;
    TRY(grow(&m->rec, &m->cap, m->n + 1, sizeof(*m->rec)));
    m->rec[m->n++] = (struct hazard_record){
        .offset = t->offset, .end = end, .number = number, .lane = lane, .write = write};
out:
    return err;
}

int hazards_users(const struct hazards *h, const void *id, struct earlier_list *out)
{
    const struct hazard_memory *m = memory_of(h, id);
    int err = 0;

    for (int i = 0; m && i < m->n && !err; i++)
        err = append(out, &m->rec[i]);
    return err;
}

void hazards_forget(struct hazards *h, const void *id)
{
    int i = memory_at(h, id);

    if (i == h->n || h->mem[i].id != id)
        return;
    free(h->mem[i].rec);
    h->n--;
    memmove(h->mem + i, h->mem + i + 1, (size_t)(h->n - i) * sizeof(*h->mem));
}

void hazards_sweep(struct hazards *h, bool (*done)(const void *user, uint64_t number),
                   const void *user)
{
    for (int i = 0; i < h->n; i++) {
        struct hazard_memory *m = &h->mem[i];
        int kept = 0;
        for (int k = 0; k < m->n; k++)
            if (!done(user, m->rec[k].number))
                m->rec[kept++] = m->rec[k];
        m->n = kept;
    }
}

void hazards_clear(struct hazards *h)
{
    for (int i = 0; i < h->n; i++)
        free(h->mem[i].rec);
    free(h->mem);
    *h = (struct hazards){.in_order = h->in_order};
}

/* ---- Order ---- */

int order_init(struct order *o, int lanes, bool in_order)
{
    *o = (struct order){.lanes = in_order ? lanes : 1, .hazards.in_order = in_order};
    o->last = malloc((size_t)o->lanes * sizeof(*o->last));
    o->now = malloc((size_t)o->lanes * sizeof(*o->now));
    if (!o->last || !o->now) {
        order_finish(o);
        return fail_memory();
    }
    for (int k = 0; k < o->lanes; k++)
        o->last[k] = -1;
    return 0;
}

void order_finish(struct order *o)
{
    hazards_clear(&o->hazards);
    free(o->item);
    free(o->wait);
    free(o->clock);
    free(o->last);
    free(o->now);
    free(o->found.item);
    *o = (struct order){0};
}

static int latest_first(const void *a, const void *b)
{
    uint64_t x = ((const struct earlier *)a)->number, y = ((const struct earlier *)b)->number;
    return (x < y) - (x > y);
}

/* List scheduling with every command counted as 1: the lane on which the command can start first.
 */
static int choose_lane(const struct order *o)
{
    int ready = 0, best = -1, best_start = 0;
    int home = o->found.n ? o->found.item[0].lane : 0;

    for (int i = 0; i < o->found.n; i++)
        ready = MAX(ready, o->item[o->found.item[i].number].finish);
    for (int k = 0; k < o->lanes; k++) {
        int lane = (home + k) % o->lanes;
        int start = o->last[lane] < 0 ? 0 : o->item[o->last[lane]].finish;
        start = MAX(start, ready);
        if (best < 0 || start < best_start) {
            best = lane;
            best_start = start;
        }
    }
    return best;
}

static int add_wait(struct order *o, struct order_item *it, int number)
{
    int err = grow(&o->wait, &o->cap_wait, o->n_wait + 1, sizeof(*o->wait));

    if (err)
        return err;
    o->wait[o->n_wait++] = number;
    it->n_wait++;
    it->finish = MAX(it->finish, o->item[number].finish);
    return 0;
}

/* Vector clocks (Fidge 1988, Mattern 1989): a dependency that the lane, or a later dependency, has
 * already waited for is left out. */
static int waits_in_order(struct order *o, struct order_item *it)
{
    int last = o->last[it->lane], err = 0;

    if (last >= 0) {
        memcpy(o->now, o->clock + (size_t)last * o->lanes, (size_t)o->lanes * sizeof(int));
        it->place = o->item[last].place;
        it->finish = o->item[last].finish;
    } else {
        memset(o->now, 0, (size_t)o->lanes * sizeof(int));
    }
    for (int i = 0; i < o->found.n; i++) {
        int d = (int)o->found.item[i].number;
        const int *clock = o->clock + (size_t)d * o->lanes;
        if (o->item[d].place <= o->now[o->item[d].lane])
            continue;
        TRY(add_wait(o, it, d));
        for (int k = 0; k < o->lanes; k++)
            o->now[k] = MAX(o->now[k], clock[k]);
    }
    it->place++;
    o->now[it->lane] = it->place;
    memcpy(o->clock + (size_t)o->n * o->lanes, o->now, (size_t)o->lanes * sizeof(int));
out:
    return err;
}

/* Whether one of the waits chosen so far itself waits for `number`. One step only: it catches what
 * a value's producer and its consumers have in common, and costs no table of ancestors. */
static bool implied(const struct order *o, const struct order_item *it, int number)
{
    for (int i = 0; i < it->n_wait; i++) {
        const struct order_item *w = &o->item[o->wait[it->first_wait + i]];
        for (int k = 0; k < w->n_wait; k++)
            if (o->wait[w->first_wait + k] == number)
                return true;
    }
    return false;
}

static int waits_out_of_order(struct order *o, struct order_item *it)
{
    int err = 0;

    for (int i = 0; i < o->found.n && !err; i++) {
        int d = (int)o->found.item[i].number;
        bool twice = i > 0 && o->found.item[i - 1].number == o->found.item[i].number;
        if (!twice && !implied(o, it, d))
            err = add_wait(o, it, d);
    }
    return err;
}

int order_add(struct order *o, const struct touch *t, int n, int lane)
{
    struct order_item it = {.first_wait = o->n_wait};
    int err = 0;

    o->found.n = 0;
    for (int i = 0; i < n; i++)
        TRY(hazards_find(&o->hazards, &t[i], &o->found));
    if (o->found.n)
        qsort(o->found.item, (size_t)o->found.n, sizeof(*o->found.item), latest_first);
    TRY(grow(&o->item, &o->cap, o->n + 1, sizeof(*o->item)));
    if (o->n >= INT_MAX / o->lanes)
        return fail_memory();
    TRY(grow(&o->clock, &o->cap_clock, (o->n + 1) * o->lanes, sizeof(*o->clock)));

    it.lane = lane >= 0 ? lane : choose_lane(o);
    if (o->hazards.in_order)
        TRY(waits_in_order(o, &it));
    else
        TRY(waits_out_of_order(o, &it));
    it.finish++;
    for (int i = 0; i < n; i++)
        TRY(hazards_note(&o->hazards, &t[i], (uint64_t)o->n, it.lane, (uint64_t)o->n));
    o->last[it.lane] = o->n;
    o->item[o->n++] = it;
out:
    return err;
}
