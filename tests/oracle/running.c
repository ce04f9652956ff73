#include <math.h>

#include "ops/attrs.h"
#include "oracle/random.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct running_attr *a = p->attr;
    for (int64_t i = 0; i < shape_count(&p->in[0].shape); i++) {
        double x = in[1] ? a->take * in[1][i] : 0, s = a->keep * in[0][i];
        if (a->period > 0 && (int)in[2][0] % a->period == 0)
            s = 0;
        out[0][i] = s + x + a->add;
        mag[0][i] = fabs(s) + fabs(x) + fabs(a->add);
    }
}

/* How many runs there were is a whole number. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    (void)p;
    (void)mode;
    if (i != 2)
        return false;
    x[0] = pick(seed, 3, 0, 7);
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char s[SHAPE_TEXT];
    int c;
    random_shape(seed, 1, 4, budget, s, &c);
    text_add(out, "running s=%s", s);
    if (pick(seed, 1, 0, 2)) {
        text_add(out, " x=%s take=0.125", s);
        if (pick(seed, 4, 0, 1))
            text_add(out, " runs=scalar period=%d", pick(seed, 5, 1, 4));
    }
    text_add(out, " keep=0.875 add=%d", pick(seed, 2, 0, 3));
}

const struct oracle oracle_running = {.run = run, .inexact = true, .fill = fill, .random = random_problem};
