/* Passes over a graph. Each takes a graph that is right and leaves one that is right; none knows a
 * device beyond its caps. */
#ifndef GRAPH_PASSES_H
#define GRAPH_PASSES_H

#include "device/caps.h"
#include "ops/graph.h"

/* Drops nodes whose results nobody needs: what outputs and updated inputs do not depend on. */
int graph_prune(struct graph *g);

/* Moves bias, residual add, activation and activation gradient into the epilogue of the node that
 * makes their input, where that input has no other reader. */
int graph_fuse(struct graph *g);

/* On CPUs: gradient descent that computes a dense layer's gradient itself, where it is limited by memory. */
int graph_fuse_steps(struct graph *g, const struct caps *caps);

/* Folds batch normalisation, scale and shift into the weights of the convolution or matrix product
 * whose only reader they are, where nothing but runs of this graph's updates changes them; and zero
 * padding into the convolution behind it. */
int graph_fold(struct graph *g);

/* On CPUs: convolutions and their gradients on blocked channels (ops/conv2d_blocked.h), weights
 * packed, and whatever can follow them in that layout; reorders between the layouts. exact: only
 * families that add up the products themselves. Before graph_hoist(). */
int graph_layout(struct graph *g, const struct caps *caps, bool exact);

/* For prediction: weights and images as F16 wherever an operation's `half` allows, behind the first convolution or
 * product; inputs and outputs stay what they are. own: nobody else has the weights, so that they can be F16 from the
 * start. Before graph_hoist().
 * Fails: UNSUPPORTED (the graph trains). */
int graph_half(struct graph *g, bool own);

/* On CPUs: large matrix products whose right operand is fixed read it packed. Before graph_hoist(). */
int graph_pack(struct graph *g, const struct caps *caps);

/* On CPUs: a blocked depthwise convolution and the 1x1 convolution of its result as one operation, where
 * that is likely to be faster. After graph_layout(). */
int graph_fuse_separable(struct graph *g, const struct caps *caps);

/* fixed[v]: value v depends on nothing but weights, states and constants that no node updates. */
void graph_fixed(const struct graph *g, bool *fixed);

/* Moves the nodes whose results are fixed to the front and counts them in g->n_once; what the others
 * read of them becomes VALUE_PREPARED. The last pass that changes nodes. */
int graph_hoist(struct graph *g);

/* Moves updates of weights and states to where what they read is there and nobody needs the old content
 * any more. */
int graph_early(struct graph *g);

/* Has values of the forward pass computed again in the backward pass, so that intermediate values take
 * no more than `limit` bytes, or as few as can be; *arena is what they will take, *again how many nodes
 * that adds. Also graph_early(). After graph_hoist(), before graph_slices(). */
int graph_recompute(struct graph *g, const struct caps *caps, const char *force,
                    const struct tuned *tuned, size_t limit, size_t *arena, int *again);

/* Concat and split without copies: what makes an input of a concat writes where the concat wants it,
 * and a part of a value that lies in one piece is read where it is. Only whole pieces that start at
 * multiples of `align` bytes. */
int graph_slices(struct graph *g, size_t align);

/* Puts nodes that a pass appended where they can run: each before the first that reads it, the others
 * in their order. What is appended must not read what other nodes update. */
int graph_sort(struct graph *g);
/* Makes `nodes` the graph's nodes, and tells the values. */
void graph_set_nodes(struct graph *g, const struct node *nodes, int n);

/* What was chosen for a node. */
struct choice {
    const struct variant *variant; /* NULL: an alias, no launch */
    int tv[MAX_TUNABLES];
    struct launches launches;
};
/* Chooses a variant for every node and writes its launches. tuned NULL: by the defaults. *out: n_nodes
 * choices. */
int graph_select(const struct graph *g, const struct caps *caps, const char *force,
                 const struct tuned *tuned, struct choice **out);
void choices_free(struct choice **c, int n);

/* Where a value or scratch buffer lies. */
enum place_kind {
    PLACE_NONE,  /* never stored */
    PLACE_ARENA, /* at `offset` of arena `arena` */
    PLACE_OWN,   /* memory of its own: inputs, outputs, weights, states, constants */
};
struct place {
    enum place_kind kind;
    int root; /* the value whose memory this is: itself, or the one it aliases */
    int arena;
    size_t offset, bytes;
};
struct memory_plan {
    struct place *value;    /* n_values */
    struct place **scratch; /* per node, per scratch buffer of its choice */
    size_t *arena_bytes;    /* each at most caps->max_alloc */
    int n_arenas, n_nodes;
    size_t live;         /* the most bytes needed at one step: the lower bound */
    size_t scratch_peak; /* the most workspace at one step */
};
/* Gives every intermediate value and scratch buffer a place, so that what is alive at the same time
 * does not overlap. reuse false: no two share bytes. */
int memory_plan(const struct graph *g, const struct choice *choices, const struct caps *caps,
                bool reuse, struct memory_plan **out);
void memory_plan_free(struct memory_plan **m);
/* What its `live` would be, with reuse. */
int memory_needed(const struct graph *g, const struct choice *choices, const struct caps *caps,
                size_t *live);

#endif
