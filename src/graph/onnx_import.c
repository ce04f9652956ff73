/* ONNX models to graphs: inputs and initialisers, the nodes in their order, outputs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "graph/onnx_import.h"
#include "graph/walk.h"
#include "ops/attrs.h"

#define TRAINING "ai.onnx.preview.training"

/* ---- Operator sets ---- */

static bool own_domain(const char *domain)
{
    return !domain || !*domain || strcmp(domain, "ai.onnx") == 0;
}

static int read_opsets(struct import *m)
{
    const Onnx__Model *model = m->file->model;

    if (model->n_opset_import == 0)
        m->opset = 1; /* what files meant before they said it */
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const Onnx__OperatorSet *s = model->opset_import[i];
        if (own_domain(s->domain)) {
            if (s->version < ONNX_MIN_OPSET || s->version > ONNX_MAX_OPSET)
                return fail(OCELLI_ERR_UNSUPPORTED, "opset %lld, of which %d to %d are known",
                            (long long)s->version, ONNX_MIN_OPSET, ONNX_MAX_OPSET);
            m->opset = (int)s->version;
        } else if (strcmp(s->domain, TRAINING) == 0 && s->version == 1) {
            m->training_opset = 1;
        }
    }
    return 0;
}

static const struct onnx_op *find_op(const char *name, bool training)
{
    static const struct onnx_op *const families[] = {
        onnx_ops_conv, onnx_ops_element, onnx_ops_shape, onnx_ops_const, onnx_ops_resize,
        onnx_ops_norm, onnx_ops_loss,    onnx_ops_train, onnx_ops_fold,
    };

    for (size_t f = 0; f < COUNT(families); f++)
        for (const struct onnx_op *op = families[f]; op->name; op++)
            if (op->training == training && strcmp(op->name, name) == 0)
                return op;
    return NULL;
}

/* ---- Initialisers ---- */

static int add_initialisers(struct import *m)
{
    const Onnx__Graph *g = m->file->model->graph;

    for (size_t i = 0; i < g->n_initializer; i++) {
        Onnx__Tensor *t = g->initializer[i];
        struct slot *s = slot_new(m, t->name ? t->name : "");
        if (!s)
            return ocelli_graph_status(m->g);
        s->source = FROM_INITIALISER;
        s->tensor = t;
        s->weight = true;
    }
    return 0;
}

/* ---- External data: many tensors in the same few bytes would be a small file that takes all
 * memory ---- */

#define MAX_EXTERNAL 1024 /* files */
struct external {
    const char *location;
    uint64_t claimed;
};

static int claim(struct external *e, int *n, const char *location, uint64_t bytes)
{
    int i = 0;

    while (i < *n && strcmp(e[i].location, location) != 0)
        i++;
    if (i == MAX_EXTERNAL)
        return fail(OCELLI_ERR_FORMAT, "more than %d files of external data", MAX_EXTERNAL);
    if (i == *n)
        e[(*n)++] = (struct external){.location = location};
    if (__builtin_add_overflow(e[i].claimed, bytes, &e[i].claimed))
        e[i].claimed = UINT64_MAX;
    return 0;
}

static int check_claim(struct onnx_file *f, const struct external *e)
{
    const char *path = f->path, *slash = strrchr(path, '/');
    struct stat st;
    char *full;
    int len = asprintf(&full, "%.*s%s", slash ? (int)(slash - path + 1) : 0, path, e->location);

    if (len < 0)
        return fail_memory();
    int found = stat(full, &st); /* for its size: whether it may be read is decided when it is */
    free(full);
    if (found != 0 || !S_ISREG(st.st_mode))
        return 0;
    if (e->claimed / 4 > (uint64_t)st.st_size)
        return fail(OCELLI_ERR_FORMAT,
                    "external data \"%.200s\": tensors of %llu bytes in a file of %lld",
                    e->location, (unsigned long long)e->claimed, (long long)st.st_size);
    /* What it takes is in proportion to that file; twice, while a tensor is copied. */
    if (!add_size(f->left, 2 * (size_t)e->claimed, &f->left))
        f->left = SIZE_MAX;
    return 0;
}

static int check_external(struct import *m)
{
    const Onnx__Graph *g = m->file->model->graph;
    struct external *e = calloc(MAX_EXTERNAL, sizeof(*e));
    int n = 0, err = 0;

    if (!e)
        return fail_memory();
    for (size_t i = 0; i < g->n_initializer && !err; i++) {
        const char *location;
        uint64_t bytes = onnx_external(g->initializer[i], &location);
        if (location)
            err = claim(e, &n, location, bytes);
    }
    for (int i = 0; i < n && m->file->path && !err; i++)
        err = check_claim(m->file, &e[i]);
    free(e);
    return err;
}

/* ---- Inputs ---- */

static const struct ocelli_shape *given_shape(const struct import *m, const char *name)
{
    for (int i = 0; i < m->p->n; i++)
        if (!m->p->names[i] || strcmp(m->p->names[i], name) == 0)
            return &m->p->shapes[i];
    return NULL;
}

static const struct ocelli_array *given_value(const struct import *m, const char *name)
{
    for (int i = 0; i < m->p->n_values; i++)
        if (m->p->values[i].name && strcmp(m->p->values[i].name, name) == 0)
            return &m->p->values[i];
    return NULL;
}

/* The file's shape; what has no number there takes the batch size where it is the first extent. */
static int file_shape(const struct import *m, const Onnx__ValueInfo *v, struct ocelli_shape *s)
{
    const Onnx__Shape *from = v->type->tensor_type->shape;
    char text[PLAIN_TEXT];

    if (!from)
        return fail(OCELLI_ERR_UNSUPPORTED, "input \"%s\" has no shape: give one", v->name);
    if (from->n_dim > OCELLI_MAX_RANK)
        return fail(OCELLI_ERR_UNSUPPORTED, "input \"%s\" has rank %zu, above %d", v->name,
                    from->n_dim, OCELLI_MAX_RANK);
    *s = (struct ocelli_shape){.rank = (int)from->n_dim};
    for (int i = 0; i < s->rank; i++) {
        const Onnx__Dim *d = from->dim[i];
        s->dim[i] = d->has_dim_value ? d->dim_value : m->p->batch > 0 ? m->p->batch : 1;
        if (s->dim[i] < 0)
            return fail(OCELLI_ERR_FORMAT, "input \"%s\": extent %lld", v->name,
                        (long long)s->dim[i]);
        if (!d->has_dim_value && i > 0)
            return fail(OCELLI_ERR_UNSUPPORTED,
                        "input \"%s\": dimension %d (\"%s\") has no size: give the input's shape",
                        v->name, i, plain(d->dim_param, text));
    }
    return 0;
}

static int add_input(struct import *m, const Onnx__ValueInfo *v)
{
    const struct ocelli_shape *given = given_shape(m, v->name);
    const struct ocelli_array *value = given_value(m, v->name);
    struct desc d = {0};
    struct host *h = NULL;
    struct slot *s;
    int dtype, err = 0;
    size_t count;
    char want[SHAPE_TEXT], have[SHAPE_TEXT];

    if (!v->type || !v->type->tensor_type)
        return fail(OCELLI_ERR_UNSUPPORTED, "input \"%s\" is no tensor", v->name);
    dtype = onnx_dtype(v->type->tensor_type->elem_type);
    if (dtype < 0)
        return fail(OCELLI_ERR_UNSUPPORTED, "input \"%s\": elements of ONNX type %d", v->name,
                    v->type->tensor_type->elem_type);
    d.dtype = (enum ocelli_dtype)dtype;
    if (given || value)
        d.shape = given ? *given : value->shape;
    else
        TRY(file_shape(m, v, &d.shape));
    if (value && (value->dtype != d.dtype || !shape_equal(&value->shape, &d.shape)))
        TRY(fail(OCELLI_ERR_SHAPE, "input \"%s\" is %s %s, the value given is %s %s", v->name,
                 dtype_name(d.dtype), shape_text(&d.shape, want), dtype_name(value->dtype),
                 shape_text(&value->shape, have)));
    if (!shape_elements(&d.shape, &count))
        TRY(fail(OCELLI_ERR_FORMAT, "input \"%s\" is too large", v->name));
    if (!(s = slot_new(m, v->name)))
        return ocelli_graph_status(m->g);
    s->source = FROM_INPUT;
    if (count == 0 || (value && count <= HOST_MAX_COUNT)) {
        if (!(h = host_new(m, d.dtype, &d.shape)))
            return ocelli_graph_status(m->g);
        if (count)
            memcpy(h->data, value->data, count * ocelli_dtype_size(d.dtype));
        s->host = h;
    }
    if (count > 0)
        s->v = ocelli_input(m->g, v->name, d.dtype, &d.shape);
    err = ocelli_graph_status(m->g);
out:
    return err;
}

static int add_inputs(struct import *m)
{
    const Onnx__Graph *g = m->file->model->graph;
    int err = 0;

    for (size_t i = 0; i < g->n_input && !err; i++) {
        Onnx__ValueInfo *v = g->input[i];
        if (!v->name || !plain_name(v->name))
            err = fail(OCELLI_ERR_FORMAT, "input %zu has no name", i);
        else if (!slot_find(m, v->name) || slot_find(m, v->name)->source == FROM_INPUT)
            err = add_input(m, v); /* the others are initialisers' names once more */
    }
    return err;
}

/* ---- Nodes ---- */

/* Everything that the node says was taken note of, and all its outputs were made. */
static void check_all_used(struct onnx_node *n)
{
    char text[PLAIN_TEXT];

    for (size_t i = 0; i < n->n->n_attribute && !stopped(n); i++)
        if (!(n->used >> i & 1))
            stop(n, fail(OCELLI_ERR_UNSUPPORTED, "attribute %s",
                         plain(n->n->attribute[i]->name, text)));
    for (int i = 0; i < outputs(n) && !stopped(n); i++)
        if (has_out(n, i) && !slot_find(n->m, n->n->output[i]))
            stop(n, fail(OCELLI_ERR_UNSUPPORTED, "output %d (\"%s\")", i,
                         plain(n->n->output[i], text)));
}

static void translate(struct onnx_node *n)
{
    bool training = n->n->domain && strcmp(n->n->domain, TRAINING) == 0;

    n->opset = training ? n->m->training_opset : n->m->opset;
    n->op = n->n->op_type && (training || own_domain(n->n->domain))
                ? find_op(n->n->op_type, training)
                : NULL;
    if (!n->op)
        stop(n, fail(OCELLI_ERR_UNSUPPORTED, "unknown operator"));
    else if (n->opset == 0)
        stop(n, fail(OCELLI_ERR_FORMAT, "the model names no opset for it"));
    else if (n->opset < n->op->since)
        stop(n, fail(OCELLI_ERR_UNSUPPORTED, "known from opset %d on", n->op->since));
    else if (n->n->n_attribute > 64)
        stop(n, fail(OCELLI_ERR_FORMAT, "%zu attributes", n->n->n_attribute));
    else if (n->n->n_input > ONNX_MAX_PORTS || n->n->n_output > ONNX_MAX_PORTS)
        stop(n, fail(OCELLI_ERR_FORMAT, "%zu inputs, %zu outputs: more than %d", n->n->n_input,
                     n->n->n_output, ONNX_MAX_PORTS));
    if (stopped(n))
        return;
    if (!onnx_fold(n))
        n->op->build(n);
    check_all_used(n);
}

/* What a node is called: by itself, else after its first output. */
static const char *node_name(const Onnx__Node *n)
{
    if (n->name && n->name[0])
        return n->name;
    return n->n_output > 0 ? n->output[0] : "";
}

static int add_node(struct import *m, size_t i)
{
    struct onnx_node n = {.m = m, .n = m->file->model->graph->node[i]};
    char name[PLAIN_TEXT], op[PLAIN_TEXT], domain[PLAIN_TEXT];
    const char *full = node_name(n.n);
    int err;

    if (*full && plain_name(full) && !(m->g->g.layer = arena_str(&m->g->g.arena, full)))
        return OCELLI_ERR_MEMORY;
    translate(&n);
    m->g->g.layer = NULL;
    err = ocelli_graph_status(m->g);
    if (!err && m->g->g.n_nodes > ONNX_MAX_OPERATIONS)
        err = fail(OCELLI_ERR_FORMAT, "more than %d operations", ONNX_MAX_OPERATIONS);
    if (!err)
        return 0;
    if (err == OCELLI_ERR_INVALID)
        err = OCELLI_ERR_FORMAT;
    bool own = own_domain(n.n->domain);
    return fail_in(err, "node %zu \"%s\" (%s%s%s, opset %d)", i, plain(full, name),
                   own ? "" : plain(n.n->domain, domain), own ? "" : ".", plain(n.n->op_type, op),
                   n.opset);
}

static int add_nodes(struct import *m)
{
    const Onnx__Graph *g = m->file->model->graph;
    int err = 0;

    if (g->n_node > ONNX_MAX_NODES)
        return fail(OCELLI_ERR_FORMAT, "%zu nodes, more than %d", g->n_node, ONNX_MAX_NODES);
    for (size_t i = 0; i < g->n_node && !err; i++)
        err = add_node(m, i);
    return err;
}

/* ---- Outputs ---- */

/* A copy of something that no operation computes: outputs have memory of their own. By the node
 * itself, as the builder makes nothing of what changes nothing. */
static ocelli_value copied(struct import *m, ocelli_value v)
{
    struct strided_attr a = {.shape = ocelli_value_shape(m->g, v)};
    int64_t stride[OCELLI_MAX_RANK];
    int in[OP_MAX_IN] = {v};

    strides_of(&a.shape, stride);
    for (int d = 0; d < a.shape.rank; d++)
        a.stride[d] = (int)stride[d];
    return graph_add(&m->g->g, &op_strided, &a, in);
}

static int mark_output(struct import *m, const char *name, ocelli_value v)
{
    struct value *x;

    if (v == OCELLI_NONE)
        return ocelli_graph_status(m->g);
    x = &m->g->g.value[v];
    if (x->output && strcmp(x->output, name) == 0)
        return 0;
    if (x->name && strcmp(x->name, name) == 0)
        return x->kind == VALUE_INPUT
                   ? 0
                   : fail(OCELLI_ERR_UNSUPPORTED, "output \"%s\" is an initialiser", name);
    if (m->g->g.value[alias_root(&m->g->g, v)].kind != VALUE_TEMP) {
        if ((v = copied(m, v)) == OCELLI_NONE)
            return ocelli_graph_status(m->g);
        x = &m->g->g.value[v];
    }
    /* Its own name is no other's. */
    if (x->name && strcmp(x->name, name) == 0 && !x->output) {
        graph_mark(&m->g->g, v, x->name);
        return 0;
    }
    ocelli_output(m->g, name, v);
    return ocelli_graph_status(m->g);
}

/* What has no elements is no operation's. */
static int mark_empty(struct import *m, const char *name, const struct host *h)
{
    int v = graph_const(&m->g->g, NULL, &h->d, h->data);

    if (v != OCELLI_NONE)
        ocelli_output(m->g, name, v);
    return ocelli_graph_status(m->g);
}

static int add_outputs(struct import *m)
{
    const Onnx__Graph *g = m->file->model->graph;
    int err = 0;

    if (g->n_output == 0)
        return fail(OCELLI_ERR_FORMAT, "the graph has no outputs");
    for (size_t i = 0; i < g->n_output && !err; i++) {
        const char *name = g->output[i]->name;
        struct slot *s = name ? slot_find(m, name) : NULL;
        char text[PLAIN_TEXT];
        if (!s)
            err = fail(OCELLI_ERR_FORMAT, "output \"%s\" is made by no node", plain(name, text));
        else if (s->host && s->host->count == 0)
            err = mark_empty(m, name, s->host);
        else if (slot_value(m, s) == OCELLI_NONE)
            err = fail_in(ocelli_graph_status(m->g), "output \"%s\"", plain(name, text));
        else
            err = mark_output(m, name, s->v);
    }
    return err;
}

/* Every value that a node makes and the graph holds. */
static int keep_all(struct import *m)
{
    const Onnx__Graph *g = m->file->model->graph;
    int err = 0;

    for (size_t i = 0; i < g->n_node; i++)
        for (size_t k = 0; k < g->node[i]->n_output && !err; k++) {
            struct slot *s = slot_find(m, g->node[i]->output[k]);
            if (s && s->source == FROM_NODE && s->v != OCELLI_NONE)
                err = mark_output(m, s->name, s->v);
        }
    return err;
}

/* ---- Metadata ---- */

static void read_properties(struct import *m)
{
    const Onnx__Model *model = m->file->model;

    for (size_t i = 0; i < model->n_metadata_props; i++) {
        const Onnx__Property *p = model->metadata_props[i];
        if (p->key && p->value && strcmp(p->key, ONNX_PREPROCESS) == 0 && plain_name(p->value))
            ocelli_graph_set_preprocess(m->g, p->value);
    }
}

/* ---- The calls ---- */

static int import_file(struct ocelli_graph **out, struct onnx_file *f,
                       const struct ocelli_onnx_params *p)
{
    static const struct ocelli_onnx_params defaults;
    struct import *m = calloc(1, sizeof(*m));
    int err;

    if (!m)
        TRY(fail_memory());
    m->file = f;
    m->p = p ? p : &defaults;
    TRY(ocelli_graph_create(&m->g));
    TRY(read_opsets(m));
    TRY(check_external(m));
    TRY(add_initialisers(m));
    TRY(add_inputs(m));
    TRY(add_nodes(m));
    TRY(add_outputs(m));
    if (m->p->keep_all)
        TRY(keep_all(m));
    read_properties(m);
    TRY(ocelli_graph_status(m->g));
    *out = m->g;
    m->g = NULL;
out:
    if (m) {
        ocelli_graph_destroy(&m->g);
        arena_free(&m->arena);
        free(m);
    }
    return err ? fail_in(err, "%s", f->name) : 0;
}

int ocelli_onnx_load(struct ocelli_graph **out, const char *path,
                     const struct ocelli_onnx_params *p)
{
    struct onnx_file *f;
    int err;

    *out = NULL;
    TRY(onnx_open(&f, path, p ? p->max_memory : 0));
    err = import_file(out, f, p);
    onnx_close(&f);
out:
    return err;
}

int ocelli_onnx_parse(struct ocelli_graph **out, const char *name, const void *data, size_t bytes,
                      const struct ocelli_onnx_params *p)
{
    struct onnx_file *f;
    int err;

    *out = NULL;
    TRY(onnx_parse(&f, name, data, bytes, p ? p->max_memory : 0));
    err = import_file(out, f, p);
    onnx_close(&f);
out:
    return err;
}
