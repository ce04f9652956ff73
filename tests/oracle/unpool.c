#include <math.h>
#include <string.h>

#include "oracle/channels.h"
#include "ops/attrs.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    int64_t n = shape_count(&p->out[0].shape), area = area_of(&p->out[0].shape);
    int64_t small = area_of(&p->in[0].shape);
    memset(out[0], 0, (size_t)n * sizeof(double));
    memset(mag[0], 0, (size_t)n * sizeof(double));
    for (int64_t i = 0; i < shape_count(&p->in[0].shape); i++) {
        int64_t at = (int64_t)in[1][i];
        if (at >= i / small * area && at < (i / small + 1) * area)
            out[0][at] = in[0][i];
    }
}

/* Each into its own channel, with some of them equal; now and then one that is not. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    int64_t area = area_of(&p->out[0].shape), small = area_of(&p->in[0].shape);
    (void)mode;
    if (i != 1)
        return false;
    for (int64_t j = 0; j < shape_count(&p->in[1].shape); j++) {
        int64_t place = (int64_t)(random_at(seed, 1, (uint64_t)j) % (uint64_t)area);
        x[j] = j % 11 == 10 ? (double)(place - area) : (double)(j / small * area + place);
    }
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    static const char *const types[] = {"", ":f16", ":f64", ":u8", ":i8", ":i32"};
    int n = pick(seed, 1, 1, 3), c = pick(seed, 2, 1, 5), h = pick(seed, 3, 1, 7),
        w = pick(seed, 4, 2, 9);
    int more = budget > 10000 ? 3 : 1;
    text_add(out, "unpool x=%dx%dx%dx%d%s index=%dx%dx%dx%d:i64 shape=%dx%dx%dx%d", n, c, h, w,
             types[pick(seed, 5, 0, 5)], n, c, h, w, n, c, h + pick(seed, 6, 0, more),
             w + pick(seed, 7, 0, more));
}

const struct oracle oracle_unpool = {.run = run, .fill = fill, .random = random_problem};
