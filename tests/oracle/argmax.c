#include <math.h>

#include "oracle/random.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_argmax_params *a = p->attr;
    const struct ocelli_shape *x = &p->in[0].shape;
    int64_t behind = 1, count = x->dim[a->axis];
    for (int d = a->axis + 1; d < x->rank; d++)
        behind *= x->dim[d];
    for (int64_t i = 0; i < shape_count(&p->out[0].shape); i++) {
        const double *v = in[0] + i / behind * count * behind + i % behind;
        int64_t at = 0;
        for (int64_t j = 1; j < count; j++) {
            double d = (v[j * behind] - v[at * behind]) * (a->smallest ? -1 : 1);
            if (d > 0 || (d == 0 && a->last))
                at = j;
        }
        out[0][i] = (double)at;
        mag[0][i] = 0;
    }
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    struct ocelli_shape s;
    int c;
    random_shape(seed, 1, 5, budget, x, &c);
    shape_parse(x, &s);
    /* An axis of one element says nothing. */
    int axis = 0;
    for (int d = 0; d < s.rank; d++)
        if (s.dim[d] > s.dim[axis])
            axis = d;
    if (s.dim[axis] == 1)
        snprintf(x, sizeof(x), "7x3");
    text_add(out, "argmax x=%s axis=%d keepdims=%d smallest=%d last=%d", x,
             s.dim[axis] == 1 ? 0 : axis, pick(seed, 1, 0, 1), pick(seed, 2, 0, 1), pick(seed, 3, 0, 1));
}

const struct oracle oracle_argmax = {.run = run, .random = random_problem};
