/* What several of the simple operations share. */
#ifndef OPS_SHARED_H
#define OPS_SHARED_H

#include "ops/op.h"

/* ---- Checks for infer ---- */

/* Every named input is float (SHAPE otherwise). */
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
/* Can the device compute with every type of the problem? For a variant's `applicable`. */
bool types_fit(const struct problem *p, const struct caps *caps);
/* The type's kind. */
bool dtype_is_float(enum ocelli_dtype dtype); /* F16, F32, F64 */

/* ---- One work-item an element ---- */

extern const struct tunable element_tunables[]; /* GROUP */
bool element_valid(const struct problem *p, const struct caps *caps, const int *tv);
/* Output 0 as N x C x (the rest); 1 for what it has not. */
struct channels {
    int n, c, s;
};
struct channels channels_of(const struct desc *d);
/* The prelude's CHANNEL_PARAMS for output 0, and a grid of one work-item an element, `group` a group. */
void launch_channels(struct launch *k, const struct problem *p, int group);

/* ---- One row of the innermost dimension a work-item (CPU) or a work-group (GPU) ---- */

extern const struct tunable row_tunables[]; /* ROW_GROUP */
void row_defaults(const struct problem *p, const struct caps *caps, int *tv);
bool row_valid(const struct problem *p, const struct caps *caps, const int *tv);
/* The defines ROW_GROUP and VW, and a grid of `rows`. */
void launch_rows(struct launch *k, const struct caps *caps, int group, size_t rows);

/* ---- Sums over all but the channels (bias_bwd.c) ---- */

extern const struct tunable channel_sum_tunables[];
void channel_sum_defaults(const struct problem *p, const struct caps *caps, int *tv);
/* out 0 [c] = sum of input 0 over everything but dimension 1, of its product with input 1 where `product`. */
int channel_sum_plan(const struct problem *p, const struct caps *caps, const int *tv, bool product,
                     struct launches *l);

/* kind, alpha, beta of struct ocelli_unary_params. */
extern const struct attr unary_attrs[];

#endif
