/* The foldings: each computes its node's outputs from inputs whose content is known. */
#ifndef GRAPH_ONNX_FOLD_H
#define GRAPH_ONNX_FOLD_H

#include "graph/onnx_import.h"

void fold_abs(struct onnx_node *n);
void fold_add(struct onnx_node *n);
void fold_and(struct onnx_node *n);
void fold_cast(struct onnx_node *n);
void fold_ceil(struct onnx_node *n);
void fold_concat(struct onnx_node *n);
void fold_div(struct onnx_node *n);
void fold_equal(struct onnx_node *n);
void fold_expand(struct onnx_node *n);
void fold_floor(struct onnx_node *n);
void fold_gather(struct onnx_node *n);
void fold_greater(struct onnx_node *n);
void fold_less(struct onnx_node *n);
void fold_max(struct onnx_node *n);
void fold_min(struct onnx_node *n);
void fold_mod(struct onnx_node *n);
void fold_mul(struct onnx_node *n);
void fold_neg(struct onnx_node *n);
void fold_not(struct onnx_node *n);
void fold_or(struct onnx_node *n);
void fold_pow(struct onnx_node *n);
void fold_range(struct onnx_node *n);
void fold_reduce_max(struct onnx_node *n);
void fold_reduce_min(struct onnx_node *n);
void fold_reduce_prod(struct onnx_node *n);
void fold_reduce_sum(struct onnx_node *n);
void fold_reshape(struct onnx_node *n);
void fold_round(struct onnx_node *n);
void fold_slice(struct onnx_node *n);
void fold_split(struct onnx_node *n);
void fold_sqrt(struct onnx_node *n);
void fold_squeeze(struct onnx_node *n);
void fold_sub(struct onnx_node *n);
void fold_transpose(struct onnx_node *n);
void fold_unsqueeze(struct onnx_node *n);
void fold_where(struct onnx_node *n);

#endif
