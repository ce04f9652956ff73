/* Matrix products on graphics processors: tiles through local memory, for the families that are
 * products in some way. The kernels' side is in cl/prelude.clh. */
#ifndef OPS_TILE_H
#define OPS_TILE_H

#include "ops/op.h"

/* m x n results, each a sum of k products; `batch` of those. */
struct product {
    int64_t m, n, k;
    int batch;
    int64_t most;      /* where several launches make one result: the largest k of them; 0: k */
    bool fixed_column; /* a work-item loads columns of B that lie TILE_N apart, or one alone */
};

/* TILE_M TILE_N TILE_K ITEM_M ITEM_N SPLIT. SPLIT: pieces of k, whose sums another launch adds in
 * order, for results too few to keep a device busy. */
extern const struct tunable tile_tunables[];
void tile_defaults(const struct product *p, const struct caps *caps, int *tv);
bool tile_valid(const struct product *p, const struct caps *caps, const int *tv);

/* Pieces of k that are not empty: at most SPLIT. */
int tile_parts(const struct product *p, const int *tv);
/* The defines, and m n k m_tiles parts chunk: the kernel's TILE_PARAMS. */
void tile_define(struct launch *k, const struct product *p, const int *tv);
void tile_params(struct launch *k, const struct product *p, const int *tv);
/* A grid of the tiles. */
void tile_grid(struct launch *k, const struct product *p, const int *tv);
/* Scratch for `results` floats of every part, or -1 where there is one part only. */
int tile_scratch(struct launches *l, const struct product *p, const int *tv, size_t results);
/* The first argument: y, output 0 or the parts' scratch. */
void tile_out(struct launch *k, const char *name, int scratch);
/* Adds up the parts into output 0, with the epilogue. Nothing where scratch is -1. */
void tile_sum(struct launches *l, const struct problem *p, const struct product *q,
              const struct caps *caps, const int *tv, int scratch);
/* Declares the epilogue, where no sum follows that does it. */
void tile_epilogue(struct launch *k, const struct problem *p, int scratch);

#endif
