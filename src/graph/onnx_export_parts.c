/* The parts of an ONNX file: names, nodes with their attributes, initialisers. */
#include "graph/onnx_export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

void export_fail(struct export *e, int err)
{
    if (!e->err)
        e->err = err;
}

void *export_alloc(struct export *e, size_t bytes)
{
    void *p = arena_alloc(&e->arena, bytes);

    if (!p)
        export_fail(e, OCELLI_ERR_MEMORY);
    return p;
}

/* ---- Names ---- */

static int name_slot(const struct name_set *s, const char *name)
{
    uint64_t i = hash64(name, strlen(name), 0);

    for (;; i++) {
        const char *there = s->slot[i & (uint64_t)(s->cap - 1)];
        if (!there || strcmp(there, name) == 0)
            return (int)(i & (uint64_t)(s->cap - 1));
    }
}

static bool name_taken(const struct name_set *s, const char *name)
{
    return s->cap && s->slot[name_slot(s, name)];
}

/* The name must outlive the set. */
static void name_take(struct export *e, struct name_set *s, const char *name)
{
    if (2 * (s->n + 1) > s->cap) {
        struct name_set more = {calloc((size_t)(s->cap ? 2 * s->cap : 256), sizeof(*s->slot)),
                                s->cap ? 2 * s->cap : 256, s->n};
        if (!more.slot) {
            export_fail(e, fail_memory());
            return;
        }
        for (int i = 0; i < s->cap; i++)
            if (s->slot[i])
                more.slot[name_slot(&more, s->slot[i])] = s->slot[i];
        free(s->slot);
        *s = more;
    }
    int i = name_slot(s, name);
    s->n += !s->slot[i];
    s->slot[i] = name;
}

static const char *fresh(struct export *e, struct name_set *s, const char *hint)
{
    const char *name = arena_str(&e->arena, hint);

    for (int i = 1; name && name_taken(s, name); i++)
        name = arena_printf(&e->arena, "%s_%d", hint, i);
    if (!name) {
        export_fail(e, OCELLI_ERR_MEMORY);
        return "";
    }
    name_take(e, s, name);
    return name;
}

void export_take_name(struct export *e, const char *name)
{
    name_take(e, &e->values, name);
}

const char *export_name(struct export *e, const char *hint)
{
    return fresh(e, &e->values, hint);
}

/* ---- Nodes and attributes ---- */

/* Room for one more pointer. */
static bool push(struct export *e, void *list, size_t n, int *cap)
{
    int err = n < INT32_MAX ? grow(list, cap, (int)n + 1, sizeof(void *)) : OCELLI_ERR_MEMORY;

    if (err)
        export_fail(e, err);
    return !err;
}

/* The layer's, which what only changes a shape leaves to the layer's main part. */
static const char *node_name(struct export *e, const struct node *from, const char *type)
{
    bool plain = strcmp(type, "Flatten") == 0 || strcmp(type, "Reshape") == 0 ||
                 strcmp(type, "Identity") == 0;
    const char *hint = from && from->name ? from->name : type;

    if (plain && hint != type)
        hint = arena_printf(&e->arena, "%s.%s", from->name, type);
    return fresh(e, &e->nodes, hint ? hint : type);
}

Onnx__Node *export_node(struct export *e, const struct node *from, const char *type,
                        const char *output, int n_in, const char *const *in)
{
    Onnx__Node *n = export_alloc(e, sizeof(*n));
    char **names = export_alloc(e, (size_t)(n_in + 1) * sizeof(*names));
    char **outputs = export_alloc(e, 2 * sizeof(*outputs));
    Onnx__Attribute **attrs = export_alloc(e, EXPORT_MAX_ATTRS * sizeof(Onnx__Attribute *));

    if (!n || !names || !outputs || !attrs ||
        !push(e, &e->graph.node, e->graph.n_node, &e->cap_nodes)) {
        onnx__node__init(&e->spare);
        return &e->spare;
    }
    onnx__node__init(n);
    for (int i = 0; i < n_in; i++)
        names[i] = (char *)in[i];
    outputs[0] = (char *)output;
    n->input = names;
    n->n_input = (size_t)n_in;
    n->output = outputs;
    n->n_output = 1;
    n->attribute = attrs;
    n->op_type = (char *)type;
    n->name = (char *)node_name(e, from, type);
    e->graph.node[e->graph.n_node++] = n;
    return n;
}

void export_output(struct export *e, Onnx__Node *n, const char *output)
{
    if (!e->err && n->n_output == 1)
        n->output[n->n_output++] = (char *)output;
}

/* ONNX AttributeProto.AttributeType */
enum { TYPE_FLOAT = 1, TYPE_INT = 2, TYPE_STRING = 3, TYPE_INTS = 7 };

static Onnx__Attribute *attribute(struct export *e, Onnx__Node *n, const char *name, int type)
{
    Onnx__Attribute *a = export_alloc(e, sizeof(*a));

    if (!a || !n->attribute || n->n_attribute == EXPORT_MAX_ATTRS)
        return NULL;
    onnx__attribute__init(a);
    a->name = (char *)name;
    a->has_type = 1;
    a->type = type;
    n->attribute[n->n_attribute++] = a;
    return a;
}

void export_i(struct export *e, Onnx__Node *n, const char *name, int64_t v)
{
    Onnx__Attribute *a = attribute(e, n, name, TYPE_INT);

    if (!a)
        return;
    a->has_i = 1;
    a->i = v;
}

void export_f(struct export *e, Onnx__Node *n, const char *name, float v)
{
    Onnx__Attribute *a = attribute(e, n, name, TYPE_FLOAT);

    if (!a)
        return;
    a->has_f = 1;
    a->f = v;
}

void export_s(struct export *e, Onnx__Node *n, const char *name, const char *v)
{
    Onnx__Attribute *a = attribute(e, n, name, TYPE_STRING);

    if (!a)
        return;
    a->has_s = 1;
    a->s = (ProtobufCBinaryData){strlen(v), (uint8_t *)v};
}

void export_ints(struct export *e, Onnx__Node *n, const char *name, const int *v, int count)
{
    Onnx__Attribute *a = attribute(e, n, name, TYPE_INTS);
    int64_t *ints = export_alloc(e, (size_t)(count + 1) * sizeof(*ints));

    if (!a || !ints)
        return;
    for (int i = 0; i < count; i++)
        ints[i] = v[i];
    a->ints = ints;
    a->n_ints = (size_t)count;
}

/* ---- Initialisers ---- */

/* Data in the arena, or where they outlive the export. */
static void initialiser(struct export *e, const char *name, const struct desc *d, const void *data)
{
    Onnx__Tensor *t = export_alloc(e, sizeof(*t));
    int64_t *dims = export_alloc(e, OCELLI_MAX_RANK * sizeof(*dims));

    if (!t || !dims || !push(e, &e->graph.initializer, e->graph.n_initializer, &e->cap_inits))
        return;
    onnx__tensor__init(t);
    memcpy(dims, d->shape.dim, sizeof(d->shape.dim));
    t->dims = dims;
    t->n_dims = (size_t)d->shape.rank;
    t->has_data_type = 1;
    t->data_type = onnx_type_number(d->dtype);
    t->name = (char *)name;
    t->has_raw_data = 1;
    t->raw_data = (ProtobufCBinaryData){desc_bytes(d), (uint8_t *)data};
    e->graph.initializer[e->graph.n_initializer++] = t;
}

const char *export_tensor(struct export *e, const char *hint, const struct desc *d,
                          const void *data)
{
    void *copy = arena_copy(&e->arena, data, desc_bytes(d));
    const char *name = export_name(e, hint);

    if (copy)
        initialiser(e, name, d, copy);
    else
        export_fail(e, OCELLI_ERR_MEMORY);
    return name;
}

const char *export_list(struct export *e, const char *hint, const int64_t *v, int n)
{
    return export_tensor(e, hint, &(struct desc){OCELLI_I64, {1, {n}}}, v);
}

const char *export_filled(struct export *e, const struct ocelli_shape *s, float v)
{
    struct desc d = {OCELLI_F32, *s};
    size_t count = (size_t)shape_count(s);
    float *x = export_alloc(e, count * sizeof(*x));
    const char *name = export_name(e, v == 0 ? "zeros" : "ones");

    for (size_t i = 0; x && i < count; i++)
        x[i] = v;
    if (x)
        initialiser(e, name, &d, x);
    return name;
}

/* A weight's content: from the device, else its own. */
static void weight(struct export *e, const struct value *v)
{
    struct ocelli_tensor *t = e->w ? ocelli_weights_tensor(e->w, v->name) : NULL;
    const void *data = v->data;
    size_t bytes = desc_bytes(&v->desc);

    if (t) {
        void *host = export_alloc(e, bytes);
        if (!host)
            return;
        if (ocelli_tensor_bytes(t) != bytes)
            export_fail(e, fail(OCELLI_ERR_SHAPE, "%s: the weight is of another size", v->name));
        else
            export_fail(e, ocelli_tensor_read(t, host, bytes));
        data = host;
    }
    if (data)
        initialiser(e, v->name, &v->desc, data);
    else
        export_fail(e,
                    fail(OCELLI_ERR_INVALID, "%s: the weight's content is not at hand", v->name));
}

const char *export_value(struct export *e, int v)
{
    const struct value *x;

    if (v == OCELLI_NONE)
        return "";
    if (e->value[v])
        return e->value[v];
    x = &e->g->value[v];
    switch (x->kind) {
    case VALUE_WEIGHT:
    case VALUE_STATE:
        e->value[v] = x->name;
        weight(e, x);
        break;
    case VALUE_CONST:
        e->value[v] = x->name ? x->name : export_name(e, "const");
        initialiser(e, e->value[v], &x->desc, x->data);
        break;
    case VALUE_INPUT:
        e->value[v] = x->name;
        break;
    case VALUE_PREPARED:
    case VALUE_TEMP: /* an output's name, or one after its layer */
        if (x->output) {
            e->value[v] = x->output;
        } else {
            const struct node *n = &e->g->node[x->node];
            char hint[128];
            snprintf(hint, sizeof(hint), "%.100s_out", n->name ? n->name : n->op->name);
            e->value[v] = export_name(e, hint);
        }
        break;
    }
    return e->value[v];
}
