#include "tune/space.h"

static bool variant_valid(void *user, const int *tv)
{
    const struct space_hold *h = user;
    return !h->v->valid || h->v->valid(h->p, h->caps, tv);
}

void space_of_variant(struct space *s, struct space_hold *hold)
{
    const struct tunable *t = hold->v->tunables;
    *s = (struct space){.valid = variant_valid, .user = hold};
    for (; t && t[s->n].name; s->n++) {
        s->param[s->n].name = t[s->n].name;
        s->param[s->n].values = t[s->n].values;
        while (t[s->n].values[s->param[s->n].n])
            s->param[s->n].n++;
    }
}

void space_values(const struct space *s, const int *point, int *tv)
{
    for (int i = 0; i < s->n; i++)
        tv[i] = s->param[i].values[point[i]];
}

bool space_point(const struct space *s, const int *tv, int *point)
{
    for (int i = 0; i < s->n; i++) {
        for (point[i] = 0; s->param[i].values[point[i]] != tv[i];)
            if (++point[i] == s->param[i].n)
                return false;
    }
    return true;
}

bool space_valid(const struct space *s, const int *point)
{
    int tv[MAX(SPACE_PARAMS, MAX_TUNABLES)] = {0};
    space_values(s, point, tv);
    return !s->valid || s->valid(s->user, tv);
}

double space_size(const struct space *s)
{
    double n = 1;
    for (int i = 0; i < s->n; i++)
        n *= s->param[i].n;
    return n;
}

uint64_t space_rank(const struct space *s, const int *point)
{
    uint64_t r = 0;
    for (int i = 0; i < s->n; i++)
        r = r * (uint64_t)s->param[i].n + (uint64_t)point[i];
    return r;
}

void space_unrank(const struct space *s, uint64_t rank, int *point)
{
    for (int i = s->n - 1; i >= 0; i--) {
        point[i] = (int)(rank % (uint64_t)s->param[i].n);
        rank /= (uint64_t)s->param[i].n;
    }
}
