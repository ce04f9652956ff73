/* Constants, shapes as content, and types. */
#include <stdlib.h>
#include <string.h>

#include "graph/onnx_import.h"

static void build_shape(struct onnx_node *n)
{
    struct ocelli_shape s = in_shape(n, 0);
    int64_t start = n->opset >= 15 ? attr_int(n, "start", 0) : 0;
    int64_t end = n->opset >= 15 ? attr_int(n, "end", INT64_MAX) : INT64_MAX;
    struct slices r;

    if (stopped(n))
        return;
    slice_axis(&r, 0, s.rank, start, end, 1);
    struct host *h = host_new(n->m, OCELLI_I64, &OCELLI_SHAPE(r.count[0]));
    for (size_t i = 0; h && i < h->count; i++)
        host_set_i(h, i, s.dim[(size_t)r.start[0] + i]);
    out_host(n, 0, h);
}

static void build_size(struct onnx_node *n)
{
    struct ocelli_shape s = in_shape(n, 0);
    struct host *h = host_new(n->m, OCELLI_I64, &(struct ocelli_shape){0});

    if (h && !stopped(n)) {
        host_set_i(h, 0, shape_count(&s));
        out_host(n, 0, h);
    }
}

/* value_int and its like: a scalar or a list in the attribute itself. */
static struct host *constant_list(struct onnx_node *n, const Onnx__Attribute *a)
{
    bool list = strcmp(a->name, "value_ints") == 0 || strcmp(a->name, "value_floats") == 0;
    bool whole = strncmp(a->name, "value_int", 9) == 0;
    int64_t count = !list ? 1 : (int64_t)(whole ? a->n_ints : a->n_floats);
    struct ocelli_shape s = {.rank = list, .dim = {count}};
    struct host *h;

    attr_ignore(n, a->name);
    if (!list && !(whole ? a->has_i : a->has_f)) {
        stop(n,
             fail(OCELLI_ERR_FORMAT, "attribute %s is not of the type that it should be", a->name));
        return NULL;
    }
    h = host_new(n->m, whole ? OCELLI_I64 : OCELLI_F32, &s);
    for (size_t i = 0; h && i < h->count; i++) {
        if (whole)
            host_set_i(h, i, list ? a->ints[i] : a->i);
        else
            host_set_f(h, i, list ? a->floats[i] : a->f);
    }
    return h;
}

static void build_constant(struct onnx_node *n)
{
    static const char *const lists[] = {"value_int", "value_ints", "value_float", "value_floats"};
    const Onnx__Attribute *a = attr_find(n, "value");

    if (a && a->t) {
        struct slot *s = has_out(n, 0) ? slot_new(n->m, n->n->output[0]) : NULL;
        if (s) {
            s->source = FROM_INITIALISER;
            s->tensor = a->t;
        }
        return;
    }
    for (size_t i = 0; i < COUNT(lists); i++)
        if (n->opset >= 12 && (a = attr_find(n, lists[i]))) {
            out_host(n, 0, constant_list(n, a));
            return;
        }
    if (!stopped(n))
        stop(n, fail(OCELLI_ERR_UNSUPPORTED, "holds neither a tensor nor numbers"));
}

static bool is_output(const struct import *m, const char *name)
{
    const Onnx__Graph *g = m->file->model->graph;

    for (size_t i = 0; i < g->n_output; i++)
        if (g->output[i]->name && strcmp(g->output[i]->name, name) == 0)
            return true;
    return false;
}

/* Small ones are known, for arithmetic; large ones are weights that need no content in memory. */
static void build_constant_of_shape(struct onnx_node *n)
{
    const Onnx__Attribute *a = attr_find(n, "value");
    struct ocelli_shape s = {0};
    struct desc d = {.dtype = OCELLI_F32};
    void *data = NULL;
    size_t count;
    struct host one = {.d = d, .count = 1, .data = &(float){0}};

    s.rank = ints(n, 0, NULL, 0, s.dim, OCELLI_MAX_RANK);
    if (a && a->t && !stopped(n)) {
        int err = onnx_tensor(a->t, NULL, "attribute value", HOST_MAX_BYTES, &d, &data);
        if (err)
            stop(n, err);
        else if (!shape_elements(&d.shape, &one.count) || one.count != 1)
            stop(n, fail(OCELLI_ERR_FORMAT, "attribute value is not one number"));
        one.d = d;
        one.data = data;
    }
    if (!stopped(n) && (s.rank < 0 || !shape_elements(&s, &count)))
        stop(n, fail(OCELLI_ERR_FORMAT, "no shape"));
    if (stopped(n)) {
        free(data);
        return;
    }
    if (count <= (d.dtype == OCELLI_F32 ? 256 : HOST_MAX_COUNT)) {
        int64_t none[OCELLI_MAX_RANK] = {0};
        out_host(n, 0, host_strided(n->m, &one, &s, none, 0));
    } else if (d.dtype == OCELLI_F32 && has_out(n, 0) && !is_output(n->m, n->n->output[0])) {
        struct ocelli_init init = {OCELLI_INIT_CONSTANT, (float)host_f(&one, 0), 0, 0};
        out(n, 0, ocelli_weight(n->m->g, n->n->output[0], &s, &init));
    } else {
        out(n, 0, filled(n, d.dtype, &s, host_f(&one, 0)));
    }
    free(data);
}

static void build_cast(struct onnx_node *n)
{
    int to = cast_dtype(n);

    if (!stopped(n))
        out(n, 0, ocelli_cast(n->m->g, in(n, 0), (enum ocelli_dtype)to));
}

static void build_cast_like(struct onnx_node *n)
{
    attr_ignore(n, "saturate");
    out(n, 0, ocelli_cast(n->m->g, in(n, 0), in_dtype(n, 1)));
}

const struct onnx_op onnx_ops_const[] = {
    {"Cast", 6, build_cast, false},
    {"CastLike", 15, build_cast_like, false},
    {"Constant", 1, build_constant, false},
    {"ConstantOfShape", 9, build_constant_of_shape, false},
    {"Shape", 1, build_shape, false},
    {"Size", 1, build_size, false},
    {0},
};
