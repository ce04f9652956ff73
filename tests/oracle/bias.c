#include <math.h>

#include "oracle/random.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_shape *s = &p->in[0].shape;
    int64_t c = s->dim[1], n = shape_count(s), spatial = n / (s->dim[0] * c);
    for (int64_t i = 0; i < n; i++) {
        double b = in[1][i / spatial % c];
        out[0][i] = in[0][i] + b;
        mag[0][i] = fabs(in[0][i]) + fabs(b);
    }
}

static double terms(const struct problem *p, int k)
{
    (void)p;
    (void)k;
    return 2;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    int c;
    random_shape(seed, 2, 5, budget, x, &c);
    text_add(out, "bias x=%s b=%d", x, c);
    random_epilogue(seed, c, out);
}

const struct oracle oracle_bias = {.run = run, .terms = terms, .random = random_problem};
