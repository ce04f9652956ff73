#include <math.h>

#include "oracle/random.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_gemm_params *t = p->attr;
    const int64_t *a = p->in[0].shape.dim, *b = p->in[1].shape.dim, *y = p->out[0].shape.dim;
    int64_t depth = a[t->trans_a ? 0 : 1];
    for (int64_t r = 0; r < y[0]; r++) {
        for (int64_t c = 0; c < y[1]; c++) {
            double v = 0, m = 0;
            for (int64_t k = 0; k < depth; k++) {
                double l = t->trans_a ? in[0][k * a[1] + r] : in[0][r * a[1] + k];
                double f = t->trans_b ? in[1][c * b[1] + k] : in[1][k * b[1] + c];
                v += l * f;
                m += fabs(l * f);
            }
            out[0][r * y[1] + c] = v;
            mag[0][r * y[1] + c] = m;
        }
    }
}

static double terms(const struct problem *p, int k)
{
    const struct ocelli_gemm_params *t = p->attr;
    (void)k;
    return (double)p->in[0].shape.dim[t->trans_a ? 0 : 1];
}

/* Extents around the tiles more often than others. */
static int extent(uint64_t seed, uint64_t n, int most)
{
    static const int edges[] = {1,  2,  3,  4,  7,  8,  9,  12, 15, 16, 17,
                                23, 24, 25, 31, 32, 33, 47, 48, 49, 64};
    int e = pick(seed, n, 0, 1) ? edges[pick(seed, n + 1, 0, (int)COUNT(edges) - 1)]
                                : pick(seed, n + 2, 1, 100);
    return MAX(MIN(e, most), 1);
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    int m = extent(seed, 10, (int)fmin(budget, 1e6));
    int n = extent(seed, 20, (int)fmin(budget / m, 1e6));
    int k = extent(seed, 30, (int)fmin(budget / m / n, 1e6));
    int ta = pick(seed, 1, 0, 1), tb = pick(seed, 2, 0, 1);
    k *= pick(seed, 3, 0, 7) == 0 && (double)m * n * k * 11 < budget ? 11 : 1;
    text_add(out, "gemm a=%dx%d b=%dx%d", ta ? k : m, ta ? m : k, tb ? n : k, tb ? k : n);
    if (ta)
        text_add(out, " trans_a=1");
    if (tb)
        text_add(out, " trans_b=1");
    random_epilogue(seed, n, out);
}

const struct oracle oracle_gemm = {.run = run, .terms = terms, .random = random_problem};
