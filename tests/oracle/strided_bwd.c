#include <string.h>

#include "oracle/random.h"
#include "ops/attrs.h"

/* Written as the scatter that it is the gradient of. */
static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct strided_bwd_attr *a = p->attr;
    const struct ocelli_shape *s = &p->in[0].shape;
    size_t bytes = (size_t)shape_count(&a->size) * sizeof(double);
    memset(out[0], 0, bytes);
    memset(mag[0], 0, bytes);
    for (int64_t i = 0; i < shape_count(s); i++) {
        int64_t rest = i, to = a->offset;
        for (int d = s->rank - 1; d >= 0; d--) {
            to += rest % s->dim[d] * a->stride[d];
            rest /= s->dim[d];
        }
        out[0][to] += in[0][i];
    }
}

/* A slice with steps, in any order of the dimensions. */
static void random_problem(uint64_t seed, double budget, struct text *out)
{
    static const int extents[] = {1, 2, 3, 4, 7, 16, 33};
    int rank = pick(seed, 1, 1, 6), first = pick(seed, 2, 0, rank - 1), offset = 0, step = 1;
    int dim[6], count[6], stride[6];
    struct text size = {0}, dy = {0}, strides = {0};
    for (int d = 0; d < rank; d++) {
        dim[d] = MIN(extents[pick(seed, 10 + (uint64_t)d, 0, 6)], MAX((int)budget, 1));
        budget /= dim[d];
        text_add(&size, d ? "x%d" : "%d", dim[d]);
    }
    for (int d = rank - 1; d >= 0; d--) {
        /* Most of it, or the result says nothing. */
        int by = dim[d] > 3 && pick(seed, 20 + (uint64_t)d, 0, 3) == 0 ? 2 : 1, start = dim[d] > 3;
        bool back = pick(seed, 40 + (uint64_t)d, 0, 2) == 0;
        count[d] = (dim[d] - 1 - start) / by + 1;
        offset += (back ? start + (count[d] - 1) * by : start) * step;
        stride[d] = (back ? -by : by) * step;
        step *= dim[d];
    }
    for (int d = 0; d < rank; d++) {
        int k = (d + first) % rank;
        text_add(&dy, d ? "x%d" : "%d", count[k]);
        text_add(&strides, d ? ",%d" : "%d", stride[k]);
    }
    text_add(out, "strided_bwd dy=%s size=%s stride=%s offset=%d", dy.s, size.s, strides.s, offset);
    text_free(&size);
    text_free(&dy);
    text_free(&strides);
}

const struct oracle oracle_strided_bwd = {.run = run, .random = random_problem};
