/* The norms of each layer's gradient over the steps of a run: gradients.csv, a row a step, and
 * gradients.svg. Gradients that vanish or explode show as lines that spread over the decades. */
#ifndef TRAIN_GRADLOG_H
#define TRAIN_GRADLOG_H

#include <ocelli/graph.h>

#include "base/mem.h"

#define GRADLOG_POINTS 500

struct gradlog {
    const char **name; /* of each column; the graph's */
    int n;
    struct text rows; /* not yet in the file */
    /* For the picture: every `stride`-th step. */
    float *point; /* GRADLOG_POINTS rows of n, the first n_points are there */
    int64_t stride;
    int n_points;
};

/* Columns are the weights that g updates and that have two dimensions or more. Borrows g. */
int gradlog_init(struct gradlog *l, const struct ocelli_graph *g);
void gradlog_free(struct gradlog *l);
/* The norms of a step, from 1. */
int gradlog_add(struct gradlog *l, int64_t step, const float *norm);
/* Makes the file hold the steps up to `done`, as far as it has them. */
int gradlog_begin(struct gradlog *l, const char *path, int64_t done);
/* Appends what was added. */
int gradlog_flush(struct gradlog *l, const char *path);
int gradlog_draw(const struct gradlog *l, const char *path, const char *title);

#endif
