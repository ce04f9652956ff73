/* An operation of the graph as ONNX writes it in opset 17: what the files onnx_export_*.c that do
 * it share. What ONNX lacks is composed of what it has. */
#ifndef GRAPH_ONNX_WRITER_H
#define GRAPH_ONNX_WRITER_H

#include "graph/onnx_export.h"
#include "ops/attrs.h"

/* A node of the graph while it is written. */
struct writer {
    struct export *e;
    const struct graph *g;
    const struct node *n;
    const struct value *x, *y; /* input 0 and output 0 */
    const char *out;           /* the name of output 0 */
};

struct op_writer {
    const char *op;
    void (*write)(struct writer *w);
    bool bias; /* ONNX's operator has it as a third input */
};
/* Each ends with {0}. */
extern const struct op_writer onnx_writers_spatial[], onnx_writers_element[], onnx_writers_move[],
    onnx_writers_norm[];

static inline const char *in(struct writer *w, int i)
{
    return i < w->n->n_in ? export_value(w->e, w->n->in[i]) : "";
}

static inline bool has_in(const struct writer *w, int i)
{
    return i < w->n->n_in && w->n->in[i] != OCELLI_NONE;
}

static inline const struct ocelli_shape *in_shape(const struct writer *w, int i)
{
    return &w->g->value[w->n->in[i]].desc.shape;
}

/* "This operation with .. has no counterpart." */
static inline void refuse(struct writer *w, const char *what)
{
    export_fail(w->e, fail(OCELLI_ERR_UNSUPPORTED, "%s: ONNX's opset %d has no %s%s%s",
                           w->n->name ? w->n->name : w->n->op->name, EXPORT_OPSET, w->n->op->name,
                           *what ? " with " : "", what));
}

/* type(a) and type(a, b), their result under a new name; or with the node's output as result. */
static inline const char *step(struct writer *w, const char *type, const char *a, const char *b)
{
    const char *y = export_name(w->e, "step");

    export_node(w->e, w->n, type, y, b ? 2 : 1, (const char *[]){a, b});
    return y;
}

static inline Onnx__Node *last(struct writer *w, const char *type, const char *a, const char *b)
{
    return export_node(w->e, w->n, type, w->out, b ? 2 : 1, (const char *[]){a, b});
}

/* Of x's type. */
static inline const char *scalar(struct writer *w, double v)
{
    return export_scalar(w->e, w->x->desc.dtype, v);
}

/* With the bias, if any was joined to this node, as input 2. */
static inline Onnx__Node *with_bias(struct writer *w, const char *type)
{
    int b = w->e->bias[w->n - w->g->node];
    const char *x[3] = {in(w, 0), in(w, 1), b < 0 ? "" : export_value(w->e, w->g->node[b].in[1])};

    return export_node(w->e, w->n, type, w->out, b < 0 ? 2 : 3, x);
}

#endif
