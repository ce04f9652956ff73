/* Functions of one element: one table for the unary operation, for epilogues and for gradients. */
#ifndef OPS_ACT_H
#define OPS_ACT_H

#include <stdbool.h>

#include <ocelli/ops.h>

/* kind 0: the identity. Kernels know them as act_<word> and grad_<word> (cl/prelude.clh). */
struct act {
    int kind; /* enum ocelli_unary_kind, or 0 */
    float alpha, beta;
};

struct act_info {
    const char *word; /* "relu" */
    bool grad_from_y; /* the derivative is computed from the result, else from the argument */
    int params;       /* how many of alpha, beta it uses */
    bool slope;       /* it has a derivative other than 0 */
    bool exact;       /* the result is one of few simple ones: right also for whole numbers and doubles */
};
/* NULL for a kind that is none. */
const struct act_info *act_info(int kind);
/* kind of a word; 0 when there is none. */
int act_kind(const char *word);
/* The words of all kinds, NULL-terminated: from 0, "none", on, and from 1 on (an ENUM attribute's with min 1). */
extern const char *const act_names[];
#define act_words (act_names + 1)

#endif
