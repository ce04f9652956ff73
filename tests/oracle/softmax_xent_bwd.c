#include <math.h>

#include "ops/attrs.h"
#include "oracle/labels.h"
#include "oracle/random.h"

/* A probability may be off by some units in the last place; where it is near 1 the difference shows
 * them magnified, hence 8 times the summands in mag. */
static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct softmax_xent_attr *a = p->attr;
    int64_t rows = p->in[0].shape.dim[0], c = p->in[0].shape.dim[1];
    for (int64_t n = 0; n < rows; n++) {
        const double *x = in[0] + n * c;
        double top = x[0], sum = 0, d = in[2][n];
        int64_t label = (int64_t)in[1][n];
        bool inside = label >= 0 && label < c;
        for (int64_t j = 0; j < c; j++)
            top = fmax(top, x[j]);
        for (int64_t j = 0; j < c; j++)
            sum += exp(x[j] - top);
        for (int64_t j = 0; j < c; j++) {
            double q = exp(x[j] - top) / sum;
            double one = (1 - a->smoothing) * (j == label) + a->smoothing / (double)c;
            out[0][n * c + j] = inside ? d * (q - one) : NAN;
            mag[0][n * c + j] = inside ? 8 * fabs(d) * (q + one) : 0;
        }
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
    if (i == 2 || mode == FILL_INTEGER)
        return false;
    for (int64_t j = 0; j < shape_count(&p->in[i].shape); j++)
        x[j] = 6 * random_uniform(seed, 0, (uint64_t)j) - 3 + 100.0 * (double)(j / c % 3 - 1);
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    int c = pick(seed, 1, 2, 300), n = pick(seed, 2, 1, 70);
    n = MAX(1, MIN(n, (int)(budget / c)));
    text_add(out, "softmax_xent_bwd x=%dx%d labels=%d:i32 dloss=%d%s", n, c, n, n,
             pick(seed, 3, 0, 1) ? " smoothing=0.1" : "");
}

const struct oracle oracle_softmax_xent_bwd = {
    .run = run, .terms = terms, .inexact = true, .fill = fill, .random = random_problem};
