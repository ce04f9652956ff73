/* A trial: a problem with its data; and the settings of tunables to try. */
#include <stdlib.h>
#include <string.h>

#include "checkcl_trial.h"

/* ---- Trials ---- */

static void add_result(struct trial *t, bool updated, int index, const struct desc *d)
{
    size_t bytes = (size_t)shape_count(&d->shape) * sizeof(double);
    t->result[t->n_results++] = (struct result){
        .updated = updated,
        .index = index,
        .desc = *d,
        .want = arena_alloc(&t->arena, bytes),
        .mag = arena_alloc(&t->arena, bytes),
        .bound = arena_alloc(&t->arena, bytes),
        .terms = !updated && t->oracle->terms ? t->oracle->terms(t->p, index) : 1,
    };
}

bool trial_init(struct trial *t, const struct problem *p, const struct oracle *oracle,
                const char *text, uint64_t seed, enum fill_mode mode, struct text *why)
{
    double *want[MAX_RESULTS], *mag[MAX_RESULTS];
    *t = (struct trial){.p = p, .oracle = oracle, .text = text, .mode = mode};
    /* A problem has the same data wherever it stands. */
    t->seed = hash64(text, strlen(text), seed);
    for (int i = 0; i < p->n_in; i++)
        if (p->in[i].shape.rank >= 0)
            t->in[i] =
                arena_alloc(&t->arena, (size_t)shape_count(&p->in[i].shape) * sizeof(double));
    fill_inputs(t);
    for (int k = 0; k < p->n_out; k++)
        add_result(t, false, k, &p->out[k]);
    for (int i = 0; i < p->n_in; i++)
        if ((p->op->updates >> i & 1) && p->in[i].shape.rank >= 0)
            add_result(t, true, i, &p->in[i]);
    for (int k = 0; k < t->n_results; k++) {
        want[k] = t->result[k].want;
        mag[k] = t->result[k].mag;
    }
    oracle->run(p, (const double *const *)t->in, want, mag);
    return set_bounds(t, why);
}

void trial_free(struct trial *t)
{
    arena_free(&t->arena);
}

/* ---- Settings of tunables ---- */

int settings(const struct problem *p, const struct caps *caps, const struct variant *v, int limit,
             uint64_t seed, int tv[MAX_SETTINGS][MAX_TUNABLES])
{
    struct text force = {0};
    const struct variant *chosen = NULL;
    int n = 1;
    text_add(&force, "%s/%s", p->op->name, v->name);
    int err = problem_select(p, caps, force.s, &chosen, tv[0]);
    text_free(&force);
    if (err || chosen != v)
        return 0;
    for (int i = 0; v->tunables && v->tunables[i].name; i++) {
        for (const int *value = v->tunables[i].values; *value && n < MAX_SETTINGS; value++) {
            if (*value == tv[0][i])
                continue;
            memcpy(tv[n], tv[0], sizeof(tv[0]));
            tv[n][i] = *value;
            n += !v->valid || v->valid(p, caps, tv[n]);
        }
    }
    for (; n > MAX(limit, 1); n--)
        memcpy(tv[1 + random_at(seed, 5, (uint64_t)n) % (uint64_t)(n - 1)], tv[n - 1],
               sizeof(tv[0]));
    return n;
}

bool change_setting(const struct problem *p, const struct caps *caps, const struct variant *v,
                    const char *list, int *tv)
{
    for (int i = 0; v->tunables && v->tunables[i].name; i++) {
        const size_t n = strlen(v->tunables[i].name);
        for (const char *s = list; s; s = strchr(s, ',') ? strchr(s, ',') + 1 : NULL)
            if (strncmp(s, v->tunables[i].name, n) == 0 && s[n] == '=')
                tv[i] = atoi(s + n + 1);
    }
    return !v->valid || v->valid(p, caps, tv);
}

void print_setting(const struct variant *v, const int *tv, struct text *out)
{
    for (int i = 0; v->tunables && v->tunables[i].name; i++)
        text_add(out, "%s%s=%d", i ? " " : "", v->tunables[i].name, tv[i]);
}

double work_items(const struct problem *p, const struct caps *caps, const struct variant *v,
                  const int *tv)
{
    struct launches l;
    double sum = 0;
    if (problem_plan(p, caps, v, tv, &l) != 0)
        return 0;
    for (int j = 0; j < l.n; j++) {
        double n = 1;
        for (int d = 0; d < l.item[j].dims; d++)
            n *= (double)l.item[j].global[d];
        sum += n;
    }
    launches_free(&l);
    return sum;
}
