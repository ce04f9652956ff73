/* Which operation is written how, and scalars. */
#include <string.h>

#include "base/number.h"
#include "graph/onnx_writer.h"

const char *export_scalar(struct export *e, enum ocelli_dtype dtype, double v)
{
    uint64_t bits = 0;
    float f = (float)v;
    int64_t i = whole_number(v);

    switch (dtype) {
    case OCELLI_F32:
        memcpy(&bits, &f, sizeof(f));
        break;
    case OCELLI_F64:
        memcpy(&bits, &v, sizeof(v));
        break;
    case OCELLI_F16:
        bits = double_to_half(v);
        break;
    default: /* whole numbers: the low bytes come first */
        memcpy(&bits, &i, sizeof(i));
        break;
    }
    return export_tensor(e, "scalar", &(struct desc){dtype, {0}}, &bits);
}

static const struct op_writer *find(const struct op *op)
{
    static const struct op_writer *const families[] = {onnx_writers_spatial, onnx_writers_element,
                                                       onnx_writers_move, onnx_writers_norm};

    for (size_t f = 0; f < COUNT(families); f++)
        for (const struct op_writer *w = families[f]; w->op; w++)
            if (strcmp(w->op, op->name) == 0)
                return w;
    return NULL;
}

bool export_takes_bias(const struct op *op)
{
    const struct op_writer *w = find(op);

    return w && w->bias;
}

void export_op(struct export *e, int i)
{
    const struct node *n = &e->g->node[i];
    struct writer w = {.e = e, .g = e->g, .n = n};
    int joined = e->bias[i];

    if (strcmp(n->op->name, "bias") == 0) { /* written with the node before it? */
        const struct value *x = &e->g->value[n->in[0]];
        if (x->node >= 0 && e->bias[x->node] == i)
            return;
    }
    w.x = &e->g->value[n->in[0]];
    w.y = &e->g->value[n->out[0]];
    w.out = export_value(e, joined < 0 ? n->out[0] : e->g->node[joined].out[0]);
    const struct op_writer *how = find(n->op);
    if (how)
        how->write(&w);
    else
        refuse(&w, "");
}
