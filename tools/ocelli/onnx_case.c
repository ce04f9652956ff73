/* One ONNX backend test case: its data sets computed and compared. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "onnx_cases.h"

#define MAX_ARRAYS 64

/* The files PREFIX_0.pb, PREFIX_1.pb .. of a data set. */
struct arrays {
    struct ocelli_array item[MAX_ARRAYS];
    int n;
};

static void arrays_free(struct arrays *a)
{
    for (int i = 0; i < a->n; i++)
        ocelli_array_free(&a->item[i]);
    a->n = 0;
}

static int arrays_read(struct arrays *a, const char *dir, int set, const char *prefix)
{
    arrays_free(a);
    for (int i = 0; i < MAX_ARRAYS; i++) {
        char path[PATH_MAX];
        int err;

        snprintf(path, sizeof(path), "%s/test_data_set_%d/%s_%d.pb", dir, set, prefix, i);
        if (access(path, F_OK) != 0)
            break;
        if ((err = ocelli_array_read(&a->item[i], path)) != 0)
            return err;
        a->n++;
    }
    return 0;
}

static void result(struct case_result *r, enum case_status status, const char *what, const char *why)
{
    r->status = status;
    snprintf(r->reason, sizeof(r->reason), "%s%s%s", what ? what : "", what ? ": " : "", why);
}

/* A failure of the library's; what it says it does not support counts as that. */
static void failed(struct case_result *r, const char *what, int err)
{
    const char *why = ocelli_error();

    result(r, err == OCELLI_ERR_UNSUPPORTED ? CASE_UNSUPPORTED : CASE_FAILED, what,
           *why ? why : ocelli_strerror(err));
}

static bool all_named(const struct arrays *a)
{
    for (int i = 0; i < a->n; i++)
        if (!*a->item[i].name)
            return false;
    return true;
}

/* Shapes and content of the inputs go with the model: both may be open in the file. */
static int load_with(struct ocelli_graph **g, const char *path, const struct arrays *in)
{
    const char *names[MAX_ARRAYS];
    struct ocelli_shape shapes[MAX_ARRAYS];

    for (int i = 0; i < in->n; i++) {
        names[i] = in->item[i].name;
        shapes[i] = in->item[i].shape;
    }
    return ocelli_onnx_load(g, path,
                            &(struct ocelli_onnx_params){.names = names,
                                                         .shapes = shapes,
                                                         .n = in->n,
                                                         .values = in->item,
                                                         .n_values = in->n});
}

/* Files without names in them belong to the inputs in their order. */
static int load(struct ocelli_graph **g, const char *dir, struct arrays *in)
{
    char path[PATH_MAX];
    int err;

    snprintf(path, sizeof(path), "%s/model.onnx", dir);
    if (all_named(in))
        return load_with(g, path, in);
    if ((err = ocelli_onnx_load(g, path, NULL)) != 0)
        return err;
    for (int i = 0; i < in->n; i++) {
        struct ocelli_port p;

        if ((err = ocelli_graph_input(*g, i, &p)) != 0)
            return err;
        free(in->item[i].name);
        if (!(in->item[i].name = strdup(p.name)))
            return OCELLI_ERR_MEMORY;
    }
    ocelli_graph_destroy(g);
    return load_with(g, path, in);
}

static int feed(struct ocelli_plan *plan, const struct ocelli_graph *g, const struct arrays *in,
                struct case_result *r)
{
    int n = ocelli_graph_inputs(g);

    for (int i = 0; i < n; i++) {
        const struct ocelli_array *a = NULL;
        struct ocelli_tensor *t;
        struct ocelli_port p;
        int err = ocelli_graph_input(g, i, &p);

        for (int k = 0; !err && !a && k < in->n; k++)
            if (strcmp(in->item[k].name, p.name) == 0)
                a = &in->item[k];
        if (!err && !a) {
            result(r, CASE_FAILED, p.name, "no data for this input");
            return -1;
        }
        if (!err && (a->dtype != p.dtype || !same_shape(&a->shape, &p.shape))) {
            result(r, CASE_FAILED, p.name, "the data are of another type or shape");
            return -1;
        }
        t = err ? NULL : ocelli_plan_tensor(plan, p.name); /* NULL: nothing depends on it */
        if (t)
            err = ocelli_tensor_write(t, a->data, ocelli_tensor_bytes(t));
        if (err) {
            failed(r, NULL, err);
            return -1;
        }
    }
    return 0;
}

static bool whole_number(enum ocelli_dtype t)
{
    return t != OCELLI_F32 && t != OCELLI_F64 && t != OCELLI_F16;
}

/* |a - b| <= atol + rtol |b| for every element; b is what was expected. */
static void compare(const struct ocelli_array *a, const struct ocelli_array *b, const struct case_params *p,
                    struct case_result *r)
{
    int64_t n = array_elements(b), wrong = 0, first = -1;
    char text[200];

    for (int64_t i = 0; i < n; i++) {
        double x = array_element(a, i), y = array_element(b, i), d = fabs(x - y);
        bool same = x == y || (isnan(x) && isnan(y));

        if (same && whole_number(a->dtype) && a->dtype == b->dtype) /* 64 bits are more than a double's */
            same = (a->dtype != OCELLI_I64 && a->dtype != OCELLI_U64) ||
                   ((const uint64_t *)a->data)[i] == ((const uint64_t *)b->data)[i];
        if (same)
            continue;
        if (!(d <= r->max_abs))
            r->max_abs = d;
        if (!(d <= r->max_rel * fabs(y)))
            r->max_rel = d / fabs(y);
        if (d <= p->atol + p->rtol * fabs(y))
            continue;
        if (wrong++ == 0)
            first = i;
    }
    if (wrong == 0)
        return;
    snprintf(text, sizeof(text), "%lld of %lld elements wrong, first [%lld]: %.9g, expected %.9g",
             (long long)wrong, (long long)n, (long long)first, array_element(a, first),
             array_element(b, first));
    result(r, CASE_FAILED, a->name, text);
    r->differs = true;
}

/* The output that a file of the data set is for: by name, else by its place. */
static int output_for(const struct ocelli_graph *g, const struct arrays *want, int k, struct ocelli_port *p)
{
    for (int i = 0; *want->item[k].name && ocelli_graph_output(g, i, p) == 0; i++)
        if (strcmp(p->name, want->item[k].name) == 0)
            return 0;
    return ocelli_graph_output(g, k, p);
}

static void check_output(struct ocelli_plan *plan, const struct ocelli_graph *g, const struct arrays *want,
                         int k, const struct case_params *p, struct case_result *r)
{
    const struct ocelli_array *b = &want->item[k];
    char have[SHAPE_TEXT], need[SHAPE_TEXT], text[2 * SHAPE_TEXT];
    struct ocelli_array a;
    struct ocelli_port port;
    int err = output_for(g, want, k, &port);

    if (!err)
        err = tensor_array(ocelli_plan_tensor(plan, port.name), port.name, &a);
    if (err) {
        failed(r, "output", err);
        return;
    }
    if (a.dtype != b->dtype || !same_shape(&a.shape, &b->shape)) {
        snprintf(text, sizeof(text), "is %s %s, expected %s %s", dtype_text(a.dtype),
                 shape_text(&a.shape, have), dtype_text(b->dtype), shape_text(&b->shape, need));
        result(r, CASE_FAILED, port.name, text);
    } else {
        compare(&a, b, p, r);
    }
    ocelli_array_free(&a);
}

static void run_set(struct ocelli_device *dev, const char *dir, int set, const struct case_params *p,
                    struct case_result *r)
{
    struct ocelli_graph *g = NULL;
    struct ocelli_plan *plan = NULL;
    struct arrays in = {.n = 0}, want = {.n = 0};
    const char *what = "input";
    int err = arrays_read(&in, dir, set, what);

    if (!err)
        err = arrays_read(&want, dir, set, what = "output");
    if (!err) {
        err = load(&g, dir, &in);
    } else { /* no tensors? Then the model's own words say more */
        arrays_free(&in);
        int without = load(&g, dir, &in);
        err = without ? without : arrays_read(&want, dir, set, what);
    }
    if (!err)
        err = ocelli_plan_create(&plan, dev, g,
                                 &(struct ocelli_plan_params){.no_fusion = p->no_fusion,
                                                              .variant = p->variant});
    if (err)
        failed(r, NULL, err);
    else if (want.n == 0)
        result(r, CASE_FAILED, NULL, "a data set without outputs");
    else if (feed(plan, g, &in, r) == 0) {
        if ((err = ocelli_plan_run(plan)) != 0)
            failed(r, NULL, err);
        for (int k = 0; k < want.n && r->status == CASE_PASSED; k++)
            check_output(plan, g, &want, k, p, r);
    }
    ocelli_plan_destroy(&plan);
    ocelli_graph_destroy(&g);
    arrays_free(&in);
    arrays_free(&want);
}

/* Cases whose stored output does not follow from their model, so that nobody can pass who does what the model
 * says. */
static const struct {
    const char *name, *why;
} disputed[] = {
    {"test_adam_multiple",
     "its output was stored with an epsilon of 1e-2; the model names none, which means 1e-6"},
};

static void settle(const char *name, struct case_result *r)
{
    char differs[200];

    for (size_t i = 0; i < sizeof(disputed) / sizeof(disputed[0]) && r->differs; i++) {
        if (strcmp(disputed[i].name, name) != 0)
            continue;
        snprintf(differs, sizeof(differs), "%.*s", (int)sizeof(differs) - 1, r->reason);
        result(r, CASE_UNSUPPORTED, disputed[i].why, differs);
        return;
    }
}

void onnx_case_run(struct ocelli_device *dev, const struct onnx_case *c, const struct case_params *p,
                   struct case_result *out)
{
    int set = 0;

    *out = (struct case_result){.status = CASE_PASSED};
    for (; out->status == CASE_PASSED; set++) {
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s/test_data_set_%d", c->dir, set);
        if (access(path, F_OK) != 0)
            break;
        run_set(dev, c->dir, set, p, out);
    }
    if (set == 0)
        result(out, CASE_FAILED, NULL, "no test_data_set_0");
    settle(c->name, out);
}
