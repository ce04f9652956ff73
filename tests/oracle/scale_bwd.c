#include <math.h>

#include "oracle/random.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_shape *s = &p->in[0].shape;
    int64_t c = s->dim[1], n = shape_count(s), spatial = n / (s->dim[0] * c);
    for (int64_t i = 0; i < n; i++) {
        int64_t k = i / spatial % c;
        out[0][k] += in[0][i] * in[1][i];
        mag[0][k] += fabs(in[0][i] * in[1][i]);
    }
}

static double terms(const struct problem *p, int k)
{
    (void)k;
    return (double)(shape_count(&p->in[0].shape) / p->in[0].shape.dim[1]);
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    int c;
    random_shape(seed, 2, 5, budget, x, &c);
    text_add(out, "scale_bwd dy=%s x=%s", x, x);
}

const struct oracle oracle_scale_bwd = {.run = run, .terms = terms, .random = random_problem};
