#include <float.h>
#include <math.h>

#include "oracle/random.h"

static bool outside(int64_t i, int64_t n)
{
    return i < 0 || i >= n;
}

/* Element i of a row of n that goes on for ever. */
static int64_t element_of(enum ocelli_pad_mode mode, int64_t i, int64_t n)
{
    if (mode == OCELLI_PAD_EDGE)
        return i < 0 ? 0 : i >= n ? n - 1 : i;
    while (outside(i, n))
        i = i < 0 ? -i : 2 * (n - 1) - i;
    return i;
}

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_pad_params *a = p->attr;
    const struct ocelli_shape *x = &p->in[0].shape, *y = &p->out[0].shape;
    for (int64_t i = 0; i < shape_count(y); i++) {
        int64_t rest = i, from = 0, step = 1;
        bool added = false;
        for (int d = y->rank - 1; d >= 0; d--) {
            int64_t k = rest % y->dim[d] - a->begin[d];
            rest /= y->dim[d];
            if (a->mode == OCELLI_PAD_CONSTANT && outside(k, x->dim[d]))
                added = true;
            else
                from += element_of(a->mode, k, x->dim[d]) * step;
            step *= x->dim[d];
        }
        double value = fabsf(a->value) == FLT_MAX ? copysign(INFINITY, a->value) : a->value;
        out[0][i] = added ? value : in[0][from];
        mag[0][i] = 0;
    }
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    static const char *const types[] = {"", ":i32", ":f16", ":f64", ":i8", ":u64"};
    static const char *const modes[] = {"constant", "reflect", "edge"};
    static const int extents[] = {1, 2, 3, 5, 8, 17, 40};
    int rank = pick(seed, 1, 1, 6), mode = pick(seed, 2, 0, 2);
    struct text x = {0}, begin = {0}, end = {0};
    for (int d = 0; d < rank; d++) {
        int n = MIN(extents[pick(seed, 10 + (uint64_t)d, 0, 6)], MAX((int)budget, 1));
        int lo = -(n - 1) / 2, hi = mode == 1 ? MIN(n - 1, 4) : 3;
        bool none = budget < 8 || pick(seed, 20 + (uint64_t)d, 0, 1);
        text_add(&x, d ? "x%d" : "%d", n);
        text_add(&begin, d ? ",%d" : "%d", none ? 0 : pick(seed, 30 + (uint64_t)d, lo, hi));
        text_add(&end, d ? ",%d" : "%d", none ? 0 : pick(seed, 40 + (uint64_t)d, lo, hi));
        budget /= 2 * n;
    }
    text_add(out, "pad x=%s%s mode=%s begin=%s end=%s value=%d", x.s, types[pick(seed, 50, 0, 5)],
             modes[mode], begin.s, end.s, pick(seed, 51, 0, 3));
    text_free(&x);
    text_free(&begin);
    text_free(&end);
}

const struct oracle oracle_pad = {.run = run, .random = random_problem};
