#include "oracle/lrn.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_lrn_params *a = p->attr;
    const struct ocelli_shape *s = &p->in[0].shape;
    for (int64_t i = 0; i < shape_count(s); i++) {
        out[0][i] = in[0][i] * pow(lrn_divisor(p, in[0], s, i), -a->beta);
        mag[0][i] = fabs(out[0][i]);
    }
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    int c;
    random_shape(seed, 2, 5, budget, x, &c);
    text_add(out, "lrn x=%s size=%d alpha=0.5 bias=2", x, pick(seed, 1, 1, 6));
}

const struct oracle oracle_lrn = {.run = run, .ulps = 32, .inexact = true, .random = random_problem};
