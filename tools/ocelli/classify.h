/* What the files of ocelli classify share. */
#ifndef CLASSIFY_H
#define CLASSIFY_H

#include <limits.h>

#include "cli.h"

enum { SOFTMAX_AUTO, SOFTMAX_YES, SOFTMAX_NO };

struct classify_args {
    const char *labels, *preprocess, *variant;
    int top, softmax, storage, input[4];
    bool drop_alpha;
};

struct classify {
    struct cli *cli;
    const struct classify_args *args;
    struct model m;
    struct ocelli_device *dev;
    struct ocelli_graph *g;
    struct ocelli_weights *w;
    struct ocelli_plan *plan;
    struct ocelli_port in, out;
    struct ocelli_preprocess_params prepare;
    char words[256]; /* the same for people */
    bool guessed;    /* nothing was said of how the network was trained */
    struct labels labels;
    char labels_path[PATH_MAX];
    int classes;
    float *score;
    double *p;        /* probabilities */
    int *order;       /* classes, the likeliest first */
    bool softmax;     /* was applied to the last picture */
    int done;         /* pictures classified */
    double likeliest; /* of all of them */
    json_t *images;
};

/* Results (classify_show.c): the first n of s->order. */
void classify_introduce(const struct classify *s);
/* Behind the last one: what the figures are, and what may be wrong with them. */
void classify_conclude(const struct classify *s);
void classify_json(struct classify *s, const char *file, const struct ocelli_image *im, int n);
void classify_table(const struct classify *s, const char *file, const struct ocelli_image *im,
                    int n);

#endif
