/* Doctor's probes, inside: a graph with what goes in and what must come out. */
#ifndef PROBE_H
#define PROBE_H

#include "cli.h"

#define MAX_INPUTS 4
#define MAX_OUTPUTS 3

struct host {
    char name[16];
    enum ocelli_dtype dtype;
    size_t n;
    float *f;     /* inputs of floats */
    int32_t *i;   /* inputs of integers */
    double *want; /* outputs */
    bool weight;  /* read from the weights, not the plan */
};

/* One probe at work: a graph, what goes in, what must come out. */
struct probe {
    struct ocelli_graph *g;
    struct host in[MAX_INPUTS], out[MAX_OUTPUTS];
    int n_in, n_out;
    int runs;
    int err;
};

/* An input of small numbers with both signs; *data is where the host finds them. */
ocelli_value probe_input(struct probe *p, struct ocelli_shape shape, float **data);
/* n class numbers. */
ocelli_value probe_labels(struct probe *p, int n, int classes, int32_t **data);
/* Marks a value as an output; the host writes what it expects to where this points. NULL when the
 * graph or memory failed. */
double *probe_output(struct probe *p, ocelli_value v);
/* The same for a named output, or a weight after all runs. */
double *probe_expect(struct probe *p, size_t n, const char *name, bool weight);

/* One family of operations each; the last has no name. */
struct probe_entry {
    const char *name;
    void (*build)(struct probe *p);
};
extern const struct probe_entry probes[];

#endif
