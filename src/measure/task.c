#include "measure/task.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tune/setting.h"

/* ---- What is known ---- */

static uint64_t hash_name(const char *variant, const char *setting)
{
    return hash64(setting, strlen(setting), hash64(variant, strlen(variant), 1));
}

static uint64_t hash_launches(const struct launches *l)
{
    uint64_t h = 2;
    for (int i = 0; i < l->n; i++) {
        const struct launch *k = &l->item[i];
        h = hash64(k->kernel, strlen(k->kernel), h);
        h = k->defines.s ? hash64(k->defines.s, k->defines.len, h) : h;
        h = hash64(k->global, sizeof(k->global), hash64(k->local, sizeof(k->local), h));
        for (int a = 0; a < k->n_args; a++) {
            const struct launch_arg *x = &k->arg[a];
            const int64_t fields[] = {x->kind, x->ref.kind, x->ref.index, x->i, (int64_t)x->bytes};
            h = hash64(fields, sizeof(fields), h);
        }
    }
    return h;
}

int task_known_add(struct task *t, const char *variant, const char *setting, uint64_t launches,
                   double cost)
{
    const uint64_t name = hash_name(variant, setting);
    int err = grow(&t->known, &t->cap_known, t->n_known + 1, sizeof(*t->known));
    if (!err)
        t->known[t->n_known++] = (struct known){name, launches, cost};
    return err;
}

const struct known *task_known(const struct task *t, const char *variant, const char *setting,
                               uint64_t launches)
{
    const uint64_t name = hash_name(variant, setting);
    for (int i = 0; i < t->n_known; i++)
        if (t->known[i].name == name || (launches && t->known[i].launches == launches))
            return &t->known[i];
    return NULL;
}

/* ---- Spaces ---- */

/* "MR=4,8 NV=2": the values of a parameter that are wanted; 0: what it says is nonsense. */
static int restrict_values(struct task *t, struct space *s)
{
    for (int i = 0; t->tuner->p.values && i < s->n; i++) {
        size_t len = strlen(s->param[i].name);
        for (const char *w = t->tuner->p.values; *w;) {
            w += strspn(w, " ");
            size_t word = strcspn(w, " ");
            if (word > len + 1 && strncmp(w, s->param[i].name, len) == 0 && w[len] == '=') {
                int *kept = calloc((size_t)s->param[i].n + 1, sizeof(*kept)), n = 0;
                if (!kept)
                    return fail_memory();
                for (int k = 0; k < s->param[i].n; k++) {
                    const char *x = w + len + 1;
                    for (bool hit = false; x < w + word && !hit; x += strcspn(x, ", ") + 1) {
                        hit = atoi(x) == s->param[i].values[k];
                        if (hit)
                            kept[n++] = s->param[i].values[k];
                    }
                }
                if (n == 0) {
                    free(kept);
                    return fail(OCELLI_ERR_INVALID, "values of %s: none of them is one",
                                s->param[i].name);
                }
                /* Lives as long as the run: lists are constant everywhere else. */
                s->param[i].values = arena_copy(&t->arena, kept, sizeof(*kept) * ((size_t)n + 1));
                s->param[i].n = n;
                free(kept);
                if (!s->param[i].values)
                    return fail_memory();
            }
            w += word;
        }
    }
    return 0;
}

static void set_start(struct contest *c, const int *tv)
{
    if (c->space.n == 0 || !space_point(&c->space, tv, c->start))
        c->start[0] = -1;
}

static int add_variant(struct task *t, const struct variant *v)
{
    struct contest *c = &t->contest[t->n_contests];
    const struct caps *caps = t->tuner->who.caps;
    struct text force = {0};
    const struct variant *got = NULL;
    int tv[MAX_TUNABLES], err = 0;
    text_add(&force, "%s/%s", t->p.op->name, v->name);
    if (problem_select(&t->p, caps, force.s, &got, tv) != 0 || got != v)
        goto out; /* it does not apply */
    *c = (struct contest){.v = v, .name = v->name, .hold = {&t->p, caps, v}};
    space_of_variant(&c->space, &c->hold);
    TRY(restrict_values(t, &c->space));
    set_start(c, tv);
    t->n_contests++;
out:
    text_free(&force);
    return err;
}

static char *text_take(struct text *t)
{
    return t->failed ? NULL : t->s ? t->s : strdup("");
}

static int init_problem(struct task *t, const char *problem)
{
    const struct variant *v = NULL;
    struct text name = {0}, setting = {0};
    struct launches l;
    int tv[MAX_TUNABLES], err = 0;
    t->attr = calloc(1, PROBLEM_ATTR_BYTES);
    if (!t->attr)
        return fail_memory();
    TRY(problem_parse(problem, &t->p, t->attr));
    if (t->p.op->flags & OP_ALIAS)
        TRY(fail(OCELLI_ERR_INVALID, "%s computes nothing", t->p.op->name));
    problem_print(&t->p, &name);
    t->problem = text_take(&name);
    TRY(problem_select(&t->p, t->tuner->who.caps, NULL, &v, tv));
    t->def_variant = strdup(v->name);
    setting_print(v, tv, &setting);
    t->def_setting = text_take(&setting);
    if (!t->problem || !t->def_setting || !t->def_variant)
        TRY(fail_memory());
    for (const struct variant *x = t->p.op->variants; x->name && t->n_contests < TASK_VARIANTS; x++)
        if (strcmp(x->name, "ref") != 0 || v == x)
            TRY(add_variant(t, x));
    TRY(problem_plan(&t->p, t->tuner->who.caps, v, tv, &l));
    launches_free(&l);
out:
    return err;
}

static int init_kernel(struct task *t, struct kernel_spec *k)
{
    struct contest *c = &t->contest[t->n_contests++];
    struct text name = {0}, setting = {0};
    int err = 0;
    t->kernel = k;
    k->caps = t->tuner->who.caps;
    kernel_problem(k, &name);
    t->problem = text_take(&name);
    kernel_setting(k, k->def, &setting);
    t->def_setting = text_take(&setting);
    t->def_variant = strdup(k->name);
    t->spec = kernel_text(k);
    if (!t->problem || !t->def_setting || !t->def_variant || !t->spec)
        TRY(fail_memory());
    *c = (struct contest){.name = k->name, .space = k->space};
    TRY(restrict_values(t, &c->space));
    set_start(c, k->def);
out:
    return err;
}

/* The launches of a setting; the hash of their sources. */
int task_plan(const struct task *t, const struct contest *c, const int *tv, uint64_t *launches,
              char source[33])
{
    struct launches l;
    int err;
    TRY(t->kernel ? kernel_plan(t->kernel, t->kernel->n_cases - 1, tv, &l)
                  : problem_plan(&t->p, t->tuner->who.caps, c->v, tv, &l));
    *launches = hash_launches(&l);
    err = launches_source(&l, source);
    launches_free(&l);
out:
    return err;
}

bool task_values(const struct task *t, const struct contest *c, const char *setting, int *tv)
{
    return t->kernel ? kernel_values(t->kernel, setting, tv) : setting_parse(setting, c->v, tv);
}

void task_setting(const struct task *t, const struct contest *c, const int *tv, struct text *out)
{
    if (t->kernel)
        kernel_setting(t->kernel, tv, out);
    else
        setting_print(c->v, tv, out);
}

/* A row of the database counts while the kernel's source is the same. */
static int recall(void *user, const struct tune_result *r)
{
    struct task *t = user;
    const bool ok = strcmp(r->status, STATUS_OK) == 0 || strcmp(r->status, STATUS_SLOW) == 0;
    const double cost = ok ? r->ms : INFINITY;
    int tv[MAX(SPACE_PARAMS, MAX_TUNABLES)];
    char source[33];
    uint64_t launches;
    for (int i = 0; i < t->n_contests; i++) {
        const struct contest *c = &t->contest[i];
        if (strcmp(c->name, r->variant) != 0 || !task_values(t, c, r->setting, tv) ||
            task_plan(t, c, tv, &launches, source) != 0 || strcmp(source, r->source) != 0)
            continue;
        t->tried++;
        t->remembered++;
        t->rejected += !ok;
        if (strcmp(r->status, STATUS_OK) == 0 && (t->recalled_ms == 0 || r->ms < t->recalled_ms)) {
            t->recalled_ms = r->ms;
            t->recalled.contest = i;
            memcpy(t->recalled.tv, tv, sizeof(tv));
        }
        return task_known_add(t, r->variant, r->setting, launches, cost);
    }
    return 0;
}

int task_init(struct task *t, struct tuner *tuner, const char *problem, struct kernel_spec *kernel)
{
    int err;
    *t = (struct task){.tuner = tuner, .uses = 1};
    TRY(kernel ? init_kernel(t, kernel) : init_problem(t, problem));
    t->runner = tuner->runner;
    t->variant = strdup(t->def_variant);
    t->setting = strdup(t->def_setting);
    if (!t->variant || !t->setting)
        TRY(fail_memory());
    if (!tuner->p.afresh)
        TRY(db_each_result(tuner->db,
                           &(struct tune_key){t->problem, tuner->info->name, tuner->info->driver},
                           recall, t));
out:
    return err;
}

void task_use(struct task *t)
{
    t->tuner->current = t;
    runner_use(t->runner, t->kernel ? NULL : t->problem, t->spec);
}

void task_free(struct task *t)
{
    kernel_free(&t->kernel);
    arena_free(&t->arena);
    free(t->problem);
    free(t->attr);
    free(t->spec);
    free(t->known);
    free(t->def_variant);
    free(t->def_setting);
    free(t->variant);
    free(t->setting);
    free(t->anchor_variant);
    free(t->anchor_setting);
    free(t->failure);
    *t = (struct task){0};
}
