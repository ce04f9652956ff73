/* Operations: the dictionary's entries. See HACKING.md for how to add one.
 *
 * An operation knows its attributes, the shapes and cost it leads to, its gradient, and the variants
 * that compute it. It sees problems, never devices. */
#ifndef OPS_OP_H
#define OPS_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocelli/ops.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/shape.h"
#include "device/caps.h"
#include "device/launch.h"
#include "ops/act.h"

#define OP_MAX_IN 16   /* named inputs of an operation */
#define OP_MAX_OUT 2
#define OP_MAX_EPI 3   /* inputs that an epilogue adds behind them */

/* ---- Attributes ---- */

/* INTS and FLOATS are arrays of up to `count`, as many as are given; the rest is 0. */
enum attr_type { ATTR_INT, ATTR_FLOAT, ATTR_BOOL, ATTR_ENUM, ATTR_SHAPE, ATTR_INTS, ATTR_FLOATS };
struct attr {
    const char *name;
    enum attr_type type;
    size_t offset;            /* into the params struct: int, float, bool, int (enum), ocelli_shape */
    int count;                /* 1, or the length of an int array */
    const char *const *words; /* ENUM: word i is value `min` + i; ends with NULL */
    double def;               /* what zero means in a builder call, and what print leaves out */
    double min, max;          /* range of each element (INT, FLOAT), after the default */
};
#define ATTR_END {0}

/* ---- Epilogue: what is done to each result on its way to memory ---- */

/* v = act(v + bias[c] + residual[i]), then v *= act'(at y[i]) with grad's function.
 * Each member is the index of an input behind the operation's own, or -1 for none. */
struct epilogue {
    int bias;     /* C floats, c along dimension 1 of the output */
    int residual; /* the output's shape */
    struct act act;
    int grad_y;   /* the output's shape: result (or argument) of the function whose derivative this is */
    struct act grad;
};
extern const struct epilogue no_epilogue;

/* ---- Problem: one operation on known shapes ---- */

struct op;
struct problem {
    const struct op *op;
    const void *attr; /* the op's params struct, defaults filled in */
    struct desc in[OP_MAX_IN + OP_MAX_EPI];
    int n_in; /* with the epilogue's; an absent optional input has rank -1 */
    struct desc out[OP_MAX_OUT];
    int n_out;
    struct epilogue epi;
    int gap; /* elements of others between what dimension 0 counts of output 0 (OP_GAP) */
};

struct cost {
    double flops; /* multiply and add count as two */
    double bytes; /* inputs and outputs once each */
    double macs;  /* multiply-adds of convolutions and matrix products */
};

/* ---- Variants ---- */

struct tunable {
    const char *name;
    const int *values; /* ends with 0 */
};
#define MAX_TUNABLES 12

struct variant {
    const char *name;
    const struct tunable *tunables; /* NULL: none */
    int noise; /* errors may be so many times those of plain sums, whole numbers inexact; 0: neither */
    bool f32;  /* takes no F16, even where the operation does */
    /* Can it compute this at all, on such a device? NULL: yes. */
    bool (*applicable)(const struct problem *, const struct caps *);
    /* Is it likely to be faster than those behind it? Not asked when it is forced. NULL: yes. */
    bool (*pays)(const struct problem *, const struct caps *);
    /* Default tunables for the problem; NULL: the first value of each. */
    void (*defaults)(const struct problem *, const struct caps *, int *tv);
    bool (*valid)(const struct problem *, const struct caps *, const int *tv);
    int (*plan)(const struct problem *, const struct caps *, const int *tv, struct launches *);
};

/* ---- Operations ---- */

enum {
    OP_EPILOGUE = 1, /* every variant stores through the epilogue */
    OP_ALIAS = 2,    /* output 0 is input 0 under another shape: no launch */
    OP_GAP = 8,      /* every variant heeds the problem's gap */
    OP_INPLACE = 4,  /* output 0 may overwrite input 0 where they have one size */
};

struct graph; /* ops/graph.h */
struct node;

struct op {
    const char *name;
    const char *onnx;                    /* the operators there that it does, NULL: none */
    const char *in[OP_MAX_IN + 1];       /* names in problem strings; "b?" is optional */
    const char *out[OP_MAX_OUT + 1];
    unsigned flags;
    unsigned updates; /* bit k: input k is also written (optimiser steps) */
    /* bit k: input k may be F16, all of these together with output 0 and what the epilogue reads of its
     * shape; computed in float, rounded once when stored. The other inputs stay F32. */
    unsigned half;
    size_t attr_size;
    const struct attr *attrs;
    /* Defaults that depend on other attributes, before those of the table. NULL: none. */
    void (*defaults)(void *attr);
    /* Checks inputs and attributes and sets p->out, n_out is given. SHAPE or INVALID with words. */
    int (*infer)(struct problem *p);
    struct cost (*cost)(const struct problem *p); /* NULL: bytes only, one flop an output element */
    /* Appends the nodes of the gradient: dy[k] is the gradient of output k (-1: none), dx[i] is to
     * become that of input i, or stays -1. NULL: no gradient. */
    int (*grad)(struct graph *g, const struct node *n, const int *dy, int *dx);
    const struct variant *variants; /* by preference, the last is "ref"; ends with {0} */
};

/* The generated dictionary, NULL-terminated, in the order of meson.build. */
extern const struct op *const ops[];
const struct op *op_find(const char *name);
const struct variant *op_variant(const struct op *op, const char *name);
/* Can the variant compute the problem at all, on such a device? */
bool variant_applies(const struct variant *v, const struct problem *p, const struct caps *caps);
int op_inputs(const struct op *op); /* how many named inputs, optional ones counted */

/* ---- Problems (problem.c) ---- */

/* Fills defaults into a params struct and checks ranges. */
int attr_defaults(const struct op *op, void *attr);
/* out[] from in[] and attr by the op's infer; then checks the epilogue's inputs. */
int problem_infer(struct problem *p);
struct cost problem_cost(const struct problem *p);

/* "conv2d x=2x6x14x14 w=16x6x5x5 pad=2,2,2,2 bias=16 act=relu": the problem as one line, and back.
 * Inputs by name with their shapes, ":i32" or ":u8" behind one that is not float; attributes that differ
 * from their defaults; then the epilogue: bias=C, residual=1 (the output's shape), act=WORD,
 * grad=WORD. Parsing infers the outputs. `attr` is memory for the params struct, attr_size bytes. */
void problem_print(const struct problem *p, struct text *out);
#define PROBLEM_ATTR_BYTES 256
int problem_parse(const char *s, struct problem *p, void *attr);

/* What tuning has found for a problem on this device: a variant, `only` that one where it is not NULL, and
 * tunables that are valid for it; false: nothing. */
struct tuned {
    bool (*find)(void *user, const struct problem *p, const struct variant *only,
                 const struct variant **v, int tv[MAX_TUNABLES]);
    void *user;
};
/* The variant and tunables for a problem: what `force` asks for ("ref", or "conv2d/direct,gemm/ref") where
 * that is applicable, what tuning has found (NULL: nothing), the first applicable one. UNSUPPORTED when none is. */
int problem_select_tuned(const struct problem *p, const struct caps *caps, const char *force,
                         const struct tuned *tuned, const struct variant **out,
                         int tv[MAX_TUNABLES]);
int problem_select(const struct problem *p, const struct caps *caps, const char *force,
                   const struct variant **out, int tv[MAX_TUNABLES]);
/* Does `force` ask for a variant of this operation? */
bool op_is_forced(const struct op *op, const char *force);
/* The launches; with every launch's defines, arguments and sizes checked for fit. */
int problem_plan(const struct problem *p, const struct caps *caps, const struct variant *v,
                 const int *tv, struct launches *out);

/* ---- For variants ---- */

/* Declares the epilogue to a launch: defines EPI_BIAS, EPI_RESIDUAL, ACT, EPI_GRAD and the arguments
 * bias, residual, grad_y that the kernel's EPI_PARAMS expects, after those added so far. */
void launch_epilogue(struct launch *k, const struct problem *p);
/* The defines PREFIX=act_<word> (or grad_<word>), PREFIX_ALPHA, PREFIX_BETA of one function. */
void launch_act(struct launch *k, const char *prefix, const struct act *act);
void launch_grad(struct launch *k, const char *prefix, const struct act *act);

#endif
