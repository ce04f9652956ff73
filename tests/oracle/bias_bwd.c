#include "oracle/channels.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_shape *s = &p->in[0].shape;
    int64_t channels = p->out[0].shape.dim[0];
    for (int64_t i = 0; i < shape_count(s); i++) {
        int64_t c = channel_in(s, i, channels);
        if (c >= channels)
            continue;
        out[0][c] += in[0][i];
        mag[0][c] += fabs(in[0][i]);
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
        text_add(out, "bias_bwd dy=%s channels=%d", x, c);
        return;
    }
    random_shape(seed, 2, 5, budget, x, &c);
    text_add(out, "bias_bwd dy=%s", x);
}

const struct oracle oracle_bias_bwd = {.run = run, .terms = terms, .random = random_problem};
