#include "oracle/channels.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_batchnorm_params *a = p->attr;
    const struct ocelli_shape *s = &p->in[0].shape;
    for (int64_t i = 0; i < shape_count(s); i++) {
        int64_t c = channel_in(s, i, p->in[4].shape.dim[0]);
        if (c >= p->in[4].shape.dim[0])
            continue;
        double scale = in[1] ? in[1][c] : 1, shift = in[2] ? in[2][c] : 0, mean = in[3] ? in[3][c] : 0;
        double r = scale / sqrt(in[4][c] + a->epsilon);
        out[0][i] = (in[0][i] - mean) * r + shift;
        mag[0][i] = (fabs(in[0][i]) + fabs(mean)) * fabs(r) + fabs(shift);
    }
}

static double terms(const struct problem *p, int k)
{
    (void)p;
    (void)k;
    return 4;
}

/* Variances are not negative, and a scale of 0 would say nothing. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    if (i != 4 && i != 1)
        return false;
    for (int64_t j = 0; j < shape_count(&p->in[i].shape); j++) {
        double u = random_uniform(seed, (uint64_t)i, (uint64_t)j);
        x[j] = mode == FILL_INTEGER ? 1 + floor(4 * u) : u + 0.01;
    }
    return true;
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
    text_add(out, "batchnorm x=%s", x);
    if (pick(seed, 1, 0, 3))
        text_add(out, " scale=%d", c);
    if (pick(seed, 2, 0, 3))
        text_add(out, " shift=%d", c);
    if (pick(seed, 3, 0, 3))
        text_add(out, " mean=%d", c);
    text_add(out, " variance=%d epsilon=0.001", c);
    if (!blocked)
        random_epilogue(seed, c, out);
}

const struct oracle oracle_batchnorm = {
    .run = run, .terms = terms, .ulps = 8, .inexact = true, .fill = fill, .random = random_problem};
