/* checkcl: runs every operation x variant x problem against a double-precision oracle.
 *
 * Each operation has tests/oracle/<op>.c with one `const struct oracle oracle_<op>`, and
 * tests/problems/<op>.txt, a problem string a line (ops/op.h, problem_print). */
#ifndef TESTS_CHECKCL_H
#define TESTS_CHECKCL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "ops/op.h"

enum fill_mode {
    FILL_INTEGER, /* small whole numbers: every sum is exact in float, results are compared bit for bit */
    FILL_REAL,    /* U(-1, 1): compared per element against the bound below */
};

/* The straightforward double-precision computation, written from the definition and not from a kernel.
 * Inputs of every type come as doubles, in C order; absent ones are NULL. Epilogues are not the oracle's
 * business: checkcl applies them to what it returns.
 *
 * Outputs are the operation's outputs and then those inputs given that it updates, in order. For output k, element
 * i, `run` stores the value in out[k][i] and in mag[k][i] the sum of the absolute values of what was added
 * up to it (|value| where nothing was). The device's value y must satisfy
 *     |y - out| <= 2 (2 + sqrt(terms)) 2^-24 mag + ulps 2^-24 |out|     (goal: Higham's bound, statistical form)
 * with terms = terms(p, k), the number of products or summands. */
struct oracle {
    void (*run)(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag);
    double (*terms)(const struct problem *p, int k); /* NULL: 1 */
    double ulps;      /* allowed besides, for functions that are not correctly rounded */
    bool inexact;     /* even whole numbers do not give exact results: always use the bound */
    /* Fills input i instead of checkcl: labels, learning rates, indices that must be in range. Returns false to
     * leave it to checkcl. NULL: always checkcl. */
    bool (*fill)(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x);
    /* Writes a random legal problem of at most `budget` multiply-adds as a problem string; the same seed gives
     * the same string. */
    void (*random)(uint64_t seed, double budget, struct text *out);
};

/* A whole number in [lo, hi] from a seed, for `random` and `fill`. */
static inline int pick(uint64_t seed, uint64_t n, int lo, int hi)
{
    return lo + (int)(random_at(seed, 77, n) % (uint64_t)(hi - lo + 1));
}

#endif
