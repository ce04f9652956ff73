/* Reading specifications. */
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "tune/kernel.h"
#include "tune/t1.h"

static int wrong(const struct kernel_spec *k, const char *what, const char *why)
{
    return fail(OCELLI_ERR_FORMAT, "specification%s%s: %s: %s", k->name ? " " : "",
                k->name ? k->name : "", what, why);
}

/* A name that may stand behind -D and in a setting. */
static bool is_name(const char *s)
{
    size_t n = strlen(s);
    if (n == 0 || n > 60 || isdigit((unsigned char)*s))
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && *s != '_')
            return false;
    return true;
}

/* An expression, or a number as one; NULL: neither. */
static const char *expr_of(struct kernel_spec *k, const json_t *v)
{
    if (json_is_integer(v))
        return arena_printf(&k->arena, "%lld", (long long)json_integer_value(v));
    return json_string_value(v);
}

/* As the device wants it: with a slash, by which it knows a file from a kernel of the library, and
 * without ".cl"; NULL: it is no such file. */
static const char *path_of(struct kernel_spec *k, const char *folder, const char *file)
{
    size_t n = strlen(file);
    if (n < 4 || strcmp(file + n - 3, ".cl") != 0)
        return NULL;
    return arena_printf(&k->arena, "%s%s%.*s", file[0] == '/' ? "" : folder,
                        file[0] == '/' ? "" : "/", (int)n - 3, file);
}

/* ---- Parts ---- */

static int parse_sizes(struct kernel_spec *k)
{
    const json_t *sizes = json_object_get(k->doc, "sizes"),
                 *check = json_object_get(k->doc, "check");
    const char *name;
    json_t *v;
    k->n_cases = (int)json_array_size(check) + 1;
    if (k->n_cases > KERNEL_CASES + 1)
        return wrong(k, "check", "too many sizes");
    json_object_foreach((json_t *)sizes, name, v)
    {
        if (!is_name(name) || !json_is_integer(v) || k->n_sizes == KERNEL_SIZES)
            return wrong(k, "sizes", "not a name and a whole number");
        int i = k->n_sizes++;
        k->size_name[i] = name;
        k->size[k->n_cases - 1][i] = json_integer_value(v);
        for (int c = 0; c < k->n_cases - 1; c++) {
            const json_t *other = json_object_get(json_array_get(check, (size_t)c), name);
            if (other && !json_is_integer(other))
                return wrong(k, "check", "not whole numbers");
            k->size[c][i] = other ? json_integer_value(other) : json_integer_value(v);
        }
    }
    return 0;
}

static int parse_parameters(struct kernel_spec *k)
{
    const json_t *all = json_object_get(k->doc, "parameters"),
                 *def = json_object_get(k->doc, "default");
    const char *name;
    json_t *list;
    json_object_foreach((json_t *)all, name, list)
    {
        const size_t n = json_array_size(list);
        if (!is_name(name) || n < 1 || n > 100000 || k->space.n == SPACE_PARAMS)
            return wrong(k, name, "not a parameter's name with its values");
        int *values = arena_alloc(&k->arena, (n + 1) * sizeof(*values));
        if (!values)
            return fail_memory();
        for (size_t i = 0; i < n; i++) {
            const json_t *v = json_array_get(list, i);
            json_int_t x = json_integer_value(v);
            if (!json_is_integer(v) || x < INT_MIN || x > INT_MAX)
                return wrong(k, name, "values must be whole numbers");
            values[i] = (int)x;
        }
        int p = k->space.n++, point[SPACE_PARAMS];
        k->space.param[p].name = name;
        k->space.param[p].values = values;
        k->space.param[p].n = (int)n;
        const json_t *d = json_object_get(def, name);
        k->def[p] = d ? (int)json_integer_value(d) : values[0];
        if (!space_point(&k->space, k->def, point))
            return wrong(k, name, "its default is none of its values");
    }
    return 0;
}

static int parse_arg(struct kernel_spec *k, const json_t *a)
{
    static const char *const roles[] = {"in", "out", "inout"};
    static const struct {
        const char *word;
        enum ocelli_dtype dtype;
    } types[] = {{"float", OCELLI_F32}, {"int", OCELLI_I32},  {"uint", OCELLI_U32},
                 {"half", OCELLI_F16},  {"uchar", OCELLI_U8}, {"double", OCELLI_F64}};
    const char *name = json_string_value(json_object_get(a, "name"));
    const char *type = json_string_value(json_object_get(a, "type"));
    const char *role = json_string_value(json_object_get(a, "role"));
    const json_t *value = json_object_get(a, "value"), *local = json_object_get(a, "local");
    struct kernel_arg *x = &k->arg[k->n_args];
    if (k->n_args == KERNEL_ARGS || !name)
        return wrong(k, "arguments", k->n_args == KERNEL_ARGS ? "too many" : "one without a name");
    *x = (struct kernel_arg){.name = name, .role = ROLE_SCALAR};
    bool known = !type && local;
    for (size_t i = 0; type && i < COUNT(types); i++)
        if (strcmp(types[i].word, type) == 0) {
            x->dtype = types[i].dtype;
            known = true;
        }
    if (!known)
        return wrong(k, name, "its type is not float, int, uint, half, uchar or double");
    if (local) {
        x->role = ROLE_LOCAL;
        x->expr = expr_of(k, local);
    } else if (value) {
        x->expr = expr_of(k, value);
        x->real = json_number_value(value);
        if (x->dtype != OCELLI_F32 && x->dtype != OCELLI_I32 && x->dtype != OCELLI_U32)
            return wrong(k, name, "a single value is a float or an int");
    } else {
        x->expr = expr_of(k, json_object_get(a, "count"));
        for (int r = 0; r < 3; r++)
            if (role && strcmp(roles[r], role) == 0)
                x->role = (enum kernel_role)r;
        if (x->role == ROLE_SCALAR)
            return wrong(k, name, "its role is not in, out or inout");
    }
    if (!x->expr && !(value && json_is_real(value) && x->dtype == OCELLI_F32))
        return wrong(k, name, "no count, value or local");
    k->n_args++;
    return 0;
}

static int parse_grid(struct kernel_spec *k, const json_t *from, const char *key, const char **out,
                      int *dims)
{
    const json_t *list = json_object_get(from, key);
    const size_t n = json_array_size(list);
    if (n < 1 || n > 3 || (*dims && (int)n != *dims))
        return wrong(k, key, "not one to three sizes, as many of both kinds");
    for (size_t i = 0; i < n; i++)
        if (!(out[i] = expr_of(k, json_array_get(list, i))))
            return wrong(k, key, "a size that is neither number nor expression");
    *dims = (int)n;
    return 0;
}

/* A way that says less than the other one has the rest of it. */
static int parse_way(struct kernel_spec *k, const json_t *from, const char *folder,
                     const char *source, struct kernel_way *w)
{
    const char *file = json_string_value(json_object_get(from, "source"));
    int err = 0;
    w->name = json_string_value(json_object_get(from, "kernel"));
    w->source = source ? path_of(k, ".", source) : file ? path_of(k, folder, file) : k->way.source;
    w->options = json_string_value(json_object_get(from, "options"));
    if (!w->name || !is_name(w->name) || !w->source)
        return wrong(k, "kernel", "no name of a kernel, or no source FILE.cl");
    TRY(parse_grid(k, from, "global", w->global, &w->dims));
    if (json_object_get(from, "local"))
        TRY(parse_grid(k, from, "local", w->local, &w->dims));
out:
    return err;
}

static bool space_fits(void *user, const int *tv)
{
    const struct kernel_spec *k = user;
    struct launches l;
    if (kernel_plan(k, k->n_cases - 1, tv, &l) != 0)
        return false;
    launches_free(&l);
    return true;
}

static int parse_all(struct kernel_spec *k, const char *folder, const char *source)
{
    const json_t *args = json_object_get(k->doc, "arguments");
    const json_t *must = json_object_get(k->doc, "constraints");
    const json_t *reference = json_object_get(k->doc, "reference");
    int err;
    TRY(parse_way(k, k->doc, folder, source, &k->way));
    k->name = json_string_value(json_object_get(k->doc, "name"));
    k->name = k->name ? k->name : k->way.name;
    if (!is_name(k->name))
        TRY(wrong(k, "name", "letters, digits and _ only"));
    if (reference)
        TRY(parse_way(k, reference, folder, NULL, &k->reference));
    TRY(parse_sizes(k));
    TRY(parse_parameters(k));
    for (size_t i = 0; i < json_array_size(args); i++)
        TRY(parse_arg(k, json_array_get(args, i)));
    for (size_t i = 0; i < json_array_size(must); i++) {
        const char *s = json_string_value(json_array_get(must, i));
        if (!s || k->n_constraints == (int)COUNT(k->constraint))
            TRY(wrong(k, "constraints", "not a list of expressions"));
        k->constraint[k->n_constraints++] = s;
    }
    if (json_object_get(k->doc, "terms"))
        k->terms = expr_of(k, json_object_get(k->doc, "terms"));
    k->space.valid = space_fits;
    k->space.user = k;
    bool writes = false;
    for (int i = 0; i < k->n_args; i++)
        writes |= k->arg[i].role == ROLE_OUT || k->arg[i].role == ROLE_INOUT;
    if (!writes || k->space.n == 0)
        TRY(wrong(k, writes ? "parameters" : "arguments",
                  "there are none to tune, or none is written"));
out:
    return err;
}

int kernel_parse(struct kernel_spec **out, const char *text, const char *folder, const char *source)
{
    struct kernel_spec *k = calloc(1, sizeof(*k));
    json_error_t e;
    int err = 0;
    *out = NULL;
    if (!k)
        return fail_memory();
    k->doc = json_loads(text, JSON_REJECT_DUPLICATES, &e);
    if (!json_is_object(k->doc))
        TRY(fail(OCELLI_ERR_FORMAT, "specification: line %d: %s", e.line, e.text));
    if (json_object_get(k->doc, "ConfigurationSpace")) {
        json_t *own = NULL;
        TRY(t1_convert(k->doc, &own));
        json_decref(k->doc);
        k->doc = own;
    }
    TRY(parse_all(k, folder, source));
    *out = k;
    k = NULL;
out:
    kernel_free(&k);
    return err;
}

char *kernel_text(const struct kernel_spec *k)
{
    json_t *doc = json_deep_copy(k->doc), *reference = json_object_get(doc, "reference");
    json_object_set_new(doc, "source", json_sprintf("%s.cl", k->way.source));
    if (reference)
        json_object_set_new(reference, "source", json_sprintf("%s.cl", k->reference.source));
    char *s = json_dumps(doc, JSON_COMPACT);
    json_decref(doc);
    return s;
}

void kernel_free(struct kernel_spec **kp)
{
    struct kernel_spec *k = *kp;
    if (!k)
        return;
    json_decref(k->doc);
    arena_free(&k->arena);
    free(k);
    *kp = NULL;
}
