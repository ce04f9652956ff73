#include "oracle/channels.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_shape *s = &p->in[0].shape;
    int64_t n = shape_count(s);
    double count = (double)n / (double)s->dim[1];
    for (int64_t i = 0; i < n; i++) {
        int64_t c = channel_at(s, i);
        double dm = in[2] ? in[2][c] : 0, dv = in[3] ? in[3][c] : 0;
        out[0][i] = (dm + 2 * (in[0][i] - in[1][c]) * dv) / count;
        mag[0][i] = (fabs(dm) + 2 * (fabs(in[0][i]) + fabs(in[1][c])) * fabs(dv)) / count;
    }
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    int c, which = pick(seed, 1, 0, 2);
    random_shape(seed, 2, 5, budget, x, &c);
    text_add(out, "batchnorm_stats_bwd x=%s mean=%d", x, c);
    if (which != 1)
        text_add(out, " dmean=%d", c);
    if (which != 2)
        text_add(out, " dvariance=%d", c);
}

const struct oracle oracle_batchnorm_stats_bwd = {
    .run = run, .ulps = 4, .inexact = true, .random = random_problem};
