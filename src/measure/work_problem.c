/* A problem, and smaller relatives of it that do not divide tiles. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "measure/work.h"
#include "tune/setting.h"
#include "tune/space.h"

#define TRIES 8000     /* a few microseconds each */
#define RELATIVES 150  /* of which those are taken on which candidates can be judged */
#define SMALL_MACS 2e6 /* the slowest references take 150 ns for one */
#define SMALL_ELEMENTS 4e5

/* Candidates drawn from the spaces of all variants; each should find some relatives to which it
 * applies. */
#define PROBES 48
#define ENOUGH 3
struct probe {
    const struct variant *v;
    int tv[MAX_TUNABLES];
};

struct problems {
    const struct caps *caps;
    struct problem p[WORK_MAX_CASES];
};

_Static_assert(SPACE_PARAMS >= MAX_TUNABLES, "points of variants' spaces");

void work_destroy(struct work **wp)
{
    struct work *w = *wp;
    if (!w)
        return;
    if (w->destroy)
        w->destroy(w->user);
    arena_free(&w->arena);
    free(w);
    *wp = NULL;
}

static int plan(void *user, int c, const struct candidate *k, struct launches *out)
{
    const struct problems *s = user;
    const struct problem *p = &s->p[c];
    const struct variant *v = op_variant(p->op, k ? k->variant : "ref");
    int tv[MAX_TUNABLES], err = 0;
    if (!v)
        return fail(OCELLI_ERR_INVALID, "%s has no variant \"%s\"", p->op->name, k->variant);
    if (!k)
        TRY(problem_select(p, s->caps, "ref", &v, tv));
    else if (!setting_parse(k->setting, v, tv))
        return fail(OCELLI_ERR_INVALID, "%s/%s: \"%s\" is no setting of it", p->op->name, v->name,
                    k->setting);
    if (k && (!variant_applies(v, p, s->caps) || (v->valid && !v->valid(p, s->caps, tv))))
        return fail(OCELLI_ERR_UNSUPPORTED, "%s/%s: not for this problem", p->op->name, v->name);
    TRY(problem_plan(p, s->caps, v, tv, out));
out:
    return err;
}

static int noise(void *user, const struct candidate *k)
{
    const struct problems *s = user;
    const struct variant *v = op_variant(s->p[0].op, k->variant);
    return v ? v->noise : 0;
}

/* ---- Relatives ---- */

/* The same extents everywhere become the same other ones, so that what must agree does. */
static int64_t changed(int64_t extent, uint64_t attempt)
{
    static const int few[] = {1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13, 17, 19, 23, 29};
    if (extent <= 1)
        return extent;
    uint64_t r = random_at(attempt, (uint64_t)extent, 1);
    switch (r % 4) {
    case 0:
        return extent;
    case 1:
        return extent / 2 + 1;
    default:
        return MIN(few[r / 4 % COUNT(few)], extent);
    }
}

static bool has_extent(const struct problem *p, int64_t extent)
{
    for (int i = 0; i < op_inputs(p->op); i++)
        for (int d = 0; d < p->in[i].shape.rank; d++)
            if (p->in[i].shape.dim[d] == extent)
                return true;
    return false;
}

/* Channels of a blocked tensor, v a block: they keep up with what counts blocks, of all of them or
 * (groups) of a few times as many. */
#define GROUPS_MAX 8
static int64_t changed_channels(const struct problem *p, int64_t extent, int64_t v,
                                uint64_t attempt)
{
    for (int64_t groups = 1; extent > v && extent % v == 0 && groups <= GROUPS_MAX; groups++)
        if (has_extent(p, extent / v * groups))
            return MAX(changed(extent / v * groups, attempt) / groups, 1) * v;
    return changed(extent, attempt);
}

static void change_shape(const struct problem *p, const struct ocelli_shape *from, uint64_t attempt,
                         struct ocelli_shape *to)
{
    const struct ocelli_shape *x = &p->in[0].shape;
    const int64_t v = x->rank == 5 ? x->dim[4] : 0;
    for (int d = 0; d < from->rank; d++) {
        if (v > 1 && from->dim[d] == v && d == from->rank - 1)
            continue; /* the blocks themselves stay */
        to->dim[d] =
            v > 1 ? changed_channels(p, from->dim[d], v, attempt) : changed(from->dim[d], attempt);
    }
}

/* Shapes of an epilogue's inputs follow the output's. */
static void fit_epilogue(struct problem *q)
{
    const struct ocelli_shape *y = &q->out[0].shape;
    if (q->epi.bias >= 0)
        q->in[q->epi.bias].shape = OCELLI_SHAPE(y->rank > 1 ? y->dim[1] : 1);
    if (q->epi.residual >= 0)
        q->in[q->epi.residual].shape = *y;
    if (q->epi.grad_y >= 0)
        q->in[q->epi.grad_y].shape = *y;
}

static double size_of(const struct problem *p)
{
    double n = 0;
    for (int i = 0; i < p->n_in + p->n_out; i++) {
        const struct desc *d = i < p->n_in ? &p->in[i] : &p->out[i - p->n_in];
        n += d->shape.rank < 0 ? 0 : (double)shape_count(&d->shape);
    }
    return n;
}

/* Attributes that say how many channels there are, in blocks or not. */
static void change_attributes(const struct problem *p, uint64_t attempt, void *attr)
{
    const struct ocelli_shape *x = &p->in[0].shape;
    const int64_t v = x->rank == 5 ? x->dim[4] : 0;
    memcpy(attr, p->attr, PROBLEM_ATTR_BYTES);
    for (const struct attr *a = p->op->attrs; a && a->name; a++) {
        int *value = (int *)(void *)((char *)attr + a->offset);
        for (int i = 0; a->type == ATTR_INT && strcmp(a->name, "channels") == 0 && i < a->count;
             i++)
            value[i] = (int)(v > 1 ? changed_channels(p, value[i], v, attempt)
                                   : changed(value[i], attempt));
    }
}

/* attr: PROBLEM_ATTR_BYTES for q's. */
static bool relative(const struct problem *p, uint64_t attempt, struct problem *q, void *attr)
{
    bool differs = false;
    *q = *p;
    q->attr = attr;
    change_attributes(p, attempt, attr);
    for (int i = 0; i < op_inputs(p->op); i++) {
        struct ocelli_shape *s = &q->in[i].shape;
        change_shape(p, &p->in[i].shape, attempt, s);
        differs |= !shape_equal(s, &p->in[i].shape);
    }
    if (!differs || (p->op->infer && p->op->infer(q) != 0))
        return false;
    fit_epilogue(q);
    return problem_infer(q) == 0 && problem_cost(q).macs <= SMALL_MACS &&
           size_of(q) <= SMALL_ELEMENTS;
}

static bool same_shapes(const struct problem *a, const struct problem *b)
{
    for (int i = 0; i < a->n_in; i++)
        if (a->in[i].shape.rank >= 0 && !desc_equal(&a->in[i], &b->in[i]))
            return false;
    return true;
}

static int relatives_of(const struct problem *p, struct problem *list, struct arena *arena)
{
    void *attr = NULL;
    int n = 0;
    for (uint64_t t = 1; t <= TRIES && n < RELATIVES; t++) {
        bool is_new = true;
        if (!attr && !(attr = arena_alloc(arena, PROBLEM_ATTR_BYTES)))
            break;
        if (!relative(p, t, &list[n], attr))
            continue;
        for (int i = 0; i < n && is_new; i++)
            is_new = !same_shapes(&list[i], &list[n]);
        n += is_new;
        attr = is_new ? NULL : attr;
    }
    return n;
}

/* ---- Which of them ---- */

static int add_probes(const struct problem *p, const struct caps *caps, const struct variant *v,
                      struct probe *list, int n, int most)
{
    struct space_hold hold = {p, caps, v};
    struct space space;
    int point[SPACE_PARAMS];
    space_of_variant(&space, &hold);
    for (uint64_t t = 0; t < 400 && n < most; t++) {
        for (int i = 0; i < space.n; i++)
            point[i] = (int)(random_at(17, t, (uint64_t)i) % (uint64_t)space.param[i].n);
        list[n] = (struct probe){.v = v};
        space_values(&space, point, list[n].tv);
        n += space_valid(&space, point);
        if (space.n == 0)
            break;
    }
    return n;
}

static int probes_of(const struct problem *p, const struct caps *caps, struct probe *list)
{
    int n = 0, variants = 0, seen = 0;
    for (const struct variant *v = p->op->variants; v->name; v++)
        variants += !v->applicable || v->applicable(p, caps);
    for (const struct variant *v = p->op->variants; v->name; v++)
        if (!v->applicable || v->applicable(p, caps))
            n = add_probes(p, caps, v, list, n, PROBES * ++seen / variants);
    return n;
}

static bool applies(const struct probe *k, const struct problem *p, const struct caps *caps)
{
    return (!k->v->applicable || k->v->applicable(p, caps)) &&
           (!k->v->valid || k->v->valid(p, caps, k->tv));
}

/* One after another, that which serves most probes that have not enough yet. */
static int choose(const struct problem *list, int n, const struct probe *probe, int n_probes,
                  const struct caps *caps, int *chosen)
{
    bool taken[RELATIVES] = {false};
    int served[PROBES] = {0}, count = 0;
    for (; count < MIN(n, WORK_MAX_CASES - 1); count++) {
        int best = -1, most = -1;
        for (int i = 0; i < n; i++) {
            int serves = 0;
            for (int k = 0; k < n_probes; k++)
                serves += served[k] < ENOUGH && applies(&probe[k], &list[i], caps);
            if (!taken[i] && serves > most) {
                most = serves;
                best = i;
            }
        }
        chosen[count] = best;
        taken[best] = true;
        for (int k = 0; k < n_probes; k++)
            served[k] += applies(&probe[k], &list[best], caps);
    }
    return count;
}

/* ---- The work ---- */

static void describe(struct work *w, int c, const struct problem *p)
{
    struct work_case *k = &w->cases[c];
    const struct cost cost = problem_cost(p);
    struct text t = {0};
    double results = 0;
    *k = (struct work_case){.n_in = p->n_in, .n_out = p->n_out, .updates = p->op->updates};
    memcpy(k->desc, p->in, (size_t)p->n_in * sizeof(*k->desc));
    memcpy(k->desc + p->n_in, p->out, (size_t)p->n_out * sizeof(*k->desc));
    for (int i = 0; i < p->n_out; i++)
        results += (double)shape_count(&p->out[i].shape);
    k->terms = MAX((cost.macs > 0 ? cost.macs : cost.flops) / MAX(results, 1), 1);
    problem_print(p, &t);
    k->text = arena_str(&w->arena, t.s ? t.s : "");
    text_free(&t);
}

static int add_relatives(struct work *w, struct problems *s, const struct problem *p)
{
    struct problem *list = arena_alloc(&w->arena, RELATIVES * sizeof(*list));
    struct probe probe[PROBES];
    int chosen[WORK_MAX_CASES];
    if (!list)
        return fail_memory();
    int n = relatives_of(p, list, &w->arena);
    n = choose(list, n, probe, probes_of(p, s->caps, probe), s->caps, chosen);
    for (int i = 0; i < n; i++) {
        s->p[w->n_cases] = list[chosen[i]];
        describe(w, w->n_cases++, &list[chosen[i]]);
    }
    return 0;
}

int work_problem(struct work **out, const char *problem, const struct caps *caps)
{
    struct work *w = calloc(1, sizeof(*w));
    struct problem p;
    int err = 0;
    *out = NULL;
    if (!w)
        return fail_memory();
    struct problems *s = arena_alloc(&w->arena, sizeof(*s));
    void *attr = arena_alloc(&w->arena, PROBLEM_ATTR_BYTES);
    if (!s || !attr)
        TRY(fail_memory());
    TRY(problem_parse(problem, &p, attr));
    if (p.op->flags & OP_ALIAS)
        TRY(fail(OCELLI_ERR_INVALID, "%s computes nothing", p.op->name));
    s->caps = caps;
    TRY(add_relatives(w, s, &p));
    s->p[w->n_cases] = p;
    describe(w, w->n_cases++, &p);
    w->plan = plan;
    w->noise = noise;
    w->user = s;
    *out = w;
    w = NULL;
out:
    work_destroy(&w);
    return err;
}
