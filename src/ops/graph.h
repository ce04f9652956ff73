/* The graph's data: values, and nodes in an order in which they can run. Plain arrays; the passes
 * over them are in src/graph/. */
#ifndef OPS_GRAPH_H
#define OPS_GRAPH_H

#include <ocelli/graph.h>

#include "ops/op.h"

enum value_kind {
    VALUE_TEMP,
    VALUE_INPUT,
    VALUE_WEIGHT,
    VALUE_STATE,
    VALUE_CONST,
    VALUE_PREPARED, /* made once from weights and constants (graph_hoist), read by every run */
};

struct value {
    const char *name; /* NULL: none */
    enum value_kind kind;
    struct desc desc;
    int node;         /* that makes it, -1 for inputs, weights, states and constants */
    int part_of;        /* lies in the memory of that value (graph_slices), NONE: has its own */
    size_t part_offset; /* bytes */
    const char *output; /* the name it can be read by after a run, NULL: none */
    int output_no;      /* outputs are counted as they are marked */
    struct ocelli_init init; /* WEIGHT, STATE */
    const void *data;        /* CONST; WEIGHT that starts with it, NULL: by init */
    bool halved;             /* WEIGHT of F16 whose data or init gives floats (graph_half) */
};

struct node {
    const struct op *op;
    const char *name; /* of the layer it belongs to, NULL: none */
    void *attr;
    int in[OP_MAX_IN + OP_MAX_EPI]; /* values; OCELLI_NONE for an absent optional one */
    int n_in;
    int out[OP_MAX_OUT];
    int n_out;
    struct epilogue epi;
    bool backward;   /* computes gradients (differentiate.c) */
    int gap;         /* as the problem's (graph_slices) */
    unsigned placed; /* concat: bit j: input j is made in its place already (graph_slices) */
};

struct graph {
    struct arena arena; /* names, attributes, constant data */
    struct value *value;
    int n_values, cap_values;
    struct node *node;
    int n_nodes, cap_nodes;
    int n_once;    /* the first so many nodes run once, before the others (graph_hoist) */
    bool changing; /* other plans change its weights and states from run to run: nothing is fixed */
    int n_outputs; /* marked so far */
    /* Names and output names by their hash; a clone has none until it is added to. */
    int *names; /* value * 2 + 1, + 1 more where it is the output's name; 0: free */
    int n_names, cap_names;
    int status;
    const char *why;            /* the words of the failure that set it */
    enum ocelli_init_kind init; /* what OCELLI_INIT_DEFAULT means */
    const char *layer;          /* name given to nodes added now */
    const char *preprocess;     /* how pictures become the input, where it is known */
};

/* The scalar state that counts training steps, where something depends on it. */
#define STATE_RUNS "runs"
/* A part's gradient of a weight: ".gradient" behind its name (split.c). */
#define STATE_GRADIENT "gradient"
int graph_runs(struct graph *g); /* made at the first call */

/* The public opaque struct is this one. */
struct ocelli_graph {
    struct graph g;
};

/* Appends a node: fills attribute defaults, infers, makes its output values. `in` holds
 * op_inputs(op) values. Returns output 0 (further ones follow it in number), or OCELLI_NONE with
 * the status set. */
int graph_add(struct graph *g, const struct op *op, const void *attr, const int *in);
/* Appends a value. name may be NULL; a name in use fails. A constant may have no elements (an extent of
 * 0): no operation takes it, but it can be an output. */
int graph_value(struct graph *g, enum value_kind kind, const char *name, const struct desc *desc);
int graph_const(struct graph *g, const char *name, const struct desc *desc, const void *data);
/* Appends a weight that starts with `data`, which stays as long as the graph. */
int graph_weight(struct graph *g, const char *name, const struct desc *desc, const void *data);
/* Makes value v the next output, under that name, which it keeps. */
void graph_mark(struct graph *g, int v, const char *name);
/* The value of that name or output name, OCELLI_NONE: there is none. */
int graph_find(const struct graph *g, const char *name);
/* Sets the sticky status, first failure wins; returns OCELLI_NONE. */
int graph_fail(struct graph *g, int err);
/* The node's problem, descriptions copied; attr is borrowed. */
void node_problem(const struct graph *g, const struct node *n, struct problem *p);
/* The content of weights is borrowed, everything else copied. */
int graph_clone(const struct graph *g, struct graph **out);
void graph_free(struct graph **g);

#endif
