#include <math.h>

#include "oracle/random.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    for (int64_t i = 0; i < shape_count(&p->in[0].shape); i++) {
        out[0][i] = in[0][i] + in[1][i];
        mag[0][i] = fabs(in[0][i]) + fabs(in[1][i]);
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
    random_shape(seed, 2, 6, budget, x, &c);
    text_add(out, "add a=%s b=%s", x, x);
    random_epilogue(seed, c, out);
}

const struct oracle oracle_add = {.run = run, .terms = terms, .random = random_problem};
