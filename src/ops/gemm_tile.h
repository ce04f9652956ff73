/* gemm/tile, whose kernel conv2d/winograd uses too. */
#ifndef OPS_GEMM_TILE_H
#define OPS_GEMM_TILE_H

#include "ops/attrs.h"
#include "ops/tile.h"

bool gemm_tile_applicable(const struct problem *p, const struct caps *caps);
void gemm_tile_defaults(const struct problem *p, const struct caps *caps, int *tv);
bool gemm_tile_valid(const struct problem *p, const struct caps *caps, const int *tv);
int gemm_tile_plan(const struct problem *p, const struct caps *caps, const int *tv,
                   struct launches *l);
/* Its launch without arguments: y a b, tile_params(), the epilogue. */
struct launch *gemm_tile_launch(struct launches *l, const struct product *q, const int *tv,
                                bool trans_a, bool trans_b);

#endif
