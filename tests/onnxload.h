/* Models of onnxmodel.h, read. */
#ifndef TESTS_ONNXLOAD_H
#define TESTS_ONNXLOAD_H

#include <ocelli/onnx.h>

#include "onnxmodel.h"

static struct model m;
static struct ocelli_graph *g;

static inline int load(const struct ocelli_onnx_params *p)
{
    size_t bytes;
    uint8_t *data = model_pack(&m, &bytes);
    ocelli_graph_destroy(&g);
    return ocelli_onnx_parse(&g, "test.onnx", data, bytes, p);
}

static inline void end(void)
{
    ocelli_graph_destroy(&g);
    model_free(&m);
}

/* The shape of a named value is that. */
#define assert_shape(name, text)                                              \
    do {                                                                      \
        char buf_[SHAPE_TEXT];                                                \
        struct ocelli_shape s_ = ocelli_value_shape(g, ocelli_find(g, name)); \
        ck_assert_str_eq(shape_text(&s_, buf_), text);                        \
    } while (0)

static const float weights[6] = {1, 2, 3, 4, 5, 6}, shifts[2] = {10, 20};

/* y = x w^T + b with w 2x3. */
static inline void gemm_model(int opset)
{
    model_begin(&m, opset);
    model_input(&m, "x", FLOAT, DIMS(-1, 3));
    model_initialiser(&m, "w", FLOAT, DIMS(2, 3), weights, sizeof(weights));
    model_initialiser(&m, "b", FLOAT, DIMS(2), shifts, sizeof(shifts));
    Onnx__Node *n = model_node(&m, "Gemm", "x,w,b", "y");
    n->name = "dense";
    model_int(&m, n, "transB", 1);
    model_output(&m, "y");
}

#endif
