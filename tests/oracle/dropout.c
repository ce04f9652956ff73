#include <math.h>

#include "ops/attrs.h"
#include "oracle/random.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct dropout_attr *a = p->attr;
    const int64_t run = (int64_t)in[1][0], *d = p->in[0].shape.dim;
    const int64_t n = shape_count(&p->in[0].shape);
    const int64_t all = a->channels ? n / d[4] / d[1] * a->channels : n;
    const int64_t first = (run % a->parts * a->lanes + a->lane) * all;
    for (int64_t i = 0; i < n; i++) {
        int64_t number = i;
        if (a->channels) {
            const int64_t area = d[2] * d[3], b = i / d[4] / area;
            int64_t c = b % d[1] * d[4] + i % d[4];
            if (c >= a->channels)
                continue;
            number = (b / d[1] * a->channels + c) * area + i / d[4] % area;
        }
        uint64_t r = random_at((uint64_t)a->seed, (uint64_t)(run / a->parts),
                               (uint64_t)(first + number));
        bool kept = (double)(r >> 40) >= rint((double)a->ratio * 0x1p24);
        out[0][i] = kept ? in[0][i] / (1 - (double)a->ratio) : 0;
        mag[0][i] = fabs(out[0][i]);
    }
}

static double terms(const struct problem *p, int k)
{
    (void)p;
    (void)k;
    return 1;
}

/* The run is a whole number from 0 on. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    (void)p;
    (void)mode;
    if (i != 1)
        return false;
    x[0] = pick(seed, 1, 0, 100000);
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    struct ocelli_shape s;
    int c;
    random_shape(seed, 1, 4, budget, x, &c);
    shape_parse(x, &s);
    /* Of a few elements all could be dropped. */
    text_add(out, "dropout x=%s run=scalar ratio=0.%d seed=%d", x,
             pick(seed, 1, 1, shape_count(&s) < 100 ? 3 : 9), pick(seed, 2, 0, 1000));
    if (pick(seed, 3, 0, 1))
        text_add(out, " parts=%d lanes=3 lane=%d", pick(seed, 4, 1, 5), pick(seed, 5, 0, 2));
}

const struct oracle oracle_dropout = {
    .run = run, .terms = terms, .ulps = 2, .inexact = true, .fill = fill, .random = random_problem};
