/* Where a search begins: what won for the problems nearest to this one, on this device or on others
 * of its kind. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/task.h"

#define MISSING 1.0 /* a word that one problem has and the other has not, or another one */
#define FARTHEST 12.0
#define ELSEWHERE 0.5 /* another device, or driver */

/* Two words of problems, "x=1x4x56x56x16": by the ratios of their numbers; what is no number must
 * agree. */
static double word_distance(const char *a, const char *b)
{
    double d = 0;
    while (*a && *a != ' ' && *b && *b != ' ') {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            char *x, *y;
            d += fabs(log2((1 + strtod(a, &x)) / (1 + strtod(b, &y))));
            a = x;
            b = y;
        } else if (*a++ != *b++) {
            return MISSING;
        }
    }
    const bool both = (!*a || *a == ' ') && (!*b || *b == ' ');
    return both ? d : MISSING;
}

static size_t name_length(const char *word)
{
    return strcspn(word, "= ");
}

/* The word of that name; NULL: there is none. */
static const char *word_named(const char *s, const char *name)
{
    const size_t n = name_length(name);
    for (; *s; s += strcspn(s, " "), s += strspn(s, " "))
        if (name_length(s) == n && strncmp(s, name, n) == 0)
            return s;
    return NULL;
}

double problem_distance(const char *a, const char *b)
{
    double d = 0;
    const bool kernel = strncmp(a, "kernel ", 7) == 0;
    size_t head = strcspn(a, " ");
    head += kernel ? 1 + strcspn(a + head + 1, " ") : 0; /* somebody's own: and its name */
    if (strncmp(a, b, head) != 0 || (b[head] != ' ' && b[head]))
        return INFINITY;
    for (int turn = 0; turn < 2; turn++) {
        const char *from = turn ? b : a, *to = turn ? a : b;
        for (const char *s = from + head + strspn(from + head, " "); *s;
             s += strcspn(s, " "), s += strspn(s, " ")) {
            const char *other = word_named(to + head, s);
            d += !other ? MISSING : turn ? 0 : word_distance(s, other);
        }
    }
    return d;
}

struct looking {
    struct task *t;
    struct task_start *list;
    int n;
};

static void insert(struct looking *l, const struct task_start *s)
{
    int at = l->n;
    for (int i = 0; i < l->n; i++)
        if (l->list[i].contest == s->contest &&
            memcmp(l->list[i].point, s->point, sizeof(s->point)) == 0)
            return; /* the nearer one is there, or near enough */
    while (at > 0 && l->list[at - 1].distance > s->distance)
        at--;
    if (at == TASK_STARTS)
        return;
    l->n = MIN(l->n + 1, TASK_STARTS);
    memmove(l->list + at + 1, l->list + at, (size_t)(l->n - 1 - at) * sizeof(*l->list));
    l->list[at] = *s;
}

static int consider(void *user, const struct tune_winner *w)
{
    struct looking *l = user;
    const struct tuner *u = l->t->tuner;
    const bool here =
        strcmp(w->key.device, u->info->name) == 0 && strcmp(w->key.driver, u->info->driver) == 0;
    struct task_start s = {.distance = problem_distance(l->t->problem, w->key.problem)};
    int tv[MAX(SPACE_PARAMS, MAX_TUNABLES)];
    s.distance += here ? 0 : ELSEWHERE;
    if (s.distance > FARTHEST || (!here && strcmp(w->kind, u->kind) != 0))
        return 0;
    for (s.contest = 0; s.contest < l->t->n_contests; s.contest++) {
        const struct contest *c = &l->t->contest[s.contest];
        if (strcmp(c->name, w->variant) == 0 && c->space.n > 0 &&
            task_values(l->t, c, w->setting, tv) && space_point(&c->space, tv, s.point) &&
            space_valid(&c->space, s.point)) {
            insert(l, &s);
            break;
        }
    }
    return 0;
}

int task_starts(struct task *t, struct task_start *list, int *n)
{
    struct looking l = {.t = t, .list = list};
    int err = db_each_winner(t->tuner->db, NULL, consider, &l);
    *n = l.n;
    return err;
}
