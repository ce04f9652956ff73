#include <math.h>

#include "oracle/random.h"
#include "ops/attrs.h"

enum { W, A, B, LR, V };

/* sgd's formula with g = a^T b. The results are w and then, with momentum, v. */
static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct sgd_attr *s = p->attr;
    const int64_t depth = p->in[A].shape.dim[0], rows = p->in[A].shape.dim[1];
    const int64_t cols = p->in[B].shape.dim[1];
    const double lr = in[LR][0];
    for (int64_t i = 0; i < rows * cols; i++) {
        const double decay = s->weight_decay * in[W][i];
        double d = s->decoupled ? 0 : decay, size = fabs(decay);
        for (int64_t k = 0; k < depth; k++) {
            const double term = in[A][k * rows + i / cols] * in[B][k * cols + i % cols];
            d += term;
            size += fabs(term);
        }
        if (in[V]) {
            const double v = s->momentum * in[V][i] + d;
            size += fabs(s->momentum * in[V][i]);
            out[1][i] = v;
            mag[1][i] = size;
            d = s->nesterov ? d + s->momentum * v : v;
            size *= s->nesterov ? 1 + (double)s->momentum : 1;
        }
        out[0][i] = in[W][i] - lr * (d + (s->decoupled ? decay : 0));
        mag[0][i] = fabs(in[W][i]) + lr * size;
    }
}

static double terms(const struct problem *p, int k)
{
    (void)k;
    return (double)p->in[A].shape.dim[0];
}

static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    (void)p;
    (void)mode;
    if (i != LR)
        return false;
    x[0] = 0.01 + 0.5 * random_uniform(seed, LR, 0);
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    const int k = pick(seed, 1, 1, 20);
    const int m = pick(seed, 2, 1, (int)fmin(70, fmax(budget / k, 1)));
    const int n = pick(seed, 3, 1, (int)fmin(200, fmax(budget / k / m, 1)));
    text_add(out, "gemm_sgd w=%dx%d a=%dx%d b=%dx%d lr=scalar", m, n, k, m, k, n);
    if (pick(seed, 4, 0, 1))
        text_add(out, " v=%dx%d momentum=0.9%s", m, n, pick(seed, 5, 0, 1) ? " nesterov=1" : "");
    if (pick(seed, 6, 0, 1))
        text_add(out, " weight_decay=0.0005%s", pick(seed, 7, 0, 1) ? " decoupled=1" : "");
}

const struct oracle oracle_gemm_sgd = {
    .run = run, .terms = terms, .inexact = true, .fill = fill, .random = random_problem};
