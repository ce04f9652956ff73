/* A problem, and smaller relatives of it that do not divide tiles. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "measure/work.h"
#include "tune/setting.h"

#define TRIES 20000 /* a microsecond each */
#define SMALL_MACS 2e7 /* tens of milliseconds for the reference */
#define SMALL_ELEMENTS 6e4

struct problems {
    const struct caps *caps;
    struct problem p[WORK_MAX_CASES];
};

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
    if (k &&
        (!variant_applies(v, p, s->caps) || (v->valid && !v->valid(p, s->caps, tv))))
        return fail(OCELLI_ERR_UNSUPPORTED, "%s/%s: not for this problem", p->op->name, v->name);
    TRY(problem_plan(p, s->caps, v, tv, out));
out:
    return err;
}

/* ---- Relatives ---- */

/* The same extents everywhere become the same other ones, so that what must agree does. */
static int64_t changed(int64_t extent, uint64_t attempt)
{
    static const int few[] = {1, 2, 3, 5, 7, 9, 11, 13, 17, 19, 23, 29};
    if (extent <= 1)
        return extent;
    uint64_t r = random_at(attempt, (uint64_t)extent, 1);
    switch (r % 6) {
    case 0:
    case 1:
    case 2:
        return extent;
    case 3:
        return extent / 2 + 1;
    default:
        return MIN(few[r / 6 % COUNT(few)], extent);
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

static bool relative(const struct problem *p, uint64_t attempt, struct problem *q)
{
    bool differs = false;
    *q = *p;
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

static bool is_new(const struct problems *s, int n, const struct problem *q)
{
    for (int i = 0; i < n; i++)
        if (same_shapes(&s->p[i], q))
            return false;
    return true;
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

int work_problem(struct work **out, const char *problem, const struct caps *caps)
{
    struct work *w = calloc(1, sizeof(*w));
    struct problem p, q;
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
    for (uint64_t t = 1; t <= TRIES && w->n_cases < WORK_MAX_CASES - 1; t++) {
        if (!relative(&p, t, &q) || !is_new(s, w->n_cases, &q))
            continue;
        s->p[w->n_cases] = q;
        describe(w, w->n_cases++, &q);
    }
    s->p[w->n_cases] = p;
    describe(w, w->n_cases++, &p);
    w->plan = plan;
    w->user = s;
    *out = w;
    w = NULL;
out:
    work_destroy(&w);
    return err;
}
