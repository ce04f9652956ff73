#include "oracle/channels.h"

/* dy, x, mean, variance */
static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_batchnorm_params *a = p->attr;
    const struct ocelli_shape *s = &p->in[0].shape;
    int64_t channels = p->out[0].shape.dim[0];
    for (int64_t i = 0; i < shape_count(s); i++) {
        int64_t c = channel_in(s, i, channels);
        if (c >= channels)
            continue;
        double r = 1 / sqrt(in[3][c] + a->epsilon);
        out[0][c] += in[0][i] * (in[1][i] - in[2][c]) * r;
        mag[0][c] += fabs(in[0][i]) * (fabs(in[1][i]) + fabs(in[2][c])) * r;
        out[1][c] += in[0][i];
        mag[1][c] += fabs(in[0][i]);
    }
}

static double terms(const struct problem *p, int k)
{
    (void)k;
    return (double)count_in(&p->in[0].shape, p->out[0].shape.dim[0]);
}

static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    (void)mode;
    for (int64_t c = 0; i == 3 && c < shape_count(&p->in[3].shape); c++)
        x[c] = 0.01 + random_uniform(seed, 3, (uint64_t)c);
    return i == 3;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    int c;
    if (pick(seed, 4, 0, 1))
        random_blocks(seed, budget, x, &c);
    else
        random_shape(seed, 2, 5, budget, x, &c);
    text_add(out, "batchnorm_sums dy=%s x=%s mean=%d variance=%d", x, x, c, c);
}

const struct oracle oracle_batchnorm_sums = {
    .run = run, .terms = terms, .ulps = 8, .inexact = true, .fill = fill, .random = random_problem};
