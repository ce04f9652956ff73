/* What the parts of graph_layout() share: layout.c has the values and the pass, layout_conv.c the
 * convolutions, layout_follow.c what can follow them.
 *
 * The nodes are written anew, in their order. Each value may exist plain, blocked or both: what a
 * node asks for and is not there yet is made from the other when it is asked for. */
#ifndef GRAPH_LAYOUT_H
#define GRAPH_LAYOUT_H

#include "graph/passes.h"
#include "ops/attrs.h"

struct layout {
    struct graph *g;
    const struct caps *caps;
    bool exact;
    int v;        /* channels in a block */
    int *blocked; /* of each old value its blocked form, OCELLI_NONE: not made */
    bool *plain;  /* it is there as it was */
    bool *packed; /* it is the weight of a convolution that is blocked */
    bool any;     /* some convolution is */
};

/* ---- Values ---- */

static inline const struct ocelli_shape *shape_of(const struct layout *l, int v)
{
    return &l->g->value[v].desc.shape;
}
static inline bool is_blocked(const struct layout *l, int v)
{
    return l->blocked[v] != OCELLI_NONE;
}
bool layout_is_image(const struct layout *l, int v);
/* Value v as it was. */
int layout_need_plain(struct layout *l, int v);
/* Value v in blocks, *out. */
int layout_need_blocked(struct layout *l, int v, int *out);

/* ---- Epilogues ---- */

/* The images that an epilogue reads, in blocks; made before the node that reads them. */
struct side {
    int residual, grad_y;
};
/* May a node with n's epilogue work on blocks? Channels that there are not must stay zeros; a bias
 * is not for blocks. */
bool layout_epilogue_fits(const struct layout *l, const struct node *n);
int layout_side(struct layout *l, const struct node *n, struct side *out);
/* Gives the last node what n's epilogue has besides a bias, and tells that its result is n's in
 * blocks. */
int layout_finish(struct layout *l, const struct node *n, const struct side *side);
/* The last node's results are n's, plain: who reads them knows them by their old numbers. */
int layout_finish_plain(struct layout *l, const struct node *n);

/* Value v stays in blocks what it is there after the function, or its gradient: whole blocks, or
 * zeros beside them that stay zeros. */
bool layout_keeps_zeros(const struct layout *l, int v, const struct act *a);
bool layout_grad_keeps_zeros(const struct layout *l, int v, const struct act *a);

/* ---- Nodes: each writes n in blocks where it should be; *done says whether ---- */

int layout_conv(struct layout *l, const struct node *n, bool *done);
int layout_conv_bwd_data(struct layout *l, const struct node *n, bool *done);
int layout_conv_bwd_weights(struct layout *l, const struct node *n, bool *done);
int layout_follow(struct layout *l, const struct node *n, bool *done);

#endif
