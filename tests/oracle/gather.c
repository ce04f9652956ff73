#include "oracle/random.h"
#include "ops/attrs.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    int axis = ((const struct gather_attr *)p->attr)->axis;
    const struct ocelli_shape *x = &p->in[0].shape, *y = &p->out[0].shape;
    int ranks = p->in[1].shape.rank;
    for (int64_t i = 0; i < shape_count(y); i++) {
        int64_t at[OCELLI_MAX_RANK], rest = i, which = 0, from = 0;
        for (int d = y->rank - 1; d >= 0; d--) {
            at[d] = rest % y->dim[d];
            rest /= y->dim[d];
        }
        for (int d = 0; d < ranks; d++)
            which = which * p->in[1].shape.dim[d] + at[axis + d];
        double k = in[1][which];
        k += k < 0 ? (double)x->dim[axis] : 0;
        for (int d = 0; d < x->rank; d++)
            from = from * x->dim[d] + (d < axis ? at[d] : d == axis ? (int64_t)k : at[d + ranks - 1]);
        out[0][i] = k < 0 || k >= (double)x->dim[axis] ? 0 : in[0][from];
        mag[0][i] = 0;
    }
}

/* Of either sign; now and then one that is out of range. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    int64_t extent = p->in[0].shape.dim[((const struct gather_attr *)p->attr)->axis];
    if (i != 1)
        return false;
    for (int64_t j = 0; j < shape_count(&p->in[1].shape); j++) {
        int64_t k = (int64_t)(random_at(seed, 1, (uint64_t)j) % (uint64_t)(2 * extent)) - extent;
        x[j] = mode == FILL_REAL && j % 7 == 6 ? (double)(j % 2 ? extent : -extent - 1) : (double)k;
    }
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    static const char *const types[] = {"", ":i32", ":f16", ":f64", ":u8"};
    char x[SHAPE_TEXT], index[SHAPE_TEXT];
    int c, rank = pick(seed, 1, 1, 4);
    random_shape(seed, rank, rank, budget / 16, x, &c);
    random_shape(seed + 1, 1, 3, 16, index, &c);
    text_add(out, "gather x=%s%s index=%s:%s axis=%d", x, types[pick(seed, 2, 0, 4)],
             pick(seed, 3, 0, 3) ? index : "scalar", pick(seed, 4, 0, 1) ? "i32" : "i64",
             pick(seed, 5, 0, rank - 1));
}

const struct oracle oracle_gather = {.run = run, .fill = fill, .random = random_problem};
