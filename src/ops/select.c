/* Which variant computes a problem, and its launches, checked. */
#include <limits.h>
#include <string.h>

#include "ops/op.h"

const struct variant *op_variant(const struct op *op, const char *name)
{
    for (const struct variant *v = op->variants; v && v->name; v++)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

bool variant_applies(const struct variant *v, const struct problem *p, const struct caps *caps)
{
    for (int i = 0; v->f32 && i < p->n_in; i++)
        if (p->in[i].shape.rank >= 0 && p->in[i].dtype == OCELLI_F16)
            return false;
    return !v->applicable || v->applicable(p, caps);
}

/* ---- Choosing ---- */

static bool same(const char *word, size_t len, const char *name)
{
    return strlen(name) == len && strncmp(word, name, len) == 0;
}

static bool any_op_has(const char *word, size_t len)
{
    for (int i = 0; ops[i]; i++)
        for (const struct variant *v = ops[i]->variants; v && v->name; v++)
            if (same(word, len, v->name))
                return true;
    return false;
}

static const struct variant *variant_named(const struct op *op, const char *word, size_t len)
{
    for (const struct variant *v = op->variants; v && v->name; v++)
        if (same(word, len, v->name))
            return v;
    return NULL;
}

/* One word of `force`: VARIANT for every operation that has it, or OP/VARIANT. */
static int force_word(const char *word, size_t len, const struct op *op,
                      const struct variant **general, const struct variant **special)
{
    const char *slash = memchr(word, '/', len);
    if (!slash) {
        if (!any_op_has(word, len))
            return fail(OCELLI_ERR_INVALID, "variant: no operation has a \"%.*s\"", (int)len, word);
        const struct variant *v = variant_named(op, word, len);
        if (v)
            *general = v;
        return 0;
    }
    size_t n = (size_t)(slash - word);
    const struct op *named = NULL;
    for (int i = 0; ops[i] && !named; i++)
        if (same(word, n, ops[i]->name))
            named = ops[i];
    if (!named)
        return fail(OCELLI_ERR_INVALID, "variant: \"%.*s\" is no operation", (int)n, word);
    const struct variant *v = variant_named(named, slash + 1, len - n - 1);
    if (!v)
        return fail(OCELLI_ERR_INVALID, "variant: %s has no \"%.*s\"", named->name,
                    (int)(len - n - 1), slash + 1);
    if (named == op)
        *special = v;
    return 0;
}

/* What `force` asks for this operation, NULL: nothing. OP/VARIANT goes before VARIANT, the last of
 * several counts. */
static int forced_variant(const char *force, const struct op *op, const struct variant **out)
{
    const struct variant *general = NULL, *special = NULL;
    for (const char *s = force; s && *s;) {
        size_t len = strcspn(s, ",");
        int err = len ? force_word(s, len, op, &general, &special) : 0;
        if (err)
            return err;
        s += len + (s[len] == ',');
    }
    *out = special ? special : general;
    return 0;
}

bool op_is_forced(const struct op *op, const char *force)
{
    const struct variant *v = NULL;
    return forced_variant(force, op, &v) == 0 && v;
}

/* Its default tunables, or those with one changed, if the variant can compute the problem so: a device
 * may not allow work-groups of the usual size. */
static bool try_variant(const struct problem *p, const struct caps *caps, const struct variant *v,
                        int tv[MAX_TUNABLES])
{
    memset(tv, 0, MAX_TUNABLES * sizeof(int));
    if (!variant_applies(v, p, caps))
        return false;
    if (v->defaults)
        v->defaults(p, caps, tv);
    else
        for (int i = 0; v->tunables && v->tunables[i].name; i++)
            tv[i] = v->tunables[i].values[0];
    if (!v->valid || v->valid(p, caps, tv))
        return true;
    for (int i = 0; v->tunables && v->tunables[i].name; i++) {
        int usual = tv[i];
        for (const int *x = v->tunables[i].values; *x; x++) {
            tv[i] = *x;
            if (v->valid(p, caps, tv))
                return true;
        }
        tv[i] = usual;
    }
    return false;
}

int problem_select_tuned(const struct problem *p, const struct caps *caps, const char *force,
                         const struct tuned *tuned, const struct variant **out,
                         int tv[MAX_TUNABLES])
{
    const struct variant *forced = NULL;
    int err = forced_variant(force, p->op, &forced);
    if (err)
        return err;
    if (forced && try_variant(p, caps, forced, tv)) {
        *out = forced;
        if (tuned)
            tuned->find(tuned->user, p, forced, out, tv);
        return 0;
    }
    if (tuned && tuned->find(tuned->user, p, NULL, out, tv))
        return 0;
    for (const struct variant *v = p->op->variants; v && v->name; v++) {
        if ((!v->pays || v->pays(p, caps)) && try_variant(p, caps, v, tv)) {
            *out = v;
            return 0;
        }
    }
    struct text t = {0};
    problem_print(p, &t);
    err =
        fail(OCELLI_ERR_UNSUPPORTED, "%s: no variant computes this here", t.s ? t.s : p->op->name);
    text_free(&t);
    return err;
}

int problem_select(const struct problem *p, const struct caps *caps, const char *force,
                   const struct variant **out, int tv[MAX_TUNABLES])
{
    return problem_select_tuned(p, caps, force, NULL, out, tv);
}

/* ---- Planning ---- */

static int misfit(const struct launch *k, const char *what)
{
    return fail(OCELLI_ERR_INVALID, "%s: %s", k->kernel ? k->kernel : "a launch", what);
}

static int check_arg(const struct problem *p, const struct launches *l, const struct launch *k,
                     int i)
{
    const struct launch_arg *a = &k->arg[i];
    if (!a->name || !a->name[0])
        return misfit(k, "an argument without a name");
    for (int j = 0; j < i; j++)
        if (strcmp(k->arg[j].name, a->name) == 0)
            return misfit(k, "two arguments of one name");
    if (a->kind != ARG_BUFFER)
        return 0;
    int r = a->ref.index;
    switch (a->ref.kind) {
    case REF_IN:
        if (r < 0 || r >= p->n_in || p->in[r].shape.rank < 0)
            return misfit(k, "an input that the problem does not have");
        if (a->access != ACCESS_READ && !(p->op->updates >> r & 1))
            return misfit(k, "writes an input");
        break;
    case REF_OUT:
        if (r < 0 || r >= p->n_out)
            return misfit(k, "an output that the problem does not have");
        break;
    case REF_SCRATCH:
        if (r < 0 || r >= l->n_scratch)
            return misfit(k, "a scratch buffer that there is not");
        break;
    }
    return a->access & ACCESS_READ_WRITE ? 0 : misfit(k, "a buffer neither read nor written");
}

static int check_grid(const struct launch *k, const struct caps *caps)
{
    size_t group = 1, local = 0;
    if (k->dims < 1 || k->dims > 3)
        return misfit(k, "no grid");
    for (int d = 0; d < k->dims; d++) {
        if (k->global[d] < 1 || k->global[d] > INT_MAX)
            return misfit(k, "a global size out of range");
        if (k->local[0] == 0)
            continue;
        if (k->local[d] < 1 || k->local[d] > caps->max_item[d] || k->global[d] % k->local[d])
            return misfit(k, "a local size that the device or the global size does not allow");
        group *= k->local[d];
    }
    if (group > caps->max_group)
        return misfit(k, "a work-group larger than the device allows");
    for (int i = 0; i < k->n_args; i++)
        local += k->arg[i].kind == ARG_LOCAL ? k->arg[i].bytes : 0;
    return local > caps->local_bytes ? misfit(k, "more local memory than the device has") : 0;
}

static int check_launch(const struct problem *p, const struct caps *caps, const struct launches *l,
                        const struct launch *k)
{
    if (k->n_args < 1 || k->n_args > LAUNCH_MAX_ARGS)
        return misfit(k, "too many arguments, or none");
    for (int i = 0; i < k->n_args; i++) {
        int err = check_arg(p, l, k, i);
        if (err)
            return err;
    }
    if (k->kind != LAUNCH_KERNEL)
        return 0;
    if (k->defines.failed)
        return fail_memory();
    if (!k->program || !k->kernel)
        return misfit(k, "no program");
    return check_grid(k, caps);
}

/* Is there a launch that writes it? */
static bool is_written(const struct launches *l, enum ref_kind kind, int index)
{
    for (int j = 0; j < l->n; j++) {
        for (int i = 0; i < l->item[j].n_args; i++) {
            const struct launch_arg *a = &l->item[j].arg[i];
            if (a->kind == ARG_BUFFER && a->ref.kind == kind && a->ref.index == index &&
                (a->access & ACCESS_WRITE))
                return true;
        }
    }
    return false;
}

/* Kernels index with int. */
static int check_sizes(const struct problem *p)
{
    for (int i = 0; i < p->n_in + p->n_out; i++) {
        const struct desc *d = i < p->n_in ? &p->in[i] : &p->out[i - p->n_in];
        if (d->shape.rank >= 0 && shape_count(&d->shape) > INT_MAX)
            return fail(OCELLI_ERR_UNSUPPORTED, "%s: a tensor of more than %d elements",
                        p->op->name, INT_MAX);
    }
    return 0;
}

static int check_launches(const struct problem *p, const struct caps *caps,
                          const struct launches *l)
{
    int err = 0;
    if (l->n < 1)
        return fail(OCELLI_ERR_INVALID, "%s: no launch", p->op->name);
    for (int j = 0; j < l->n; j++)
        TRY(check_launch(p, caps, l, &l->item[j]));
    for (int k = 0; k < p->n_out; k++)
        if (!is_written(l, REF_OUT, k))
            return fail(OCELLI_ERR_INVALID, "%s: nothing writes %s", p->op->name, p->op->out[k]);
    for (int k = 0; k < l->n_scratch; k++)
        if (l->scratch[k] < 1 || l->scratch[k] > caps->max_alloc)
            return fail(OCELLI_ERR_UNSUPPORTED, "%s: a workspace of %zu bytes", p->op->name,
                        l->scratch[k]);
out:
    return err;
}

int problem_plan(const struct problem *p, const struct caps *caps, const struct variant *v,
                 const int *tv, struct launches *out)
{
    int err = check_sizes(p);
    *out = (struct launches){0};
    if (!err)
        err = v->plan(p, caps, tv, out);
    if (!err)
        err = out->err;
    if (!err)
        err = check_launches(p, caps, out);
    if (err) {
        launches_free(out);
        *out = (struct launches){0};
        return fail_in(err, "%s/%s", p->op->name, v->name);
    }
    return 0;
}
