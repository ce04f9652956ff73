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
    bool no_bias;    /* only for ocelli_layer_conv2d: a normalisation follows */
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

/* Functions of each element by itself. RELU, CLIP, NEG, ABS and SIGN take every type, the others
 * floating point ones. */
enum ocelli_unary_kind {
    OCELLI_RELU = 1,     /* max(x, 0) */
    OCELLI_SIGMOID,      /* 1 / (1 + exp(-x)) */
    OCELLI_TANH,         /* alpha tanh(beta x); alpha, beta default 1. LeCun 1998: 1.7159, 2/3 */
    OCELLI_CLIP,         /* min(max(x, alpha), beta) */
    OCELLI_LEAKY_RELU,   /* x < 0 ? alpha x : x */
    OCELLI_ELU,          /* x < 0 ? alpha (exp(x) - 1) : x */
    OCELLI_SELU,         /* beta (x < 0 ? alpha (exp(x) - 1) : x) */
    OCELLI_CELU,         /* max(x, 0) + min(0, alpha (exp(x / alpha) - 1)) */
    OCELLI_HARD_SIGMOID, /* max(0, min(1, alpha x + beta)) */
    OCELLI_HARD_SWISH,   /* x max(0, min(1, x / 6 + 1/2)) */
    OCELLI_SOFTPLUS,     /* log(1 + exp(x)) */
    OCELLI_SOFTSIGN,     /* x / (1 + |x|) */
    OCELLI_THRESHOLDED_RELU, /* x > alpha ? x : 0 */
    OCELLI_GELU,             /* x (1 + erf(x / sqrt(2))) / 2 */
    OCELLI_MISH,             /* x tanh(log(1 + exp(x))) */
    OCELLI_SQRT,
    OCELLI_EXP,
    OCELLI_LOG,
    OCELLI_NEG,
    OCELLI_ABS,
    OCELLI_ERF,
    OCELLI_RECIPROCAL,
    OCELLI_FLOOR,
    OCELLI_CEIL,
    OCELLI_SIGN,
};
/* alpha and beta are taken as they are, 0 included; only TANH's have defaults. FLT_MAX stands for
 * infinity: a bound of CLIP that is none. */
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

/* The same against a label that is right with probability 1 - smoothing and any class, the label's among them, with
 * smoothing (label smoothing: Szegedy et al. 2015, section 7):
 * loss[n] = log(sum_c exp(x[n][c])) - (1 - smoothing) x[n][label[n]] - smoothing mean_c(x[n][c]). */
OCELLI_API ocelli_value ocelli_softmax_xent_smoothed(struct ocelli_graph *g, ocelli_value logits,
                                                     ocelli_value labels, float smoothing);

/* 1 where the label is among the k largest logits (ties go to the lower class), else 0; N floats.
 */
struct ocelli_in_top_k_params {
    int k; /* default 1 */
};
OCELLI_API ocelli_value ocelli_in_top_k(struct ocelli_graph *g, ocelli_value logits,
                                        ocelli_value labels,
                                        const struct ocelli_in_top_k_params *p);

/* ---- Elementwise ---- */

/* Functions of two values. Shapes broadcast as NumPy's: aligned at the last dimension, an extent of
 * 1 (or a missing one) repeats. Both operands have one type, the result has it too. */
enum ocelli_binary_kind {
    OCELLI_ADD = 1,
    OCELLI_SUB,
    OCELLI_MUL,
    OCELLI_DIV, /* whole numbers: towards zero */
    OCELLI_MIN, /* NaN if either is */
    OCELLI_MAX,
    OCELLI_POW,
    OCELLI_PRELU, /* a < 0 ? b a : a */
};
struct ocelli_binary_params {
    enum ocelli_binary_kind kind;
};
OCELLI_API ocelli_value ocelli_binary(struct ocelli_graph *g, ocelli_value a, ocelli_value b,
                                      enum ocelli_binary_kind kind);

/* The elements converted to another type; to whole numbers: towards zero. */
OCELLI_API ocelli_value ocelli_cast(struct ocelli_graph *g, ocelli_value x, enum ocelli_dtype to);

/* ---- Moving elements ---- */

/* y[i0][i1].. = x[offset + i0 stride0 + i1 stride1 ..], offset and strides in elements of x's
 * memory, a stride may be 0 (expand) or negative (flip). What slice, transpose, split and expand
 * are made of. */
struct ocelli_strided_params {
    struct ocelli_shape shape;  /* of y */
    struct ocelli_shape stride; /* rank as shape's */
    int64_t offset;
};
OCELLI_API ocelli_value ocelli_strided(struct ocelli_graph *g, ocelli_value x,
                                       const struct ocelli_strided_params *p);
OCELLI_API ocelli_value ocelli_transpose(struct ocelli_graph *g, ocelli_value x, const int *perm);
/* Elements start[d], start[d] + step[d] ... in each dimension, y's extents given by count[d]. */
OCELLI_API ocelli_value ocelli_slice(struct ocelli_graph *g, ocelli_value x, const int64_t *start,
                                     const int64_t *step, const int64_t *count);
OCELLI_API ocelli_value ocelli_expand(struct ocelli_graph *g, ocelli_value x,
                                      const struct ocelli_shape *shape);

/* Values one behind the other along an axis; n from 1 on. */
OCELLI_API ocelli_value ocelli_concat(struct ocelli_graph *g, const ocelli_value *x, int n,
                                      int axis);

enum ocelli_pad_mode { OCELLI_PAD_CONSTANT = 0, OCELLI_PAD_REFLECT, OCELLI_PAD_EDGE };
struct ocelli_pad_params {
    enum ocelli_pad_mode mode;
    int begin[OCELLI_MAX_RANK], end[OCELLI_MAX_RANK]; /* negative crops */
    float value;
};
OCELLI_API ocelli_value ocelli_pad(struct ocelli_graph *g, ocelli_value x,
                                   const struct ocelli_pad_params *p);

/* y = x with dimension `axis` replaced by the shape of index (I32 or I64; negative counts from the
 * end). */
OCELLI_API ocelli_value ocelli_gather(struct ocelli_graph *g, ocelli_value x, ocelli_value index,
                                      int axis);

/* Resampling of any dimensions, as ONNX Resize. */
enum ocelli_resize_mode { OCELLI_RESIZE_NEAREST = 0, OCELLI_RESIZE_LINEAR, OCELLI_RESIZE_CUBIC };
enum ocelli_resize_coord {
    OCELLI_HALF_PIXEL = 0,
    OCELLI_PYTORCH_HALF_PIXEL,
    OCELLI_ALIGN_CORNERS,
    OCELLI_ASYMMETRIC,
    OCELLI_TF_CROP_AND_RESIZE,
};
enum ocelli_resize_nearest {
    OCELLI_ROUND_PREFER_FLOOR = 0,
    OCELLI_ROUND_PREFER_CEIL,
    OCELLI_ROUND_DOWN,
    OCELLI_ROUND_UP
};
struct ocelli_resize_params {
    enum ocelli_resize_mode mode;
    enum ocelli_resize_coord coord;
    enum ocelli_resize_nearest nearest;
    struct ocelli_shape shape;      /* of y */
    float scale[OCELLI_MAX_RANK];   /* 0: shape / x's extent */
    float roi[2 * OCELLI_MAX_RANK]; /* TF_CROP_AND_RESIZE: starts, then ends, normalised */
    float cubic_a;                  /* default -0.75 */
    bool exclude_outside;
    float extrapolation;
};
OCELLI_API ocelli_value ocelli_resize(struct ocelli_graph *g, ocelli_value x,
                                      const struct ocelli_resize_params *p);

/* ---- Reductions and normalisations ---- */

enum ocelli_reduce_kind {
    OCELLI_REDUCE_SUM = 1,
    OCELLI_REDUCE_MEAN,
    OCELLI_REDUCE_MAX,
    OCELLI_REDUCE_MIN,
    OCELLI_REDUCE_PROD,
    OCELLI_REDUCE_L1,
    OCELLI_REDUCE_L2,
    OCELLI_REDUCE_SUM_SQUARE,
    OCELLI_REDUCE_LOG_SUM,
    OCELLI_REDUCE_LOG_SUM_EXP,
};
struct ocelli_reduce_params {
    enum ocelli_reduce_kind kind;
    int axes;      /* bit d: dimension d is reduced; 0: all */
    bool keepdims; /* as extents of 1 */
};
OCELLI_API ocelli_value ocelli_reduce(struct ocelli_graph *g, ocelli_value x,
                                      const struct ocelli_reduce_params *p);

/* The index (I64) of the largest (smallest) element along an axis. */
struct ocelli_argmax_params {
    int axis; /* here and below: negative counts from the end */
    bool keepdims, smallest, last;
};
OCELLI_API ocelli_value ocelli_argmax(struct ocelli_graph *g, ocelli_value x,
                                      const struct ocelli_argmax_params *p);

/* exp(x - max) / sum along an axis, or the logarithm of that. */
struct ocelli_softmax_params {
    int axis;
    bool log;
};
OCELLI_API ocelli_value ocelli_softmax_axis(struct ocelli_graph *g, ocelli_value x,
                                            const struct ocelli_softmax_params *p);

/* (x - mean[c]) / sqrt(variance[c] + epsilon) * scale[c] + shift[c]; Ioffe and Szegedy 2015. */
struct ocelli_batchnorm_params {
    float epsilon;  /* default 1e-5 */
    float momentum; /* default 0.9: running = momentum running + (1 - momentum) batch */
};
OCELLI_API ocelli_value ocelli_batchnorm(struct ocelli_graph *g, ocelli_value x, ocelli_value scale,
                                         ocelli_value shift, ocelli_value mean,
                                         ocelli_value variance,
                                         const struct ocelli_batchnorm_params *p);

/* The same with mean and variance (divided by the count) of the batch itself. *mean and *variance
 * are the running averages and become the updated ones. */
OCELLI_API ocelli_value ocelli_batchnorm_train(struct ocelli_graph *g, ocelli_value x,
                                               ocelli_value scale, ocelli_value shift,
                                               ocelli_value *mean, ocelli_value *variance,
                                               const struct ocelli_batchnorm_params *p);

/* (x - mean) / sqrt(variance + epsilon) over the dimensions from `axis` on, for each of the others
 * (layer normalisation: Ba et al. 2016; instance normalisation, axis 2: Ulyanov et al. 2016). */
struct ocelli_standardize_params {
    int axis;
    float epsilon; /* default 1e-5 */
};
OCELLI_API ocelli_value ocelli_standardize(struct ocelli_graph *g, ocelli_value x,
                                           const struct ocelli_standardize_params *p);

/* Dropout while training: each element is 0 with probability ratio, the others are divided by 1 - ratio
 * (Srivastava et al. 2014). Which ones depends on the seed, the element and how many training steps there
 * were, which the scalar state "runs" counts (ocelli_optimize() adds what counts), and on nothing else. */
struct ocelli_dropout_params {
    float ratio; /* default 0.5 */
    int seed;    /* 0 to 2^30; another one for each layer */
};
OCELLI_API ocelli_value ocelli_dropout(struct ocelli_graph *g, ocelli_value x,
                                       const struct ocelli_dropout_params *p);

/* Local response normalisation across channels: x / (bias + alpha / size sum x^2)^beta over `size`
 * channels around each (Krizhevsky et al. 2012, section 3.3). */
struct ocelli_lrn_params {
    int size;
    float alpha; /* default 1e-4 */
    float beta;  /* default 0.75 */
    float bias;  /* default 1 */
};
OCELLI_API ocelli_value ocelli_lrn(struct ocelli_graph *g, ocelli_value x,
                                   const struct ocelli_lrn_params *p);

/* -weight[t] x[n][t][..], t = target[n][..] (I32 or I64), 0 where t is `ignore`; x N x C x ..,
 * target N x .. -> N x .. The second form gives the weights themselves, for a mean. weight
 * OCELLI_NONE: all 1. */
struct ocelli_nll_params {
    bool has_ignore;
    int ignore;
    bool weights_only; /* y = weight[t] */
};
OCELLI_API ocelli_value ocelli_nll(struct ocelli_graph *g, ocelli_value x, ocelli_value target,
                                   ocelli_value weight, const struct ocelli_nll_params *p);

/* ---- One to three spatial dimensions: N x C x W, N x C x H x W, N x C x D x H x W ---- */

/* As conv2d, for each of the spatial dimensions of x; zero entries behind the first repeat it, pads
 * are all begins and then all ends. Three dimensions have no gradient. */
struct ocelli_conv_params {
    int stride[3], dilation[3], pad[6];
    int groups;
};
OCELLI_API ocelli_value ocelli_conv(struct ocelli_graph *g, ocelli_value x, ocelli_value w,
                                    const struct ocelli_conv_params *p);
/* The transpose of a convolution (its gradient with respect to x). w C x M/groups x R..; y's
 * extents = stride (extent - 1) + output_pad + dilation (R - 1) + 1 - pads. */
struct ocelli_conv_transpose_params {
    struct ocelli_conv_params conv;
    int output_pad[3];
};
OCELLI_API ocelli_value ocelli_conv_transpose(struct ocelli_graph *g, ocelli_value x,
                                              ocelli_value w,
                                              const struct ocelli_conv_transpose_params *p);

/* As pool2d. Maxima are taken of any type, averages of floating point ones; only float and at most
 * two dimensions have a gradient. */
struct ocelli_pool_params {
    enum ocelli_pool_kind kind;
    int kernel[3], stride[3], dilation[3], pad[6];
    bool ceil_mode, count_include_pad;
    bool column_major; /* only for ocelli_pool_index: of the spatial dimensions the first is counted
                          fastest */
};
OCELLI_API ocelli_value ocelli_pool(struct ocelli_graph *g, ocelli_value x,
                                    const struct ocelli_pool_params *p);
/* Where in x the maxima lie that ocelli_pool gives (I64, its shape): numbers of elements, counted
 * over the whole of x; of equal ones the first; -1 for a window of padding alone. */
OCELLI_API ocelli_value ocelli_pool_index(struct ocelli_graph *g, ocelli_value x,
                                          const struct ocelli_pool_params *p);
/* The way back: a y of that shape, 0 except y[index[i]] = x[i], in each channel by itself: an index
 * that lies outside of the element's own channel has no effect, of equal ones the last counts. x,
 * index (I64) N x C x .., y N x C x ... */
OCELLI_API ocelli_value ocelli_unpool(struct ocelli_graph *g, ocelli_value x, ocelli_value index,
                                      const struct ocelli_shape *shape);

/* ---- Layers: operations together with their weights, named "<name>.weight", "<name>.bias" ---- */

/* conv2d and, unless no_bias, bias; weight out_channels x C/groups x R x S. */
OCELLI_API ocelli_value ocelli_layer_conv2d(struct ocelli_graph *g, const char *name,
                                            ocelli_value x, int out_channels,
                                            const struct ocelli_conv2d_params *p);
/* x N x I (flattened if it has more dimensions) -> N x O; weight O x I, bias O. */
OCELLI_API ocelli_value ocelli_layer_dense(struct ocelli_graph *g, const char *name, ocelli_value x,
                                           int out_features);
/* Batch normalisation; weights "<name>.weight" (1) and "<name>.bias" (0), states "<name>.mean" (0) and
 * "<name>.variance" (1). Predicting normalises by the states; training by the batch, and moves the states
 * towards its mean and its unbiased variance, as PyTorch does. */
struct ocelli_layer_batchnorm_params {
    struct ocelli_batchnorm_params norm;
    bool training;
};
OCELLI_API ocelli_value ocelli_layer_batchnorm(struct ocelli_graph *g, const char *name,
                                               ocelli_value x,
                                               const struct ocelli_layer_batchnorm_params *p);
/* Trainable subsampling of LeCun et al. 1998, section II.B: average over side-by-side windows,
 * times one coefficient and plus one bias a channel. */
OCELLI_API ocelli_value ocelli_layer_subsample(struct ocelli_graph *g, const char *name,
                                               ocelli_value x, int window);

#ifdef __cplusplus
}
#endif
#endif
