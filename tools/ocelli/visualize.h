/* What the files of ocelli visualize share. */
#ifndef VISUALIZE_H
#define VISUALIZE_H

#include "cli.h"

/* ---- Pictures (visualize_draw.c) ---- */

/* n small pictures of one size; channels 1 or 3, floats, each plane by itself. */
struct tiles {
    int n, channels, height, width;
    const float *data;
};
/* What becomes mid-grey or black, and white. */
enum tone {
    TONE_EACH,   /* each tile from its least to its greatest value */
    TONE_SIGNED, /* zero is mid-grey, one scale for all */
    TONE_SPLIT,  /* zero is mid-grey, a scale for each tile */
};
/* As PNG, side by side and enlarged to be seen. An exit status. */
int tiles_write(const struct tiles *t, enum tone tone, const char *path);
/* counts[truth * n + predicted] as SVG. */
int matrix_write(const int64_t *counts, int n, const char *const *names, const char *path);

/* ---- The page (visualize_page.c) ---- */

struct section {
    char file[64]; /* in the page's folder; "": text alone */
    char title[96], text[640];
};
struct page {
    const char *dir;
    char heading[96];
    struct section section[10];
    int n;
};
/* The path of a new section's file; NULL where it is too long (a message was printed). */
const char *page_add(struct page *p, const char *file, const char *title);
/* Words under the last section's picture. */
void page_say(struct page *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* index.html. */
int page_write(const struct page *p);
int file_write(const char *path, const char *text, size_t bytes);

/* ---- The network (visualize_net.c) ---- */

struct visualize_args {
    const char *out, *image, *layer, *preprocess;
    int top, input[4];
    struct data_args data;
};

struct visualize {
    struct cli *cli;
    const struct visualize_args *args;
    struct model m;
    struct ocelli_device *dev;
    struct ocelli_graph *g;
    struct ocelli_weights *w;
    struct ocelli_dataset *ds; /* NULL: none */
    struct page page;
};
/* A convolution with what follows it up to its activation. */
struct conv_layer {
    const char *name, *weight;
    ocelli_value maps;
};
/* The one of that name (NULL: the first); an exit status, the message lists them. */
int layer_find(const struct ocelli_graph *g, const char *name, struct conv_layer *out);

int show_filters(struct visualize *v);
/* The feature maps of the chosen layer, and what its strongest ones answer to. */
int show_image(struct visualize *v);
int show_confusion(struct visualize *v);

#endif
