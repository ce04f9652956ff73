#include <math.h>

#include "ops/attrs.h"
#include "oracle/random.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct running_attr *a = p->attr;
    for (int64_t i = 0; i < shape_count(&p->in[0].shape); i++) {
        double x = in[1] ? a->take * in[1][i] : 0;
        out[0][i] = a->keep * in[0][i] + x + a->add;
        mag[0][i] = fabs(a->keep * in[0][i]) + fabs(x) + fabs(a->add);
    }
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char s[SHAPE_TEXT];
    int c;
    random_shape(seed, 1, 4, budget, s, &c);
    text_add(out, "running s=%s", s);
    if (pick(seed, 1, 0, 2))
        text_add(out, " x=%s take=0.125", s);
    text_add(out, " keep=0.875 add=%d", pick(seed, 2, 0, 3));
}

const struct oracle oracle_running = {.run = run, .inexact = true, .random = random_problem};
