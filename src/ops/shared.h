/* What several of the simple operations share. */
#ifndef OPS_SHARED_H
#define OPS_SHARED_H

#include "ops/op.h"

struct sgd_attr; /* ops/attrs.h */

/* ---- Checks for infer ---- */

/* Every named input is F32, or those that op.half names are F16 (SHAPE otherwise). */
int check_floats(const struct problem *p);
/* Inputs i and j have one shape. */
int check_same(const struct problem *p, int i, int j);
/* Input i has that rank. */
int check_rank(const struct problem *p, int i, int rank);
/* Input i is rank 1 with the extent that input x has in dimension 1. */
int check_channels(const struct problem *p, int i, int x);
/* Input i is N int32 labels of input x, N x C. */
int check_labels(const struct problem *p, int i, int x);

/* Every input and output has the type of input 0 (SHAPE otherwise). */
int check_one_type(const struct problem *p);

/* ---- Types ---- */

/* Defines <prefix> and its kin, by which a kernel reads and writes elements of the type (cl/prelude.clh). */
void launch_type(struct launch *k, const char *prefix, enum ocelli_dtype dtype);
/* Defines HALF, for kernels whose elements are FH (cl/prelude.clh), where input 0 is F16. */
void launch_storage(struct launch *k, const struct problem *p);
/* Can the device compute with every type of the problem? For a variant's `applicable`. */
bool types_fit(const struct problem *p, const struct caps *caps);
/* The type's kind. */
bool dtype_is_float(enum ocelli_dtype dtype); /* F16, F32, F64 */
/* Defines PREFIX as the number nearest to v that the whole type holds. */
void launch_whole(struct launch *k, const char *prefix, enum ocelli_dtype dtype, double v);

/* ---- One work-item an element ---- */

extern const struct tunable element_tunables[]; /* GROUP */
bool element_valid(const struct problem *p, const struct caps *caps, const int *tv);
/* Output 0 as N x C x (the rest); 1 for what it has not. */
struct channels {
    int n, c, s;
};
struct channels channels_of(const struct desc *d);
/* The prelude's CHANNEL_PARAMS for output 0, and a grid of one work-item an element, `group` a
 * group. */
void launch_channels(struct launch *k, const struct problem *p, int group);

/* ---- Elements of any shape, operands reached through strides (nd.c) ----
 *
 *     struct nd d;
 *     nd_init(&d, &p->out[0].shape);            the elements, in the order in which they are written
 *     nd_broadcast(&d, &p->in[0].shape);        operand a; or nd_operand(&d, strides)
 *     nd_broadcast(&d, &p->in[1].shape);        operand b
 *     nd_collapse(&d);
 *     .. launch_out(), launch_in() ..
 *     launch_nd(k, &d, tv[0]);                  arguments and grid: the kernel's ND_PARAMS, ND_STRIDES(a), (b)
 *
 * with element_tunables and element_valid. The prelude has the kernel's side. */

#define ND_MAX_OPERANDS 2
struct nd {
    struct ocelli_shape shape; /* not empty */
    int n;                     /* operands */
    int64_t stride[ND_MAX_OPERANDS][OCELLI_MAX_RANK]; /* in elements; any sign, 0 repeats */
};
void nd_init(struct nd *d, const struct ocelli_shape *shape);
void nd_operand(struct nd *d, const int64_t *stride);
/* An operand of shape x, in C order, that broadcasts to the shape. */
void nd_broadcast(struct nd *d, const struct ocelli_shape *x);
/* The same elements in the same order in as few dimensions as will do, at least 1. */
void nd_collapse(struct nd *d);
/* One work-item an element; in groups of `group`, a power of two. */
void launch_nd(struct launch *k, const struct nd *d, int group);

/* ---- One row of the innermost dimension a work-item (CPU) or a work-group (GPU) ---- */

extern const struct tunable row_tunables[]; /* ROW_GROUP */
void row_defaults(const struct problem *p, const struct caps *caps, int *tv);
bool row_valid(const struct problem *p, const struct caps *caps, const int *tv);
/* The defines ROW_GROUP and VW, and a grid of `rows`. */
void launch_rows(struct launch *k, const struct caps *caps, int group, size_t rows);

/* ---- Sums over all but the channels (bias_bwd.c) ---- */

extern const struct tunable channel_sum_tunables[];
void channel_sum_defaults(const struct problem *p, const struct caps *caps, int *tv);
/* out 0 [c] = sum of input 0 over everything but dimension 1, of its product with input 1 where
 * `product`. */
int channel_sum_plan(const struct problem *p, const struct caps *caps, const int *tv, bool product,
                     struct launches *l);

/* ---- Attributes of an operation and of its gradient ---- */

extern const struct attr softmax_attrs[], softmax_xent_attrs[], reduce_attrs[], standardize_attrs[], lrn_attrs[];
int check_softmax(const struct problem *p);
/* Extents, defines and grid; `columns` is the kernel for classes that are not next to each other. */
void launch_softmax(struct launch *k, const char *columns, const struct problem *p,
                    const struct caps *caps, int group);
/* The argument and define of softmax_xent's smoothing, where there is some. */
void launch_smoothing(struct launch *k, const struct problem *p);
int check_standardize(const struct problem *p);
void launch_standardize(struct launch *k, const struct problem *p, const struct caps *caps, int group);
int check_lrn(const struct problem *p);
/* below above area share beta bias; THREE_QUARTERS. */
void launch_lrn_window(struct launch *k, const struct ocelli_lrn_params *a, int area);
/* The same, and one work-item an element. */
void launch_lrn(struct launch *k, const struct problem *p, int group);
/* Input i is I32 or I64. */
int check_target(const struct problem *p, int i);
/* The arguments target (input `target`), weight (the one behind it, if given), classes, ignored. */
void launch_nll(struct launch *k, const struct problem *p, int target, int classes,
                const struct ocelli_nll_params *a);

/* Of an optimiser's step on input 0, struct sgd_attr: all but w's shape. */
extern const struct attr sgd_attrs[];
int check_sgd(const struct problem *p, int lr, int v);
int sgd_flops(const struct sgd_attr *a); /* an element */
/* The prelude's SGD_PARAMS. */
void launch_sgd(struct launch *k, const struct problem *p, int lr, int v);

/* kind, alpha, beta of struct ocelli_unary_params; only tanh's have defaults. */
extern const struct attr unary_attrs[];
void unary_defaults(void *attr);

#endif
