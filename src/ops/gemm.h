/* Matrix products: what the files of gemm's variants share. */
#ifndef OPS_GEMM_H
#define OPS_GEMM_H

#include "ops/op.h"

/* op(a) is M x K, op(b) K x N. */
struct gemm {
    int64_t m, n, k;
    bool trans_a, trans_b;
};
struct gemm gemm_of(const struct problem *p);
struct cost gemm_cost_of(const struct gemm *g);

/* ---- Large ones: cl/gemm_block.cl (gemm_block.c) ---- */

/* gemm_packed's are the first of gemm's. */
extern const struct tunable gemm_block_tunables[], gemm_packed_tunables[];
bool gemm_block_applicable(const struct problem *p, const struct caps *caps);
void gemm_block_defaults(const struct problem *p, const struct caps *caps, int *tv);
bool gemm_block_valid(const struct problem *p, const struct caps *caps, const int *tv);
int gemm_block_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l);
/* The same of a problem of gemm_packed, whose b is packed. */
void gemm_packed_defaults(const struct problem *p, const struct caps *caps, int *tv);
bool gemm_packed_valid(const struct problem *p, const struct caps *caps, const int *tv);
int gemm_packed_plan(const struct problem *p, const struct caps *caps, const int *tv,
                     struct launches *l);
struct gemm gemm_packed_of(const struct problem *p);

/* ---- Few rows or few products a sum: bound by memory (gemm_few.c) ---- */

extern const struct tunable gemm_dot_tunables[], gemm_rows_tunables[], gemm_outer_tunables[],
    gemm_outer_sgd_tunables[];

/* cl/gemm_dot.cl: few rows, b as N x K. */
bool gemm_dot_applicable(const struct problem *p, const struct caps *caps);
void gemm_dot_defaults(const struct problem *p, const struct caps *caps, int *tv);
bool gemm_dot_valid(const struct problem *p, const struct caps *caps, const int *tv);
int gemm_dot_plan(const struct problem *p, const struct caps *caps, const int *tv,
                  struct launches *l);

/* cl/gemm_rows.cl: few rows, b as K x N. */
bool gemm_rows_applicable(const struct problem *p, const struct caps *caps);
void gemm_rows_defaults(const struct problem *p, const struct caps *caps, int *tv);
int gemm_rows_plan(const struct problem *p, const struct caps *caps, const int *tv,
                   struct launches *l);

/* Above it the multiply-adds take longer than the memory. */
#define GEMM_FEW 16
/* Elements of the large matrix, from which on passing over it counts. */
#define GEMM_LARGE (1 << 15)

/* cl/gemm_outer.cl: few products a sum, b as K x N. */
bool gemm_outer_applicable(const struct problem *p, const struct caps *caps);
bool gemm_outer_valid(const struct problem *p, const struct caps *caps, const int *tv);
int gemm_outer_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l);
bool gemm_outer_fits(const struct gemm *g, const struct caps *caps, const int *tv);
/* Defines, extents and grid. */
void gemm_outer_launch(struct launch *k, const struct gemm *g, const struct caps *caps,
                       const int *tv);

#endif
