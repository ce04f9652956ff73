#include <math.h>

#include "oracle/random.h"
#include "ops/attrs.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const int64_t *b = p->in[1].shape.dim, *y = p->out[0].shape.dim, depth = b[1], v = b[2];
    for (int64_t i = 0; i < y[0] * y[1]; i++) {
        const int64_t r = i / y[1], c = i % y[1];
        double sum = 0, size = 0;
        for (int64_t k = 0; k < depth; k++) {
            const double term = in[0][r * depth + k] * in[1][(c / v * depth + k) * v + c % v];
            sum += term;
            size += fabs(term);
        }
        out[0][i] = sum;
        mag[0][i] = size;
    }
}

static double terms(const struct problem *p, int k)
{
    (void)k;
    return (double)p->in[1].shape.dim[1];
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    const int v = 4 << pick(seed, 1, 0, 2);
    const int m = pick(seed, 2, 1, (int)fmin(100, fmax(budget, 1)));
    const int n = pick(seed, 3, 1, (int)fmin(150, fmax(budget / m, 1)));
    const int k = pick(seed, 4, 1, (int)fmin(300, fmax(budget / m / n, 1)));
    text_add(out, "gemm_packed a=%dx%d b=%dx%dx%d columns=%d", m, k, (n + v - 1) / v, k, v, n);
    random_epilogue(seed, n, out);
}

const struct oracle oracle_gemm_packed = {.run = run, .terms = terms, .random = random_problem};
