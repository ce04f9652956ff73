/* Graphs to ONNX files: what is written, inputs and outputs, and the file itself. */
#include "graph/onnx_export.h"

#include <stdlib.h>
#include <string.h>

#include <ocelli/version.h>

#include "base/file.h"

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
            export_take_name(e, x->name);
        if (x->output)
            export_take_name(e, x->output);
    }
}

/* ---- Inputs and outputs ---- */

static Onnx__ValueInfo *value_info(struct export *e, const char *name, const struct desc *d)
{
    Onnx__ValueInfo *v = export_alloc(e, sizeof(*v));
    Onnx__Type *type = export_alloc(e, sizeof(*type));
    Onnx__TensorType *tensor = export_alloc(e, sizeof(*tensor));
    Onnx__Shape *shape = export_alloc(e, sizeof(*shape));
    Onnx__Dim **dims = export_alloc(e, OCELLI_MAX_RANK * sizeof(*dims));

    if (!v || !type || !tensor || !shape || !dims)
        return NULL;
    onnx__value_info__init(v);
    onnx__type__init(type);
    onnx__tensor_type__init(tensor);
    onnx__shape__init(shape);
    for (int i = 0; i < d->shape.rank; i++) {
        if (!(dims[i] = export_alloc(e, sizeof(*dims[i]))))
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

    e->graph.input = export_alloc(e, (size_t)(g->n_values + 1) * sizeof(*e->graph.input));
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

    e->graph.output = export_alloc(e, (size_t)(g->n_values + 1) * sizeof(*e->graph.output));
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
    Onnx__Property property = ONNX__PROPERTY__INIT, *properties = &property;
    struct file_writer w = {.fd = -1};
    struct sink *s = NULL;
    int err;

    if (e->g->preprocess) {
        property.key = ONNX_PREPROCESS;
        property.value = (char *)e->g->preprocess;
        model.n_metadata_props = 1;
        model.metadata_props = &properties;
    }
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

int ocelli_onnx_save(const struct ocelli_graph *graph, const struct ocelli_weights *w,
                     const char *path, const char *batch_name)
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
