/* Tuning for everybody: problems, networks, kernels. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "measure/tuner.h"
#include "plan/bind.h"
#include "plan/rewrite.h"
#include "plan/tuned.h"
#include "tune/kernel.h"
#include "tune/record.h"

int ocelli_tune_problems(struct ocelli_device *dev, const char *const *problem, int n,
                         const struct ocelli_tune_params *p, struct ocelli_tune_result **out)
{
    const struct tune_device who = tune_device_of(dev);
    return tuner_run(dev, &who, &(struct tune_request){.problem = problem, .n = n}, p, out);
}

int ocelli_tune_verify(struct ocelli_device *dev, const struct ocelli_tune_params *p,
                       struct ocelli_tune_verdict **out, int *n)
{
    const struct tune_device who = tune_device_of(dev);
    return tuner_verify(dev, &who, p, out, n);
}

int ocelli_tune_kernel(struct ocelli_device *dev, const char *spec, const char *folder,
                       const char *source, const struct ocelli_tune_params *p,
                       struct ocelli_tune_result **out)
{
    const struct tune_device who = tune_device_of(dev);
    struct kernel_spec *k = NULL;
    int err = kernel_parse(&k, spec, folder, source);
    return err ? err : tuner_run(dev, &who, &(struct tune_request){.kernel = k}, p, out);
}

/* ---- Networks ---- */

void problem_list_free(struct problem_list *l)
{
    for (int i = 0; i < l->n; i++)
        free(l->problem[i]);
    free(l->problem);
    free(l->uses);
    free(l->share);
    *l = (struct problem_list){0};
}

/* Seconds that it takes at least, on a modest device: to tell what matters from what does not. */
static double weight(const struct problem *p)
{
    struct cost c = problem_cost(p);
    return c.flops / 100e9 + c.bytes / 10e9;
}

static int add_problem(struct problem_list *l, const struct problem *p)
{
    struct text t = {0};
    int err = 0, i = 0;
    problem_print(p, &t);
    if (t.failed)
        TRY(fail_memory());
    while (i < l->n && strcmp(l->problem[i], t.s) != 0)
        i++;
    if (i == l->n) {
        TRY(grow(&l->problem, &l->cap[0], i + 1, sizeof(*l->problem)));
        TRY(grow(&l->uses, &l->cap[1], i + 1, sizeof(*l->uses)));
        TRY(grow(&l->share, &l->cap[2], i + 1, sizeof(*l->share)));
        l->problem[l->n++] = t.s;
        l->uses[i] = 0;
        l->share[i] = 0;
        t.s = NULL;
    }
    l->uses[i]++;
    l->share[i] += weight(p);
out:
    text_free(&t);
    return err;
}

/* Is there anything to choose? */
static bool is_tunable(const struct problem *p, const struct caps *caps)
{
    const struct variant *v;
    int tv[MAX_TUNABLES];
    return !(p->op->flags & OP_ALIAS) && problem_select(p, caps, NULL, &v, tv) == 0 &&
           (strcmp(v->name, "ref") != 0 || !caps->cpu_style);
}

/* The largest first. */
static void sort_by_share(struct problem_list *l)
{
    for (int i = 1; i < l->n; i++) {
        for (int k = i; k > 0 && l->share[k] > l->share[k - 1]; k--) {
            char *name = l->problem[k];
            int uses = l->uses[k];
            double share = l->share[k];
            l->problem[k] = l->problem[k - 1];
            l->uses[k] = l->uses[k - 1];
            l->share[k] = l->share[k - 1];
            l->problem[k - 1] = name;
            l->uses[k - 1] = uses;
            l->share[k - 1] = share;
        }
    }
}

#define SMALLEST 0.003 /* of the whole: what is less is not worth a second of tuning */

int problem_list_of(struct problem_list *l, const struct graph *g, const struct caps *caps)
{
    double sum = 0;
    int err = 0, kept = 0;
    *l = (struct problem_list){0};
    for (int i = g->n_once; i < g->n_nodes; i++) {
        struct problem p;
        node_problem(g, &g->node[i], &p);
        sum += weight(&p);
        if (is_tunable(&p, caps))
            TRY(add_problem(l, &p));
    }
    for (int i = 0; i < l->n; i++) {
        if (l->share[i] < SMALLEST * sum) {
            free(l->problem[i]);
            continue;
        }
        l->problem[kept] = l->problem[i];
        l->uses[kept] = l->uses[i];
        l->share[kept++] = l->share[i];
    }
    l->n = kept;
    sort_by_share(l);
out:
    return err;
}

static int list_only(const struct problem_list *l, struct ocelli_tune_result **out)
{
    *out = calloc((size_t)l->n + 1, sizeof(**out));
    for (int i = 0; *out && i < l->n; i++) {
        (*out)[i].problem = strdup(l->problem[i]);
        (*out)[i].uses = l->uses[i];
    }
    return *out ? 0 : fail_memory();
}

int ocelli_tune_graph(struct ocelli_device *dev, const struct ocelli_graph *g,
                      const struct ocelli_plan_params *q, const struct ocelli_tune_params *p,
                      struct ocelli_tune_result **out, int *n)
{
    static const struct ocelli_plan_params defaults = {0};
    const struct tune_device who = tune_device_of(dev);
    struct problem_list l = {0};
    struct graph *rewritten = NULL;
    int err;
    *out = NULL;
    *n = 0;
    TRY(plan_rewrite(&rewritten, g, device_caps(dev), q ? q : &defaults));
    TRY(problem_list_of(&l, rewritten, device_caps(dev)));
    if (p && p->budget < 0)
        TRY(list_only(&l, out));
    else
        TRY(tuner_run(dev, &who,
                      &(struct tune_request){(const char *const *)l.problem, l.uses, l.n, NULL}, p,
                      out));
    *n = l.n;
out:
    problem_list_free(&l);
    graph_free(&rewritten);
    return err;
}

int ocelli_tune_record(struct ocelli_device *dev, const char *problem, const char *database,
                       const char *path)
{
    const struct ocelli_device_info *info = ocelli_device_get_info(dev);
    struct text name = {0};
    struct tune_db *db = NULL;
    int err = 0;
    if (database)
        text_add(&name, "%s", database);
    else
        db_default_path(&name);
    if (!name.s)
        TRY(fail(OCELLI_ERR_IO, "tuning database: there is no place for it"));
    TRY(db_open(&db, name.s, DB_READ, device_log(dev)));
    if (!db)
        TRY(fail(OCELLI_ERR_IO, "tuning database %s: it is not there", name.s));
    TRY(record_write(db, &(struct tune_key){problem, info->name, info->driver}, path));
out:
    db_close(&db);
    text_free(&name);
    return err;
}
