#include "oracle/random.h"
#include "ops/attrs.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct strided_attr *a = p->attr;
    for (int64_t i = 0; i < shape_count(&a->shape); i++) {
        int64_t rest = i, from = a->offset;
        for (int d = a->shape.rank - 1; d >= 0; d--) {
            from += rest % a->shape.dim[d] * a->stride[d];
            rest /= a->shape.dim[d];
        }
        out[0][i] = in[0][from];
        mag[0][i] = 0;
    }
}

/* A slice with steps of either sign, its dimensions in any order, some of them repeated. */
static void random_problem(uint64_t seed, double budget, struct text *out)
{
    static const int extents[] = {1, 2, 3, 4, 7, 16, 33};
    int rank = pick(seed, 1, 1, 6), order[6], dim[6], count[6], stride[6], offset = 0, step = 1;
    struct text x = {0}, shape = {0}, strides = {0};
    for (int d = 0; d < rank; d++) {
        order[d] = d;
        dim[d] = MIN(extents[pick(seed, 10 + (uint64_t)d, 0, 6)], MAX((int)budget, 1));
        budget /= dim[d];
        text_add(&x, d ? "x%d" : "%d", dim[d]);
    }
    for (int d = rank - 1; d >= 0; d--) {
        int by = pick(seed, 20 + (uint64_t)d, 1, 3), start = pick(seed, 30 + (uint64_t)d, 0, dim[d] - 1);
        bool back = pick(seed, 40 + (uint64_t)d, 0, 2) == 0;
        count[d] = pick(seed, 50 + (uint64_t)d, 1, (back ? start : dim[d] - 1 - start) / by + 1);
        stride[d] = (back ? -by : by) * step;
        offset += start * step;
        step *= dim[d];
        if (pick(seed, 60 + (uint64_t)d, 0, 5) == 0) {
            count[d] = 3;
            stride[d] = 0;
        }
    }
    /* A few elements over and over may be the same by chance, and say nothing. */
    int distinct = 1;
    for (int d = 0; d < rank; d++)
        distinct *= stride[d] != 0 ? count[d] : 1;
    for (int d = 0; d < rank; d++)
        if (stride[d] == 0 && distinct < 8)
            count[d] = 1;
    for (int d = rank - 1; d > 0; d--) {
        int k = pick(seed, 70 + (uint64_t)d, 0, d), t = order[d];
        order[d] = order[k];
        order[k] = t;
    }
    for (int d = 0; d < rank; d++) {
        text_add(&shape, d ? "x%d" : "%d", count[order[d]]);
        text_add(&strides, d ? ",%d" : "%d", stride[order[d]]);
    }
    static const char *const types[] = {"", ":u8", ":f16", ":i64"};
    text_add(out, "strided x=%s%s shape=%s stride=%s offset=%d", x.s, types[pick(seed, 80, 0, 3)],
             shape.s, strides.s, offset);
    text_free(&x);
    text_free(&shape);
    text_free(&strides);
}

const struct oracle oracle_strided = {.run = run, .random = random_problem};
