#include "oracle/random.h"
#include "ops/attrs.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    int axis = ((const struct concat_attr *)p->attr)->axis;
    const struct ocelli_shape *y = &p->out[0].shape;
    for (int64_t i = 0; i < shape_count(y); i++) {
        int64_t at[OCELLI_MAX_RANK] = {0}, rest = i, from = 0;
        int k = 0;
        for (int d = y->rank - 1; d >= 0; d--) {
            at[d] = rest % y->dim[d];
            rest /= y->dim[d];
        }
        while (at[axis] >= p->in[k].shape.dim[axis])
            at[axis] -= p->in[k++].shape.dim[axis];
        for (int d = 0; d < y->rank; d++)
            from = from * p->in[k].shape.dim[d] + at[d];
        out[0][i] = in[k][from];
        mag[0][i] = 0;
    }
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    static const char *const types[] = {"", ":i32", ":u16", ":f64", ":bool"};
    static const int extents[] = {1, 2, 3, 5, 8, 17, 40};
    int rank = pick(seed, 1, 1, 6), axis = pick(seed, 2, 0, rank - 1), n = pick(seed, 3, 1, OP_MAX_IN);
    int dim[6];
    budget /= n;
    for (int d = 0; d < rank; d++) {
        dim[d] = MIN(extents[pick(seed, 10 + (uint64_t)d, 0, 6)], MAX((int)budget, 1));
        budget /= dim[d];
    }
    text_add(out, "concat");
    for (int i = 0; i < n; i++) {
        text_add(out, " x%d=", i);
        for (int d = 0; d < rank; d++)
            text_add(out, d ? "x%d" : "%d",
                     d == axis ? pick(seed, 20 + (uint64_t)i, 1, dim[d]) : dim[d]);
        text_add(out, "%s", types[pick(seed, 4, 0, 4)]);
    }
    text_add(out, " axis=%d", axis);
}

const struct oracle oracle_concat = {.run = run, .random = random_problem};
