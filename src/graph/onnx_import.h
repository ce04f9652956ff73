/* From ONNX to a graph: what the files onnx_*.c share.
 *
 * Nodes are translated one after the other into builder calls. A name of the file stands for a
 * value of the graph, for content known while importing, or for both. Errors are the graph's sticky
 * status: after one, builder calls do nothing, and so a handler is written without a check a line.
 */
#ifndef GRAPH_ONNX_IMPORT_H
#define GRAPH_ONNX_IMPORT_H

#include <ocelli/onnx.h>

#include "formats/onnx_read.h"
#include "ops/graph.h"
#include "ops/shared.h"

#define ONNX_MIN_OPSET 1
#define ONNX_MAX_OPSET 21
/* No convolutional network has a tenth of that; looking up names takes time with the square. */
#define ONNX_MAX_NODES 16384
#define ONNX_MAX_VALUES 65536
#define ONNX_MAX_PORTS 4096 /* inputs or outputs of a node, which may become an operation each */
#define ONNX_MAX_OPERATIONS 65536
/* Content that arithmetic makes while importing: shapes, not pictures. */
#define HOST_MAX_COUNT 16384
#define HOST_MAX_BYTES ((size_t)8 << 20)

/* A small tensor here. Extents may be 0. */
struct host {
    struct desc d;
    size_t count;
    void *data;
};

enum source {
    FROM_NODE,
    FROM_INPUT,       /* content, if any, is the caller's hint: used only where it has to be */
    FROM_INITIALISER, /* and what a Constant holds */
};

struct slot {
    const char *name;
    struct slot *next; /* in its bucket */
    enum source source;
    ocelli_value v;          /* OCELLI_NONE: not in the graph, or not yet */
    Onnx__Tensor *tensor;    /* content that nobody has asked for yet */
    bool weight;             /* `tensor` is to be a weight where it is float */
    const struct host *host; /* content, NULL: not known */
};

#define SLOT_BUCKETS 4096
struct import {
    struct ocelli_graph *g;
    struct onnx_file *file;
    const struct ocelli_onnx_params *p;
    int opset, training_opset;
    struct slot *bucket[SLOT_BUCKETS];
    int n_slots;
    size_t host_bytes;
    struct arena arena;
};

struct onnx_op;
/* A node while it is translated. */
struct onnx_node {
    struct import *m;
    const Onnx__Node *n;
    const struct onnx_op *op;
    int opset;
    uint64_t used; /* bit i: attribute i was looked at */
};

struct onnx_op {
    const char *name;
    int since; /* the lowest opset whose meaning we have */
    void (*build)(struct onnx_node *n);
    bool training; /* of ai.onnx.preview.training */
};
extern const struct onnx_op onnx_ops_conv[], onnx_ops_element[], onnx_ops_shape[],
    onnx_ops_const[], onnx_ops_resize[], onnx_ops_norm[], onnx_ops_loss[], onnx_ops_train[],
    onnx_ops_fold[];

/* Computes the outputs here if the inputs' content is known and it is arithmetic on shapes; false:
 * not done, to be built (onnx_fold.c). */
bool onnx_fold(struct onnx_node *n);

/* ---- Failing ---- */

/* Makes a failure the graph's; returns OCELLI_NONE: return stop(n, fail(...)). */
int stop(struct onnx_node *n, int err);
bool stopped(const struct onnx_node *n);
/* A file's text for a message: cut, and one line. */
#define PLAIN_TEXT 96
const char *plain(const char *s, char buf[PLAIN_TEXT]);

/* ---- Names (onnx_node.c) ---- */

/* Valid UTF-8 without control characters. */
bool plain_name(const char *name);
struct slot *slot_find(const struct import *m, const char *name);
/* NULL with the status set: taken, or too many. */
struct slot *slot_new(struct import *m, const char *name);
/* The value in the graph, made from the content if need be. */
ocelli_value slot_value(struct import *m, struct slot *s);
/* The content, NULL when it is not known (or too large to be of use). */
const struct host *slot_host(struct import *m, struct slot *s);

/* ---- A node's inputs and outputs ---- */

/* Optional inputs may be missing at the end or be named "". */
bool has_in(const struct onnx_node *n, int i);
ocelli_value in(struct onnx_node *n, int i);
ocelli_value in_or_none(struct onnx_node *n, int i);
struct ocelli_shape in_shape(struct onnx_node *n, int i);
enum ocelli_dtype in_dtype(struct onnx_node *n, int i);
/* Content of input i; NULL when it is not known.. */
const struct host *in_host(struct onnx_node *n, int i);
/* ..and NULL with the status set. */
const struct host *in_known(struct onnx_node *n, int i);
int inputs(const struct onnx_node *n);
bool has_out(const struct onnx_node *n, int i);
int outputs(const struct onnx_node *n);
void out(struct onnx_node *n, int i, ocelli_value v);
void out_host(struct onnx_node *n, int i, const struct host *h);
/* A tensor without elements, of input 0's type. */
void out_empty(struct onnx_node *n, int i, const struct ocelli_shape *s);
/* Output 0 is input 0. */
void out_same(struct onnx_node *n);

/* ---- Attributes (onnx_attr.c) ---- */

bool has_attr(struct onnx_node *n, const char *name);
int64_t attr_int(struct onnx_node *n, const char *name, int64_t def);
bool attr_flag(struct onnx_node *n, const char *name, bool def);
float attr_float(struct onnx_node *n, const char *name, float def);
/* The count, -1 when it is absent. */
int attr_ints(struct onnx_node *n, const char *name, int64_t *v, int max);
/* As int, each below 2^30 in magnitude; absent: all `def`, else exactly `count`. */
void attr_small(struct onnx_node *n, const char *name, int *v, int count, int def);
/* The index of the word that the attribute is, `def` when it is absent. */
int attr_word(struct onnx_node *n, const char *name, const char *const *words, int def);
const Onnx__Attribute *attr_find(struct onnx_node *n, const char *name);
/* Looked at, without an effect here. */
void attr_ignore(struct onnx_node *n, const char *name);
/* "attribute NAME = VALUE" is not supported. */
void attr_refuse(struct onnx_node *n, const char *name, long long value);
/* The numbers of input i, or of attribute `name` below opset `since`; the count, -1 when absent. */
int ints(struct onnx_node *n, int i, const char *name, int since, int64_t *v, int max);
/* An axis of a value of `rank` dimensions, negative from the end. */
int axis_of(struct onnx_node *n, int64_t axis, int rank);
/* Bits of the axes listed; twice the same fails. */
int axes_mask(struct onnx_node *n, const int64_t *axes, int count, int rank);

/* ---- Content (onnx_host.c) ---- */

/* Zeroed; NULL with the status set when it is too large. */
struct host *host_new(struct import *m, enum ocelli_dtype dtype, const struct ocelli_shape *s);
double host_f(const struct host *h, size_t i);
int64_t host_i(const struct host *h, size_t i);
void host_set_f(struct host *h, size_t i, double v);
void host_set_i(struct host *h, size_t i, int64_t v);
/* y[i..] = x[offset + i0 stride0 + ..] */
struct host *host_strided(struct import *m, const struct host *x, const struct ocelli_shape *s,
                          const int64_t *stride, int64_t offset);
void strides_of(const struct ocelli_shape *s, int64_t *stride);
/* The shape that both broadcast to; false when they do not fit. */
bool broadcast(const struct ocelli_shape *a, const struct ocelli_shape *b, struct ocelli_shape *y);
/* Strides of `s` seen as `y`: 0 where it repeats. */
void broadcast_strides(const struct ocelli_shape *s, const struct ocelli_shape *y, int64_t *stride);

/* ---- What a node asks for, shared by building and folding (onnx_asked.c) ---- */

bool reshape_shape(struct onnx_node *n, const struct ocelli_shape *x, struct ocelli_shape *y);
bool squeeze_shape(struct onnx_node *n, const struct ocelli_shape *x, struct ocelli_shape *y);
bool unsqueeze_shape(struct onnx_node *n, const struct ocelli_shape *x, struct ocelli_shape *y);
/* Start and end as NumPy reads them. */
struct slices {
    int64_t start[OCELLI_MAX_RANK], step[OCELLI_MAX_RANK], count[OCELLI_MAX_RANK];
};
void slice_axis(struct slices *r, int d, int64_t extent, int64_t start, int64_t end, int64_t step);
bool slice_ranges(struct onnx_node *n, const struct ocelli_shape *x, struct slices *s);
bool transpose_perm(struct onnx_node *n, int rank, int *perm);
/* The extents along the axis, one an output. */
bool split_sizes(struct onnx_node *n, const struct ocelli_shape *x, int *axis, int64_t *size);
bool expand_shape(struct onnx_node *n, const struct ocelli_shape *x, struct ocelli_shape *y);
int cast_dtype(struct onnx_node *n);
#define SPLIT_MAX 1024

/* ---- Small helps for building (onnx_help.c) ---- */

/* A scalar constant of x's type. */
ocelli_value scalar_like(struct onnx_node *n, ocelli_value x, double value);
enum ocelli_dtype dtype_of(struct onnx_node *n, ocelli_value v);
ocelli_value function_of(struct onnx_node *n, ocelli_value x, enum ocelli_unary_kind kind);
/* a op scalar. */
ocelli_value with_scalar(struct onnx_node *n, ocelli_value a, enum ocelli_binary_kind kind,
                         double value);
/* a op b, by the operation that fuses best: add, bias, scale, else with broadcasting. */
ocelli_value combine(struct onnx_node *n, ocelli_value a, ocelli_value b,
                     enum ocelli_binary_kind kind);
/* For fields of params in which 0 means the default. */
float not_zero(float v);
/* The value under another shape. */
ocelli_value shaped(struct onnx_node *n, ocelli_value x, const struct ocelli_shape *s);
/* Everything equal to `value`, of the given type. */
ocelli_value filled(struct onnx_node *n, enum ocelli_dtype dtype, const struct ocelli_shape *s,
                    double value);

#endif
