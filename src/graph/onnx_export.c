/* Graphs to ONNX files: which nodes, their names, weights as initialisers, and the file itself. */
#include "graph/onnx_export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ocelli/version.h>

#include "base/file.h"
#include "base/hash.h"

void export_fail(struct export *e, int err)
{
    if (!e->err)
        e->err = err;
}

static void *alloc(struct export *e, size_t bytes)
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
    bool plain = strcmp(type, "Flatten") == 0 || strcmp(type, "Reshape") == 0 || strcmp(type, "Identity") == 0;
    const char *hint = from && from->name ? from->name : type;

    if (plain && hint != type)
        hint = arena_printf(&e->arena, "%s.%s", from->name, type);
    return fresh(e, &e->nodes, hint ? hint : type);
}

Onnx__Node *export_node(struct export *e, const struct node *from, const char *type, const char *output,
                        int n_in, const char *const *in)
{
    Onnx__Node *n = alloc(e, sizeof(*n));
    char **names = alloc(e, (size_t)(n_in + 1) * sizeof(*names));
    char **outputs = alloc(e, 2 * sizeof(*outputs));
    Onnx__Attribute **attrs = alloc(e, EXPORT_MAX_ATTRS * sizeof(Onnx__Attribute *));

    if (!n || !names || !outputs || !attrs || !push(e, &e->graph.node, e->graph.n_node, &e->cap_nodes)) {
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
    Onnx__Attribute *a = alloc(e, sizeof(*a));

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
    int64_t *ints = alloc(e, (size_t)(count + 1) * sizeof(*ints));

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
    Onnx__Tensor *t = alloc(e, sizeof(*t));
    int64_t *dims = alloc(e, OCELLI_MAX_RANK * sizeof(*dims));

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

const char *export_tensor(struct export *e, const char *hint, const struct desc *d, const void *data)
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
    float *x = alloc(e, count * sizeof(*x));
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
        void *host = alloc(e, bytes);
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
        export_fail(e, fail(OCELLI_ERR_INVALID, "%s: the weight's content is not at hand", v->name));
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

/* ---- What is written ---- */

static bool is_loss(const struct op *op)
{
    return strcmp(op->name, "softmax_xent") == 0 || strcmp(op->name, "in_top_k") == 0;
}

/* Outputs that need labels are for training; they count only when there are no others. */
static int choose_outputs(struct export *e)
{
    const struct graph *g = e->g;
    bool *loss = calloc((size_t)g->n_values + 1, sizeof(*loss));
    int others = 0;

    if (!loss)
        return fail_memory();
    for (int i = 0; i < g->n_nodes; i++) {
        const struct node *n = &g->node[i];
        bool is = is_loss(n->op);
        for (int j = 0; j < n->n_in; j++)
            is = is || (n->in[j] != OCELLI_NONE && loss[n->in[j]]);
        for (int k = 0; k < n->n_out; k++)
            loss[n->out[k]] = is;
    }
    for (int v = 0; v < g->n_values; v++)
        others += g->value[v].output && !loss[v];
    for (int v = 0; v < g->n_values; v++)
        e->kept[v] = g->value[v].output && (!loss[v] || others == 0);
    free(loss);
    return 0;
}

/* The nodes that the outputs depend on, updates left out. */
static int choose_nodes(struct export *e)
{
    const struct graph *g = e->g;
    bool *needed = calloc((size_t)g->n_values + 1, sizeof(*needed));

    if (!needed)
        return fail_memory();
    memcpy(needed, e->kept, (size_t)g->n_values * sizeof(*needed));
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        const struct node *n = &g->node[i];
        for (int k = 0; k < n->n_out; k++)
            e->live[i] = e->live[i] || needed[n->out[k]];
        for (int j = 0; e->live[i] && j < n->n_in; j++)
            if (n->in[j] != OCELLI_NONE)
                needed[n->in[j]] = true;
    }
    free(needed);
    return 0;
}

/* A bias right behind a convolution or product is an input of that one in ONNX. */
static void join_biases(struct export *e)
{
    const struct graph *g = e->g;

    for (int i = 0; i < g->n_nodes; i++)
        e->bias[i] = -1;
    for (int i = 0; i < g->n_nodes; i++) {
        const struct node *n = &g->node[i];
        int readers = 0;
        if (!e->live[i] || strcmp(n->op->name, "bias") != 0)
            continue;
        const struct value *x = &g->value[n->in[0]], *b = &g->value[n->in[1]];
        for (int k = 0; k < g->n_nodes && x->node >= 0; k++)
            for (int j = 0; e->live[k] && j < g->node[k].n_in; j++)
                readers += g->node[k].in[j] == n->in[0];
        if (x->node >= 0 && readers == 1 && !e->kept[n->in[0]] && b->node < 0 &&
            export_takes_bias(g->node[x->node].op))
            e->bias[x->node] = i;
    }
}

/* Names of the graph's own come before those made here. */
static void reserve_names(struct export *e)
{
    for (int v = 0; v < e->g->n_values; v++) {
        const struct value *x = &e->g->value[v];
        if (x->name)
            name_take(e, &e->values, x->name);
        if (x->output)
            name_take(e, &e->values, x->output);
    }
}

/* ---- Inputs and outputs ---- */

static Onnx__ValueInfo *value_info(struct export *e, const char *name, const struct desc *d)
{
    Onnx__ValueInfo *v = alloc(e, sizeof(*v));
    Onnx__Type *type = alloc(e, sizeof(*type));
    Onnx__TensorType *tensor = alloc(e, sizeof(*tensor));
    Onnx__Shape *shape = alloc(e, sizeof(*shape));
    Onnx__Dim **dims = alloc(e, OCELLI_MAX_RANK * sizeof(*dims));

    if (!v || !type || !tensor || !shape || !dims)
        return NULL;
    onnx__value_info__init(v);
    onnx__type__init(type);
    onnx__tensor_type__init(tensor);
    onnx__shape__init(shape);
    for (int i = 0; i < d->shape.rank; i++) {
        if (!(dims[i] = alloc(e, sizeof(*dims[i]))))
            return NULL;
        onnx__dim__init(dims[i]);
        if (i == 0 && e->batch_name && d->shape.dim[0] == e->batch) {
            dims[i]->dim_param = (char *)e->batch_name;
        } else {
            dims[i]->has_dim_value = 1;
            dims[i]->dim_value = d->shape.dim[i];
        }
    }
    shape->dim = dims;
    shape->n_dim = (size_t)d->shape.rank;
    tensor->has_elem_type = 1;
    tensor->elem_type = onnx_type_number(d->dtype);
    tensor->shape = shape;
    type->tensor_type = tensor;
    v->name = (char *)name;
    v->type = type;
    return v;
}

/* Is it an input that only nodes that are left out read? */
static bool unused(const struct export *e, int v)
{
    bool read = false;

    for (int i = 0; i < e->g->n_nodes; i++)
        for (int j = 0; j < e->g->node[i].n_in; j++)
            if (e->g->node[i].in[j] == v) {
                if (e->live[i])
                    return false;
                read = true;
            }
    return read && !e->kept[v];
}

static void add_inputs(struct export *e)
{
    const struct graph *g = e->g;

    e->graph.input = alloc(e, (size_t)(g->n_values + 1) * sizeof(*e->graph.input));
    for (int v = 0; v < g->n_values && !e->err; v++) {
        const struct value *x = &g->value[v];
        if (x->kind != VALUE_INPUT || unused(e, v))
            continue;
        if (!e->batch && x->desc.shape.rank > 0)
            e->batch = x->desc.shape.dim[0];
        e->graph.input[e->graph.n_input++] = value_info(e, export_value(e, v), &x->desc);
    }
}

/* An output that is an input, a weight or a constant under another name needs a node. */
static void add_output(struct export *e, int v)
{
    const struct value *x = &e->g->value[v];
    const char *name = export_value(e, v);

    if (strcmp(name, x->output) != 0)
        export_node(e, NULL, "Identity", x->output, 1, &name);
    e->graph.output[e->graph.n_output++] = value_info(e, x->output, &x->desc);
}

static void add_outputs(struct export *e)
{
    const struct graph *g = e->g;

    e->graph.output = alloc(e, (size_t)(g->n_values + 1) * sizeof(*e->graph.output));
    for (int i = 0; i < g->n_outputs; i++)
        for (int v = 0; v < g->n_values && !e->err; v++)
            if (e->kept[v] && g->value[v].output_no == i)
                add_output(e, v);
    if (!e->err && e->graph.n_output == 0)
        export_fail(e, fail(OCELLI_ERR_INVALID, "the network has no outputs"));
}

/* ---- The file ---- */

/* protobuf-c appends the message piece by piece. */
struct sink {
    ProtobufCBuffer base;
    struct file_writer *w;
    uint8_t block[65536];
    size_t n;
    int err;
};

static void sink_flush(struct sink *s)
{
    if (!s->err && s->n)
        s->err = file_write(s->w, s->block, s->n);
    s->n = 0;
}

static void sink_append(ProtobufCBuffer *b, size_t len, const uint8_t *data)
{
    struct sink *s = (struct sink *)b;

    if (len > sizeof(s->block) - s->n)
        sink_flush(s);
    if (len > sizeof(s->block)) {
        if (!s->err)
            s->err = file_write(s->w, data, len);
    } else if (len) {
        memcpy(s->block + s->n, data, len);
        s->n += len;
    }
}

static int write_model(struct export *e, const char *path)
{
    Onnx__Model model = ONNX__MODEL__INIT;
    Onnx__OperatorSet opset = ONNX__OPERATOR_SET__INIT, *opsets = &opset;
    struct file_writer w = {.fd = -1};
    struct sink *s = NULL;
    int err;

    opset.domain = "";
    opset.has_version = 1;
    opset.version = EXPORT_OPSET;
    model.has_ir_version = 1;
    model.ir_version = 8; /* that of opset 17 */
    model.producer_name = "ocelli";
    model.producer_version = (char *)ocelli_version();
    model.graph = &e->graph;
    model.n_opset_import = 1;
    model.opset_import = &opsets;
    e->graph.name = "network";
    if (onnx__model__get_packed_size(&model) >= ONNX_MAX_FILE)
        return fail(OCELLI_ERR_UNSUPPORTED, "the model takes more than ONNX's 2 GiB");
    if (!(s = calloc(1, sizeof(*s))))
        return fail_memory();
    s->base.append = sink_append;
    s->w = &w;
    TRY(file_create(&w, path, 0666));
    (void)onnx__model__pack_to_buffer(&model, &s->base);
    sink_flush(s);
    TRY(s->err);
    TRY(file_commit(&w));
out:
    file_discard(&w);
    free(s);
    return err;
}

int ocelli_onnx_save(const struct ocelli_graph *graph, const struct ocelli_weights *w, const char *path,
                     const char *batch_name)
{
    const struct graph *g = &graph->g;
    struct export *e = calloc(1, sizeof(*e));
    int err;

    if (!e)
        return fail_memory();
    TRY(ocelli_graph_status(graph));
    e->g = g;
    e->w = w;
    e->batch_name = batch_name;
    onnx__graph__init(&e->graph);
    e->value = calloc((size_t)g->n_values + 1, sizeof(*e->value));
    e->live = calloc((size_t)g->n_nodes + 1, sizeof(*e->live));
    e->kept = calloc((size_t)g->n_values + 1, sizeof(*e->kept));
    e->bias = calloc((size_t)g->n_nodes + 1, sizeof(*e->bias));
    if (!e->value || !e->live || !e->kept || !e->bias)
        TRY(fail_memory());
    TRY(choose_outputs(e));
    TRY(choose_nodes(e));
    join_biases(e);
    reserve_names(e);
    add_inputs(e);
    for (int i = 0; i < g->n_nodes && !e->err; i++)
        if (e->live[i])
            export_op(e, i);
    add_outputs(e);
    TRY(e->err);
    TRY(write_model(e, path));
out:
    free(e->value);
    free(e->live);
    free(e->kept);
    free(e->bias);
    free(e->graph.node);
    free(e->graph.initializer);
    free(e->values.slot);
    free(e->nodes.slot);
    arena_free(&e->arena);
    free(e);
    return err && err != OCELLI_ERR_IO ? fail_in(err, "%s", path) : err; /* files name themselves */
}
