/* What batch normalisation and its gradient share. */
#ifndef OPS_BATCHNORM_H
#define OPS_BATCHNORM_H

#include "ops/blocks.h"

extern const struct attr batchnorm_attrs[];
/* Is input 0 blocked? Input `variance` tells the channels. */
bool batchnorm_blocks(const struct problem *p, int variance, struct blocks *b);
/* BLOCK, and the argument `present`. */
void batchnorm_define(struct launch *k, const struct problem *p, int variance);

#endif
