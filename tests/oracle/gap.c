#include <math.h>

#include "oracle/random.h"

/* Of a blocked tensor, 1 of a plain one. */
static int64_t block_of(const struct problem *p)
{
    return p->in[0].shape.rank == 5 ? p->in[0].shape.dim[4] : 1;
}

static int64_t area_of(const struct problem *p)
{
    return p->in[0].shape.dim[2] * p->in[0].shape.dim[3];
}

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    int64_t area = area_of(p), b = block_of(p);
    for (int64_t i = 0; i < shape_count(&p->in[0].shape); i++) {
        int64_t to = i / (area * b) * b + i % b;
        out[0][to] += in[0][i] / (double)area;
        mag[0][to] += fabs(in[0][i]) / (double)area;
    }
}

static double terms(const struct problem *p, int k)
{
    (void)k;
    return (double)area_of(p);
}

/* Whole numbers with a whole mean. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    int64_t area = area_of(p);
    if (mode != FILL_INTEGER || area * area > 1 << 22)
        return false;
    for (int64_t j = 0; j < shape_count(&p->in[i].shape); j++)
        x[j] = (double)(area * pick(seed, (uint64_t)j, -2, 2));
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    int n = pick(seed, 1, 1, 4), c = pick(seed, 2, 1, 9);
    int most = (int)fmin(sqrt(budget / (n * c)), 40);
    text_add(out, "gap x=%dx%dx%dx%d", n, c, pick(seed, 3, 1, MAX(most, 1)),
             pick(seed, 4, 1, MAX(most, 1)));
    random_epilogue(seed, c, out);
}

const struct oracle oracle_gap = {
    .run = run, .terms = terms, .fill = fill, .random = random_problem};
