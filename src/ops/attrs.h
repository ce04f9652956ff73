/* The operations, and the params structs of those that have none in the public header. Backward
 * operations take the params of their forward operation.
 *
 *   conv2d(x, w)      conv2d_bwd_data(dy, w) -> dx         conv2d_bwd_weights(dy, x) -> dw
 *   pool2d(x)         pool2d_bwd(dy, x) -> dx              gap(x)         gap_bwd(dy) -> dx
 *   gemm(a, b)
 *   bias(x, b)                bias_bwd(dy) -> db
 *   scale(x, s)               scale_bwd(dy, x) -> ds       (dx is scale(dy, s))
 *   unary(x)                  unary_bwd(dy, y) -> dx
 *   add(a, b)                 reshape(x)
 *   softmax(x)                softmax_bwd(dy, y) -> dx
 *   softmax_xent(x, labels) -> loss             softmax_xent_bwd(x, labels, dloss) -> dx
 *   in_top_k(x, labels) -> y
 *   sgd(w, g, lr, v?)                           no output: updates w and v
 */
#ifndef OPS_ATTRS_H
#define OPS_ATTRS_H

#include "ops/op.h"

struct reshape_attr {
    struct ocelli_shape shape; /* one extent may be -1 */
};

/* d = g + weight_decay w;  v = momentum v + d;  w -= lr v, Nesterov: w -= lr (d + momentum v).
 * v is given exactly when momentum is not 0, and starts as zeros. lr is a scalar. */
struct sgd_attr {
    float momentum;
    float weight_decay;
    bool nesterov;
};

/* The forward convolution, and height and width of the x that it was given: several extents lead to
 * one y. */
struct conv2d_bwd_data_attr {
    struct ocelli_conv2d_params conv;
    int size[2];
};

/* Height and width of the x that gap was given. */
struct gap_bwd_attr {
    int size[2];
};

extern const struct op op_conv2d, op_conv2d_bwd_data, op_conv2d_bwd_weights;
extern const struct op op_pool2d, op_pool2d_bwd, op_gap, op_gap_bwd, op_gemm;
extern const struct op op_bias, op_bias_bwd, op_scale, op_scale_bwd;
extern const struct op op_unary, op_unary_bwd, op_add, op_reshape;
extern const struct op op_softmax, op_softmax_bwd, op_softmax_xent, op_softmax_xent_bwd;
extern const struct op op_in_top_k, op_sgd;

#endif
