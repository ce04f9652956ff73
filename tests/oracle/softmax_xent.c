#include <math.h>

#include "ops/attrs.h"
#include "oracle/labels.h"
#include "oracle/random.h"

/* The 1 in mag: the logarithm turns the sum's relative error into an absolute one. */
static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct softmax_xent_attr *a = p->attr;
    int64_t rows = p->in[0].shape.dim[0], c = p->in[0].shape.dim[1];
    for (int64_t n = 0; n < rows; n++) {
        const double *x = in[0] + n * c;
        double top = x[0], sum = 0, mean = 0;
        int64_t label = (int64_t)in[1][n];
        for (int64_t j = 0; j < c; j++)
            top = fmax(top, x[j]), mean += x[j] / (double)c;
        for (int64_t j = 0; j < c; j++)
            sum += exp(x[j] - top);
        bool inside = label >= 0 && label < c;
        double target = inside ? (1 - a->smoothing) * x[label] + a->smoothing * mean : NAN;
        out[0][n] = log(sum) + top - target;
        mag[0][n] = inside ? 1 + log(sum) + top - target : 0;
    }
}

static double terms(const struct problem *p, int k)
{
    (void)k;
    return (double)p->in[0].shape.dim[1];
}

static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    int64_t c = p->in[0].shape.dim[1];
    if (i == 1)
        return fill_labels(p, seed, x);
    if (mode == FILL_INTEGER)
        return false;
    for (int64_t j = 0; j < shape_count(&p->in[i].shape); j++)
        x[j] = 6 * random_uniform(seed, 0, (uint64_t)j) - 3 + 100.0 * (double)(j / c % 3 - 1);
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    int c = pick(seed, 1, 1, 300), n = pick(seed, 2, 1, 70);
    n = MAX(1, MIN(n, (int)(budget / c)));
    text_add(out, "softmax_xent x=%dx%d labels=%d:i32%s", n, c, n,
             pick(seed, 3, 0, 1) ? " smoothing=0.1" : "");
}

const struct oracle oracle_softmax_xent = {.run = run,
                                           .terms = terms,
                                           .ulps = 16,
                                           .inexact = true,
                                           .fill = fill,
                                           .random = random_problem};
