/* The specification of a kernel as launches. */
#include "tune/kernel.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "tune/expr.h"
#include "tune/setting.h"

struct names {
    const struct kernel_spec *k;
    int c;
    const int *tv; /* NULL: sizes only */
};

static bool lookup(void *user, const char *name, int64_t *out)
{
    const struct names *n = user;
    for (int i = 0; i < n->k->n_sizes; i++)
        if (strcmp(n->k->size_name[i], name) == 0) {
            *out = n->k->size[n->c][i];
            return true;
        }
    for (int i = 0; n->tv && i < n->k->space.n; i++)
        if (strcmp(n->k->space.param[i].name, name) == 0) {
            *out = n->tv[i];
            return true;
        }
    return false;
}

static int number(const struct kernel_spec *k, int c, const int *tv, const char *expr, int64_t min,
                  int64_t max, int64_t *out)
{
    struct names n = {k, c, tv};
    int err = expr_eval(expr, lookup, &n, out);
    if (!err && (*out < min || *out > max))
        err =
            fail(OCELLI_ERR_UNSUPPORTED, "\"%s\" is %lld, which cannot be", expr, (long long)*out);
    return err;
}

/* ---- Buffers ---- */

static bool is_buffer(const struct kernel_arg *a)
{
    return a->role <= ROLE_INOUT;
}

int kernel_buffers(const struct kernel_spec *k, int c, struct desc *desc, int *n_in, int *n_out,
                   unsigned *updates, double *terms)
{
    int64_t n = 1;
    int err = 0;
    *n_in = *n_out = 0;
    *updates = 0;
    for (int outputs = 0; outputs < 2; outputs++) {
        for (int i = 0; i < k->n_args; i++) {
            const struct kernel_arg *a = &k->arg[i];
            if (!is_buffer(a) || (a->role == ROLE_OUT) != outputs)
                continue;
            TRY(number(k, c, NULL, a->expr, 1, INT_MAX / 8, &n));
            if (a->role == ROLE_INOUT)
                *updates |= 1u << *n_in;
            desc[*n_in + *n_out] = (struct desc){a->dtype, {1, {n}}};
            ++*(outputs ? n_out : n_in);
        }
    }
    n = 1;
    if (k->terms)
        TRY(number(k, c, NULL, k->terms, 1, INT64_MAX, &n));
    *terms = (double)n;
out:
    return err;
}

/* The number of a buffer argument among the inputs, or the outputs. */
static int place(const struct kernel_spec *k, int arg)
{
    int n = 0;
    for (int i = 0; i < arg; i++)
        n +=
            is_buffer(&k->arg[i]) && (k->arg[i].role == ROLE_OUT) == (k->arg[arg].role == ROLE_OUT);
    return n;
}

/* ---- Launches ---- */

static int add_arg(const struct kernel_spec *k, int c, const int *tv, int i, struct launch *l)
{
    const struct kernel_arg *a = &k->arg[i];
    int64_t v = 0;
    int err = 0;
    switch (a->role) {
    case ROLE_IN:
        launch_in(l, a->name, place(k, i));
        break;
    case ROLE_OUT:
        launch_out(l, a->name, place(k, i));
        break;
    case ROLE_INOUT:
        launch_buffer(l, a->name, REF_IN, place(k, i), ACCESS_READ_WRITE);
        break;
    case ROLE_LOCAL:
        TRY(number(k, c, tv, a->expr, 1, 1 << 30, &v));
        launch_local(l, a->name, (size_t)v);
        break;
    case ROLE_SCALAR:
        if (a->expr)
            TRY(number(k, c, tv, a->expr, INT_MIN, INT_MAX, &v));
        if (a->dtype == OCELLI_F32)
            launch_float(l, a->name, a->expr ? (float)v : (float)a->real);
        else
            launch_int(l, a->name, (int)v);
        break;
    }
out:
    return err;
}

static int add_grid(const struct kernel_spec *k, int c, const int *tv, const struct kernel_way *w,
                    struct launch *l)
{
    int64_t global, local;
    size_t group = 1;
    int err = 0;
    l->dims = w->dims;
    for (int d = 0; d < w->dims; d++) {
        TRY(number(k, c, tv, w->global[d], 1, INT_MAX, &global));
        l->global[d] = (size_t)global;
        if (!w->local[0])
            continue;
        TRY(number(k, c, tv, w->local[d], 1, INT_MAX, &local));
        l->local[d] = (size_t)local;
        group *= l->local[d];
        if (l->global[d] % l->local[d] || group > (1u << 30))
            TRY(fail(OCELLI_ERR_UNSUPPORTED,
                     "%s: global size %lld is no multiple of local size %lld", w->name,
                     (long long)global, (long long)local));
        if (k->caps && (l->local[d] > k->caps->max_item[d] || group > k->caps->max_group))
            TRY(fail(OCELLI_ERR_UNSUPPORTED, "%s: a work-group larger than the device allows",
                     w->name));
    }
out:
    return err;
}

static int check_constraints(const struct kernel_spec *k, int c, const int *tv)
{
    int64_t v;
    int err = 0;
    for (int i = 0; i < k->n_constraints; i++) {
        TRY(number(k, c, tv, k->constraint[i], INT64_MIN, INT64_MAX, &v));
        if (!v)
            TRY(fail(OCELLI_ERR_UNSUPPORTED, "%s: not %s", k->name, k->constraint[i]));
    }
out:
    return err;
}

int kernel_plan(const struct kernel_spec *k, int c, const int *tv, struct launches *out)
{
    const bool own = tv || !k->reference.name;
    const struct kernel_way *w = own ? &k->way : &k->reference;
    int err = 0;
    *out = (struct launches){0};
    tv = tv ? tv : k->def;
    if (own)
        TRY(check_constraints(k, c, tv));
    struct launch *l = launch_add(out, w->source, w->name);
    if (!l)
        TRY(fail_memory());
    for (int i = 0; i < k->space.n; i++)
        launch_define(l, "%s=%d", k->space.param[i].name, tv[i]);
    for (int i = 0; i < k->n_sizes; i++)
        launch_define(l, "SIZE_%s=%lld", k->size_name[i], (long long)k->size[c][i]);
    if (w->options)
        text_add(&l->defines, " %s", w->options);
    for (int i = 0; i < k->n_args; i++)
        TRY(add_arg(k, c, tv, i, l));
    TRY(add_grid(k, c, tv, w, l));
    err = out->err;
out:
    if (err)
        launches_free(out);
    return err;
}

/* ---- Settings ---- */

void kernel_setting(const struct kernel_spec *k, const int *tv, struct text *out)
{
    text_add(out, "%s", "");
    for (int i = 0; i < k->space.n; i++)
        text_add(out, "%s%s=%d", i ? " " : "", k->space.param[i].name, tv[i]);
}

bool kernel_values(const struct kernel_spec *k, const char *setting, int *tv)
{
    struct setting_word w;
    int point[SPACE_PARAMS], n = 0;
    if (!setting_is_sane(setting))
        return false;
    while ((setting = setting_next(setting, &w))) {
        if (n == k->space.n || strcmp(w.name, k->space.param[n].name) != 0)
            return false;
        tv[n++] = w.value;
    }
    return n == k->space.n && space_point(&k->space, tv, point);
}

void kernel_problem(const struct kernel_spec *k, struct text *out)
{
    text_add(out, "kernel %s", k->name);
    for (int i = 0; i < k->n_sizes; i++)
        text_add(out, " %s=%lld", k->size_name[i], (long long)k->size[k->n_cases - 1][i]);
}
