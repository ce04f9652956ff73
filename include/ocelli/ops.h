/* Operations: what a layer computes, and the builder call that adds it to a graph.
 *
 * Images are N x C x H x W (batch, channels, height, width). In every params struct zero means the
 * default that the comment gives; a params pointer may be NULL where all fields have one. In pairs
 * of {height, width} a zero second entry repeats the first. Each call returns its output, or
 * OCELLI_NONE with the graph's status set (SHAPE, INVALID, MEMORY). Lecture and papers: LeCun et
 * al. 1998 (convolution, subsampling), Dumoulin and Visin 2016 (the arithmetic of shapes). */
#ifndef OCELLI_OPS_H
#define OCELLI_OPS_H

#include <ocelli/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Convolution (cross-correlation: the filter is not flipped).
 * x N x C x H x W, w M x C/groups x R x S -> N x M x OH x OW with
 * OH = floor((H + pad_top + pad_bottom - dilation (R - 1) - 1) / stride) + 1. */
struct ocelli_conv2d_params {
    int kernel[2];   /* only for ocelli_layer_conv2d; ocelli_conv2d takes it from w */
    int stride[2];   /* default 1 */
    int dilation[2]; /* default 1 */
    int pad[4];      /* top, left, bottom, right */
    int groups;      /* default 1 */
    bool strict;     /* fail where the stride does not divide: no row or column may be left over */
};
OCELLI_API ocelli_value ocelli_conv2d(struct ocelli_graph *g, ocelli_value x, ocelli_value w,
                                      const struct ocelli_conv2d_params *p);

/* Maximum or average over windows, each channel by itself. Padding never wins a maximum. */
enum ocelli_pool_kind { OCELLI_POOL_MAX = 0, OCELLI_POOL_AVERAGE };
struct ocelli_pool2d_params {
    enum ocelli_pool_kind kind;
    int kernel[2];
    int stride[2];          /* default: the kernel (windows side by side) */
    int dilation[2];        /* default 1 */
    int pad[4];             /* top, left, bottom, right; smaller than the window */
    bool ceil_mode;         /* round the output size up; a window starts inside the padded image */
    bool count_include_pad; /* average: divide by the window's size, padding counted */
};
OCELLI_API ocelli_value ocelli_pool2d(struct ocelli_graph *g, ocelli_value x,
                                      const struct ocelli_pool2d_params *p);

/* Global average pooling: N x C x H x W -> N x C x 1 x 1 (Lin et al. 2013). */
OCELLI_API ocelli_value ocelli_gap(struct ocelli_graph *g, ocelli_value x);

/* y = op(a) op(b), op transposing where asked. a M x K (K x M if trans_a), b K x N (N x K if
 * trans_b) -> M x N. */
struct ocelli_gemm_params {
    bool trans_a, trans_b;
};
OCELLI_API ocelli_value ocelli_gemm(struct ocelli_graph *g, ocelli_value a, ocelli_value b,
                                    const struct ocelli_gemm_params *p);

/* y = x + b[c], y = x * s[c]; c counts along dimension 1. b, s: C. */
OCELLI_API ocelli_value ocelli_bias(struct ocelli_graph *g, ocelli_value x, ocelli_value b);
OCELLI_API ocelli_value ocelli_scale(struct ocelli_graph *g, ocelli_value x, ocelli_value s);

/* Functions of each element by itself. */
enum ocelli_unary_kind {
    OCELLI_RELU = 1, /* max(x, 0) */
    OCELLI_SIGMOID,  /* 1 / (1 + exp(-x)) */
    OCELLI_TANH,     /* alpha tanh(beta x); alpha, beta default 1. LeCun 1998: 1.7159, 2/3 */
};
struct ocelli_unary_params {
    enum ocelli_unary_kind kind;
    float alpha, beta;
};
OCELLI_API ocelli_value ocelli_unary(struct ocelli_graph *g, ocelli_value x,
                                     const struct ocelli_unary_params *p);
OCELLI_API ocelli_value ocelli_relu(struct ocelli_graph *g, ocelli_value x);
OCELLI_API ocelli_value ocelli_sigmoid(struct ocelli_graph *g, ocelli_value x);
OCELLI_API ocelli_value ocelli_tanh(struct ocelli_graph *g, ocelli_value x);

/* Elementwise sum of two values of one shape. */
OCELLI_API ocelli_value ocelli_add(struct ocelli_graph *g, ocelli_value a, ocelli_value b);

/* The same elements under another shape; costs nothing. One extent may be -1: what is left. */
OCELLI_API ocelli_value ocelli_reshape(struct ocelli_graph *g, ocelli_value x,
                                       const struct ocelli_shape *shape);
/* N x (everything else). */
OCELLI_API ocelli_value ocelli_flatten(struct ocelli_graph *g, ocelli_value x);

/* exp(x_c - max) / sum over dimension 1 of an N x C value. */
OCELLI_API ocelli_value ocelli_softmax(struct ocelli_graph *g, ocelli_value x);

/* Cross-entropy of softmax(logits), computed together so that nothing overflows:
 * loss[n] = log(sum_c exp(x[n][c])) - x[n][label[n]]. logits N x C float, labels N int32 in
 * [0, C) (one outside gives a NaN loss for its sample) -> N. */
OCELLI_API ocelli_value ocelli_softmax_xent(struct ocelli_graph *g, ocelli_value logits,
                                            ocelli_value labels);

/* 1 where the label is among the k largest logits (ties go to the lower class), else 0; N floats. */
struct ocelli_in_top_k_params {
    int k; /* default 1 */
};
OCELLI_API ocelli_value ocelli_in_top_k(struct ocelli_graph *g, ocelli_value logits,
                                        ocelli_value labels,
                                        const struct ocelli_in_top_k_params *p);

/* ---- Layers: operations together with their weights, named "<name>.weight", "<name>.bias" ---- */

/* conv2d and bias; weight out_channels x C/groups x R x S. */
OCELLI_API ocelli_value ocelli_layer_conv2d(struct ocelli_graph *g, const char *name,
                                            ocelli_value x, int out_channels,
                                            const struct ocelli_conv2d_params *p);
/* x N x I (flattened if it has more dimensions) -> N x O; weight O x I, bias O. */
OCELLI_API ocelli_value ocelli_layer_dense(struct ocelli_graph *g, const char *name, ocelli_value x,
                                           int out_features);
/* Trainable subsampling of LeCun et al. 1998, section II.B: average over side-by-side windows,
 * times one coefficient and plus one bias a channel. */
OCELLI_API ocelli_value ocelli_layer_subsample(struct ocelli_graph *g, const char *name,
                                               ocelli_value x, int window);

#ifdef __cplusplus
}
#endif
#endif
