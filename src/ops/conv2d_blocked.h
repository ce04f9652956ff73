/* Convolution on blocked channels: what its operations share.
 *
 * A blocked tensor is N x C/V x H x W x V: V channels of a pixel lie together, one vector of the
 * CPU families. C is rounded up; channels that there are not hold zeros. */
#ifndef OPS_CONV2D_BLOCKED_H
#define OPS_CONV2D_BLOCKED_H

#include "ops/conv2d.h"

/* How weights M x C x R x S are packed for blocks of V; B is the block of x, 1 where x is plain. */
enum conv2d_form {
    FORM_DIRECT,    /* M/V x C/B x R x S x B x V */
    FORM_DEPTHWISE, /* C/V x R x S x V, from C x 1 x R x S */
    FORM_WINOGRAD,  /* M/V x 36 x C x V: filters as F(4x4, 3x3) wants them, from M x C x 3 x 3 */
    FORM_WINOGRAD_2X3, /* M/V x 16 x C x V, F(2x2, 3x3) */
    FORM_WINOGRAD_2X5, /* M/V x 36 x C x V, F(2x2, 5x5), from M x C x 5 x 5 */
    FORM_BIAS,         /* M/V x V, from M */
};
extern const char *const conv2d_form_words[];

/* The part of a strided convolution's data gradient that is a convolution of stride 1: pixels of dx
 * that lie a stride apart, and the taps that meet them. Both counted in rows of the whole. */
struct conv2d_phase {
    int taps, first_tap, tap_row, tap_col; /* of the packed filter: all; from row to row, .. */
    int area, first, row, col;             /* pixels of dx, likewise */
};

/* The depthwise convolution, with its own bias (input 4) and activation, whose result is the x of a
 * 1x1 convolution; its filter is input 3. */
struct conv2d_deep {
    struct conv2d c;
    bool bias;
    struct act act;
};

/* F(out x out, taps x taps) on windows of `window` pixels a side; all 0 where the form is none. */
struct winograd {
    int out, taps, window;
};
struct winograd conv2d_winograd_of(enum conv2d_form form);

/* A blocked convolution on known shapes. Channels of c are the padded ones, of one group. */
struct conv2d_blocked {
    struct conv2d c;
    enum conv2d_form form;
    int v;  /* block of y */
    int xv; /* of x, 1: plain */
    bool bias;
    const struct conv2d_phase *phase; /* NULL: y and w are whole */
    const struct conv2d_deep *deep;   /* NULL: x is there */
};
/* Fails: SHAPE. */
int conv2d_blocked_geometry(struct conv2d_blocked *out, const struct problem *p);
/* `channels` as in the attributes. */
struct cost conv2d_blocked_cost(const struct conv2d_blocked *g, const int *channels);
/* A filter a channel: pixels at a time for rows of w, and the prelude's DEEP_*. */
int conv2d_deep_pixels(int w);
void conv2d_deep_define(struct launch *k, const struct conv2d *c, int px);
/* Vectors of sums that leave registers for weights and one pixel. */
int conv2d_max_tile(int v);
/* BIAS and the argument b, where there is one. */
void conv2d_blocked_bias(struct launch *k, const struct conv2d_blocked *g);

bool block_is_legal(int64_t v);

/* ---- The choice for a convolution of plain weights (conv2d_choose.c) ---- */

struct conv2d_choice {
    bool blocked; /* y, and x where it is not a stem */
    bool stem;    /* x is read plain */
    enum conv2d_form form;
};
/* x_blocked: x is there in blocks, else plain. exact: no Winograd. */
struct conv2d_choice conv2d_choose(const struct conv2d *c, const struct caps *caps, bool x_blocked,
                                   bool exact);

/* ---- cl/conv2d_blocked_direct.cl ---- */

extern const struct tunable conv2d_tile_tunables[];
bool conv2d_tile_applicable(const struct problem *p, const struct caps *caps);
void conv2d_tile_defaults(const struct problem *p, const struct caps *caps, int *tv);
bool conv2d_tile_valid(const struct problem *p, const struct caps *caps, const int *tv);
int conv2d_tile_plan(const struct problem *p, const struct caps *caps, const int *tv,
                     struct launches *l);
/* The same for a given convolution. */
void conv2d_tile_choose(const struct conv2d_blocked *g, const struct caps *caps, int *tv);
bool conv2d_tile_fits(const struct conv2d_blocked *g, const struct caps *caps, const int *tv);
void conv2d_tile_launch(struct launches *l, const struct problem *p, const struct conv2d_blocked *g,
                        const int *tv);

/* About how long it takes with these; and a depthwise convolution. */
double conv2d_tile_cycles(const struct conv2d_blocked *g, const struct caps *caps, const int *tv);
double conv2d_deep_cycles(const struct conv2d *c, int v, const struct caps *caps);

/* ---- separable_blocked ---- */

/* `point`'s deep is for the caller to set. Fails: SHAPE. */
int separable_geometry(struct conv2d_blocked *point, struct conv2d_deep *deep,
                       const struct problem *p);
/* Is it likely to take less than the two convolutions, one after the other? */
bool separable_pays(const struct problem *p, const struct caps *caps);

/* ---- conv2d_blocked_bwd_data (conv2d_phases.c) ---- */

/* The forward convolution; v is the block of dx, xv that of dy. Fails: SHAPE. */
int conv2d_phases_geometry(struct conv2d_blocked *out, const struct problem *p);
bool conv2d_phases_applicable(const struct problem *p, const struct caps *caps);
void conv2d_phases_defaults(const struct problem *p, const struct caps *caps, int *tv);
bool conv2d_phases_valid(const struct problem *p, const struct caps *caps, const int *tv);
int conv2d_phases_plan(const struct problem *p, const struct caps *caps, const int *tv,
                       struct launches *l);

/* ---- cl/conv2d_blocked_winograd.cl ---- */

extern const struct tunable conv2d_winograd_tunables[];
bool conv2d_winograd_applicable(const struct problem *p, const struct caps *caps);
void conv2d_winograd_defaults(const struct problem *p, const struct caps *caps, int *tv);
bool conv2d_winograd_valid(const struct problem *p, const struct caps *caps, const int *tv);
int conv2d_winograd_plan(const struct problem *p, const struct caps *caps, const int *tv,
                         struct launches *l);
/* About how long it takes in that form, channels padded to blocks of v; infinity: not at all. */
double conv2d_winograd_cycles(const struct conv2d *c, enum conv2d_form form, int v,
                              const struct caps *caps);

/* ---- conv2d_blocked_bwd_weights, cl/conv2d_blocked_bwd_weights_direct.cl ---- */

/* The forward convolution on the channels that there are; v is the block of dy, xv that of x. */
int conv2d_grad_geometry(struct conv2d_blocked *out, const struct problem *p);
extern const struct tunable conv2d_grad_tunables[];
bool conv2d_grad_applicable(const struct problem *p, const struct caps *caps);
void conv2d_grad_defaults(const struct problem *p, const struct caps *caps, int *tv);
bool conv2d_grad_valid(const struct problem *p, const struct caps *caps, const int *tv);
int conv2d_grad_plan(const struct problem *p, const struct caps *caps, const int *tv,
                     struct launches *l);

#endif
