#include <math.h>

#include "oracle/labels.h"
#include "oracle/random.h"

/* mag stays 0: the answer is exact. */
static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_in_top_k_params *a = p->attr;
    int64_t rows = p->in[0].shape.dim[0], c = p->in[0].shape.dim[1];
    (void)mag;
    for (int64_t n = 0; n < rows; n++) {
        const double *x = in[0] + n * c;
        int64_t label = (int64_t)in[1][n], rank = 0;
        if (label < 0 || label >= c)
            continue;
        for (int64_t j = 0; j < c; j++)
            rank += x[j] > x[label] || (x[j] == x[label] && j < label);
        out[0][n] = rank < a->k;
    }
}

/* Every other row's label gets a large logit, so that both answers occur; whole numbers give ties.
 */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    int64_t rows = p->in[0].shape.dim[0], c = p->in[0].shape.dim[1];
    if (i == 1)
        return fill_labels(p, seed, x);
    for (int64_t j = 0; j < rows * c; j++) {
        double u = random_uniform(seed, 0, (uint64_t)j);
        x[j] = mode == FILL_INTEGER ? floor((double)c / 2 * u) : u;
    }
    for (int64_t n = 0; n < rows; n += 2) {
        int label = label_of(seed, n, c);
        if (label >= 0 && label < c)
            x[n * c + label] = mode == FILL_INTEGER ? (double)(c / 2) : 0.9999;
    }
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    int c = pick(seed, 1, 3, 300), n = pick(seed, 2, 1, 70);
    n = MAX(1, MIN(n, (int)(budget / c)));
    text_add(out, "in_top_k x=%dx%d labels=%d:i32 k=%d", n, c, n, pick(seed, 3, 1, c / 3 + 1));
}

const struct oracle oracle_in_top_k = {
    .run = run, .inexact = true, .fill = fill, .random = random_problem};
