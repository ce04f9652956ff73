#include "oracle/channels.h"

/* dy, x, scale?, mean, variance, dscale, dshift: the chain rule through y = (x - mean) r scale and
 * the sums. */
static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_batchnorm_params *a = p->attr;
    const struct ocelli_shape *s = &p->in[0].shape;
    int64_t channels = p->in[4].shape.dim[0];
    double count = (double)count_in(s, channels);
    for (int64_t i = 0; i < shape_count(s); i++) {
        int64_t c = channel_in(s, i, channels);
        if (c >= channels)
            continue;
        double k = in[2] ? in[2][c] : 1, r = 1 / sqrt(in[4][c] + a->epsilon);
        double u = (in[1][i] - in[3][c]) * r, size = (fabs(in[1][i]) + fabs(in[3][c])) * r;
        out[0][i] = k * r * (in[0][i] - in[6][c] / count - u * in[5][c] / count);
        mag[0][i] =
            fabs(k * r) * (fabs(in[0][i]) + fabs(in[6][c]) / count + size * fabs(in[5][c]) / count);
    }
}

static double terms(const struct problem *p, int k)
{
    (void)p, (void)k;
    return 4;
}

static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    (void)mode;
    for (int64_t c = 0; i == 4 && c < shape_count(&p->in[4].shape); c++)
        x[c] = 0.01 + random_uniform(seed, 4, (uint64_t)c);
    return i == 4;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    int c;
    bool blocked = pick(seed, 4, 0, 1);
    if (blocked)
        random_blocks(seed, budget, x, &c);
    else
        random_shape(seed, 2, 5, budget, x, &c);
    text_add(out, "batchnorm_bwd dy=%s x=%s", x, x);
    if (pick(seed, 5, 0, 2))
        text_add(out, " scale=%d", c);
    text_add(out, " mean=%d variance=%d dscale=%d dshift=%d", c, c, c, c);
    if (!blocked)
        random_epilogue(seed, c, out);
}

const struct oracle oracle_batchnorm_bwd = {
    .run = run, .terms = terms, .ulps = 8, .inexact = true, .fill = fill, .random = random_problem};
