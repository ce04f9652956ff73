/* The operations, and the params structs of those that have none in the public header. Backward
 * operations take the params of their forward operation.
 *
 *   conv2d(x, w)      conv2d_bwd_data(dy, w) -> dx         conv2d_bwd_weights(dy, x) -> dw
 *   pool2d(x)         pool2d_bwd(dy, x) -> dx              gap(x)         gap_bwd(dy) -> dx
 *   gemm(a, b)        gemm_packed(a, b), b in panels
 *   bias(x, b)                bias_bwd(dy) -> db
 *   scale(x, s)               scale_bwd(dy, x) -> ds       (dx is scale(dy, s))
 *   unary(x)                  unary_bwd(dy, y) -> dx
 *   add(a, b)                 reshape(x)
 *   softmax(x)                softmax_bwd(dy, y) -> dx
 *   softmax_xent(x, labels) -> loss             softmax_xent_bwd(x, labels, dloss) -> dx
 *   in_top_k(x, labels) -> y
 *   binary(a, b)                                cast(x)
 *   reduce(x)      reduce_bwd(dy, x, y) -> dx   argmax(x)
 *   batchnorm(x, scale?, shift?, mean?, variance)
 *   batchnorm_stats(x) -> mean, variance
 *   batchnorm_stats_bwd(x, mean, dmean?, dvariance?) -> dx
 *   batchnorm_sums(dy, x, mean, variance) -> dscale, dshift
 *   batchnorm_bwd(dy, x, scale?, mean, variance, dscale, dshift) -> dx
 *   fold(w, b?, scale?, shift?, mean?, variance?) -> w2, b2
 *   standardize(x) standardize_bwd(dy, x) -> dx
 *   lrn(x)         lrn_bwd(dy, x) -> dx
 *   nll(x, target, weight?)                     nll_bwd(dy, target, weight?) -> dx
 *   strided(x)     strided_bwd(dy) -> dx        concat(x0, x1?, ..)
 *   pad(x)         gather(x, index)             resize(x)      image(x)
 *   conv3d(x, w)   conv3d_bwd_data(dy, w) -> dx
 *   pool3d(x)      pool3d_index(x) -> index     unpool(x, index)
 *   lrn_blocked_bwd(dy, x) -> dx
 *   reorder(x)     conv2d_pack(w)     conv2d_blocked(x, w, b?)     lrn_blocked(x)      (ops/conv2d_blocked.h)
 *   separable_blocked(x, w, b?, d, e?): d, e the depthwise convolution's
 *   conv2d_blocked_bwd_data(dy, w) -> dx     conv2d_blocked_bwd_weights(x, dy) -> dw
 *   adaptive(w, g, lr, s, m?, runs?)             no output: updates w, s and m
 *   dropout(x, run)                            running(s, x?, runs?): no output, updates s
 *   sgd(w, g, lr, v?)                           no output: updates w and v
 *   gemm_sgd(w, a, b, lr, v?)                   the same with g = a^T b, never stored
 */
#ifndef OPS_ATTRS_H
#define OPS_ATTRS_H

#include "ops/op.h"

struct reshape_attr {
    struct ocelli_shape shape; /* one extent may be -1 */
};

/* b is so many columns, in blocks of V: N/V x K x V. */
struct gemm_packed_attr {
    int columns;
};
#define GEMM_COLUMNS_MAX 100000000

/* The targets are 1 - smoothing at the label and smoothing / C everywhere in addition. */
struct softmax_xent_attr {
    float smoothing;
};

/* d = g + weight_decay w, or decoupled: w -= lr weight_decay w, d = g.
 * v = momentum v + d;  w -= lr v, Nesterov: w -= lr (d + momentum v).
 * v is given exactly when momentum is not 0, and starts as zeros. lr is a scalar. */
struct sgd_attr {
    float momentum;
    float weight_decay;
    bool nesterov;
    bool decoupled;
};

/* The forward convolution, and height and width of the x that it was given: several extents lead to
 * one y. */
struct conv2d_bwd_data_attr {
    struct ocelli_conv2d_params conv;
    int size[2];
};

/* The same of volumes: depth, height and width. */
struct conv3d_bwd_data_attr {
    struct ocelli_conv_params conv;
    int size[3];
};

/* Height and width of the x that gap was given. */
struct gap_bwd_attr {
    int size[2];
};

struct cast_attr {
    int to; /* enum ocelli_dtype */
};

/* `behind`: how many dimensions follow the axis. */
struct softmax_attr {
    int behind;
    bool log;
};

struct nll_bwd_attr {
    struct ocelli_nll_params nll;
    int classes;
};

/* y[i0][i1].. = x[offset + i0 stride[0] + i1 stride[1] ..]; entries behind the rank of y are 0. */
struct strided_attr {
    struct ocelli_shape shape; /* of y */
    int stride[OCELLI_MAX_RANK];
    int offset;
};

/* strided's, y's shape being dy's, and the shape of x. */
struct strided_bwd_attr {
    struct ocelli_shape size;
    int stride[OCELLI_MAX_RANK];
    int offset;
};

struct concat_attr {
    int axis;
};

/* How many channels a blocked input has; 0: it is plain. */
struct channels_attr {
    int channels;
};

/* To blocks of `block` channels, or back to `channels` channels; one of them is 0. */
struct reorder_attr {
    int block, channels;
};

/* Weights for blocks of `block`, of an x in blocks of `x_block` (1: plain). */
struct conv2d_pack_attr {
    int form; /* enum conv2d_form */
    int block, x_block;
    bool backward; /* what is packed is the filter of the gradient: turned by 180 degrees, and with */
    int groups;    /* so many groups C x M/groups x R x S (a depthwise one stays C x 1 x R x S) */
};

/* The convolution; its kernel is not looked at. `channels` are those that there are, of x and y, for the
 * cost; 0: all. */
struct conv2d_blocked_attr {
    struct ocelli_conv2d_params conv;
    int form; /* of w, enum conv2d_form */
    int channels[2];
};

/* The depthwise convolution and the function (struct act's members) that its result goes through;
 * channels of x and y, for the cost. */
struct separable_blocked_attr {
    struct ocelli_conv2d_params conv;
    int function;
    float alpha, beta;
    int channels[2];
};

/* The same of the forward convolution, and height and width of the x that it was given. */
struct conv2d_blocked_bwd_data_attr {
    struct ocelli_conv2d_params conv;
    int form; /* of w, which is packed `backward`: direct or depthwise */
    int channels[2];
    int size[2];
};

/* The forward convolution, its kernel and groups those of plain weights; channels of x and y. */
struct conv2d_blocked_bwd_weights_attr {
    struct ocelli_conv2d_params conv;
    int channels[2];
};

struct gather_attr {
    int axis;
};

struct unpool_attr {
    struct ocelli_shape shape; /* of y */
};

/* x height x width x 1 or 3 bytes -> 1 x channels x height x width. Pairs are {height, width}, fours
 * {top, left, height, width}; an extent of 0 is what there is. */
struct image_attr {
    int channels; /* 1: luma; 3, of a grey picture: thrice the same; default 3 */
    int box[4];   /* the part of x that is used.. */
    int size[2];  /* ..becomes that large.. */
    int crop[4];  /* ..and of this a part is kept */
    bool antialias;
    bool bgr; /* the channels in reverse order */
    float mul[3], add[3]; /* y[c] = v mul[c] + add[c]; mul default 1 */
};

/* d = g + weight_decay w, or decoupled: w -= lr weight_decay w, d = g.
 *   adagrad   s = s + d^2                        w -= lr d / (sqrt(s) + epsilon)
 *   rmsprop   s = decay s + (1 - decay) d^2      m = momentum m + d / (sqrt(s) + epsilon)   w -= lr m
 *   adam      the same s, m = momentum m + (1 - momentum) d, both divided by 1 - their factor^(runs + 1):
 *             w -= lr m / (sqrt(s) + epsilon)
 * m is given for adam, and for rmsprop exactly when momentum is not 0; s and m start as zeros. runs counts
 * the steps before. */
enum adaptive_kind { ADAPTIVE_ADAGRAD = 1, ADAPTIVE_RMSPROP, ADAPTIVE_ADAM };
struct adaptive_attr {
    int kind;
    float momentum, decay, epsilon, weight_decay;
    bool decoupled;
};

/* A batch that comes in `parts` runs and, in each, on `lanes` devices, of which this one is `lane`: its
 * elements are numbered as those of the whole batch, so that each is dropped as it would be there. */
struct dropout_attr {
    float ratio;
    int seed;
    int parts, lanes, lane; /* 1, 1, 0 */
    int channels; /* of a blocked x, whose elements are dropped as those of the plain one; 0: plain */
};
/* An element is dropped where that many random bits, as a whole number, are below the threshold. */
#define DROPOUT_BITS 24
uint32_t dropout_threshold(float ratio);

/* s = keep s + take x + add; in each `period`-th run, of which `runs` is the number, beginning with the first,
 * s counts as 0. */
struct running_attr {
    float keep, take, add;
    int period; /* 0: never; else runs is given */
};

/* The axis of w along which the channels are; the normalisation's epsilon. */
struct fold_attr {
    int axis;
    float epsilon;
};

extern const struct op op_conv2d, op_conv2d_bwd_data, op_conv2d_bwd_weights;
extern const struct op op_pool2d, op_pool2d_bwd, op_gap, op_gap_bwd, op_gemm, op_gemm_packed;
extern const struct op op_bias, op_bias_bwd, op_scale, op_scale_bwd;
extern const struct op op_unary, op_unary_bwd, op_add, op_reshape;
extern const struct op op_softmax, op_softmax_bwd, op_softmax_xent, op_softmax_xent_bwd;
extern const struct op op_in_top_k, op_dropout, op_running, op_sgd, op_gemm_sgd,
    op_adaptive;
extern const struct op op_binary, op_cast;
extern const struct op op_reduce, op_reduce_bwd, op_argmax;
extern const struct op op_batchnorm_sums, op_batchnorm_bwd, op_lrn_blocked_bwd;
extern const struct op op_batchnorm, op_batchnorm_stats, op_batchnorm_stats_bwd, op_fold;
extern const struct op op_standardize, op_standardize_bwd, op_lrn, op_lrn_bwd, op_nll, op_nll_bwd;
extern const struct op op_reorder, op_conv2d_pack, op_conv2d_blocked, op_lrn_blocked;
extern const struct op op_separable_blocked;
extern const struct op op_conv2d_blocked_bwd_data, op_conv2d_blocked_bwd_weights;
extern const struct op op_conv3d, op_conv3d_bwd_data, op_pool3d, op_pool3d_index, op_unpool;
extern const struct op op_strided, op_strided_bwd, op_concat, op_pad, op_gather, op_resize, op_image;

#endif
