#include <math.h>

#include "oracle/random.h"

static int64_t area_of(const struct problem *p)
{
    return p->out[0].shape.dim[2] * p->out[0].shape.dim[3];
}

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    int64_t area = area_of(p), b = p->in[0].shape.rank == 5 ? p->in[0].shape.dim[4] : 1;
    for (int64_t i = 0; i < shape_count(&p->out[0].shape); i++) {
        out[0][i] = in[0][i / (area * b) * b + i % b] / (double)area;
        mag[0][i] = fabs(out[0][i]);
    }
}

/* Multiples of the area, and no two alike, so that a row that is another's shows. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    int64_t area = area_of(p), n = i == 0 ? shape_count(&p->in[0].shape) : 0;
    if (i != 0 || mode != FILL_INTEGER || area * (n + 8) > 1 << 23)
        return false;
    int64_t shift = pick(seed, 1, 1, 7);
    for (int64_t j = 0; j < n; j++)
        x[j] = (double)((j % 2 ? -1 : 1) * area * (j + shift));
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    int n = pick(seed, 1, 1, 4), c = pick(seed, 2, 1, 9);
    int most = (int)fmin(sqrt(budget / (n * c)), 40);
    text_add(out, "gap_bwd dy=%dx%dx1x1 size=%d,%d", n, c, pick(seed, 3, 1, MAX(most, 1)),
             pick(seed, 4, 1, MAX(most, 1)));
    random_epilogue(seed, c, out);
}

const struct oracle oracle_gap_bwd = {.run = run, .fill = fill, .random = random_problem};
