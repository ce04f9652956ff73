/* From a graph to ONNX: what onnx_export.c (what is written, the file), onnx_export_parts.c (names,
 * nodes, initialisers) and the operations (onnx_writer.h) share. Failures are sticky, so that an
 * operation is written without a check a line. */
#ifndef GRAPH_ONNX_EXPORT_H
#define GRAPH_ONNX_EXPORT_H

#include <ocelli/onnx.h>

#include "formats/onnx_read.h"
#include "ops/graph.h"

#define EXPORT_OPSET 17
#define EXPORT_MAX_ATTRS 12

/* Names that are taken: a hash table with open addresses. */
struct name_set {
    const char **slot;
    int cap, n;
};

struct export
{
    const struct graph *g;
    const struct ocelli_weights *w;
    const char *batch_name; /* NULL: extents as they are */
    int64_t batch;          /* the extent that has this name */
    const char **value;     /* names of values, NULL: not yet in the file */
    bool *live;             /* nodes to write */
    bool *kept;             /* values that are outputs of the file */
    int *bias;              /* node i takes in the bias of node bias[i]; -1: none */
    Onnx__Graph graph;
    int cap_nodes, cap_inits;
    struct name_set values, nodes;
    struct arena arena;
    Onnx__Node spare; /* written into after a failure */
    int err;
};

/* Sets the sticky error, the first failure wins. */
void export_fail(struct export *e, int err);
/* Zeroed, as long as the export; NULL with the error set. */
void *export_alloc(struct export *e, size_t bytes);

/* A node with one output, or with more by export_output(). Its name is the layer's or the
 * operator's. */
Onnx__Node *export_node(struct export *e, const struct node *from, const char *type,
                        const char *output, int n_in, const char *const *in);
void export_output(struct export *e, Onnx__Node *n, const char *output);
void export_i(struct export *e, Onnx__Node *n, const char *name, int64_t v);
void export_f(struct export *e, Onnx__Node *n, const char *name, float v);
void export_s(struct export *e, Onnx__Node *n, const char *name, const char *v);
void export_ints(struct export *e, Onnx__Node *n, const char *name, const int *v, int count);

/* The name of a value; weights and constants become initialisers when they are first asked for. */
const char *export_value(struct export *e, int v);
/* The graph's own names come before those made here. It must outlive the export. */
void export_take_name(struct export *e, const char *name);
/* A name that nothing has, like "hint". */
const char *export_name(struct export *e, const char *hint);
/* New initialisers: a tensor, a list of I64, a scalar, a tensor of one value. */
const char *export_tensor(struct export *e, const char *hint, const struct desc *d,
                          const void *data);
const char *export_list(struct export *e, const char *hint, const int64_t *v, int n);
const char *export_scalar(struct export *e, enum ocelli_dtype dtype, double v);
const char *export_filled(struct export *e, const struct ocelli_shape *s, float v);

/* Writes node i of the graph (onnx_export_ops.c). */
void export_op(struct export *e, int i);
/* Can it take a bias as one of its inputs, and does it exist in ONNX? */
bool export_takes_bias(const struct op *op);

#endif
