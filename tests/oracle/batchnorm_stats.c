#include "oracle/channels.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_shape *s = &p->in[0].shape;
    int64_t n = shape_count(s), channels = p->out[0].shape.dim[0];
    double count = (double)count_in(s, channels);
    for (int64_t c = 0; c < channels; c++) {
        double sum = 0, size = 0, square = 0;
        for (int64_t i = 0; i < n; i++) {
            if (channel_in(s, i, channels) == c) {
                sum += in[0][i];
                size += fabs(in[0][i]);
            }
        }
        double mean = sum / count;
        for (int64_t i = 0; i < n; i++)
            if (channel_in(s, i, channels) == c)
                square += (in[0][i] - mean) * (in[0][i] - mean);
        out[0][c] = mean;
        mag[0][c] = size / count;
        out[1][c] = square / count;
        /* Each distance is off by half a unit of its terms, and the mean's error enters as a square. */
        mag[1][c] = square / count + sqrt(square / count) * 0x1p-22 * size / count + 0x1p-24;
    }
}

static double terms(const struct problem *p, int k)
{
    (void)k;
    return (double)count_in(&p->in[0].shape, p->out[0].shape.dim[0]);
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    int c;
    if (pick(seed, 4, 0, 1)) {
        random_blocks(seed, budget, x, &c);
        text_add(out, "batchnorm_stats x=%s channels=%d", x, c);
        return;
    }
    random_shape(seed, 2, 5, budget, x, &c);
    /* Of one element a channel nothing varies. */
    struct ocelli_shape s;
    shape_parse(x, &s);
    if (shape_count(&s) == c)
        snprintf(x, sizeof(x), "3x7");
    text_add(out, "batchnorm_stats x=%s", x);
}

const struct oracle oracle_batchnorm_stats = {
    .run = run, .terms = terms, .ulps = 8, .inexact = true, .random = random_problem};
