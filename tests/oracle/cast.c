#include <math.h>

#include "ops/attrs.h"
#include "ops/shared.h"
#include "oracle/random.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    enum ocelli_dtype to = p->out[0].dtype;
    for (int64_t i = 0; i < shape_count(&p->in[0].shape); i++) {
        double x = in[0][i];
        out[0][i] = to == OCELLI_BOOL ? x != 0 : dtype_is_float(to) ? x : trunc(x);
        mag[0][i] = 0;
    }
}

/* Fractions, too; nothing negative for those that cannot be. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    bool zero = p->out[0].dtype == OCELLI_BOOL;
    if (!dtype_is_float(p->in[0].dtype))
        return false;
    for (int64_t j = 0; j < shape_count(&p->in[i].shape); j++) {
        double u = random_uniform(seed, 0, (uint64_t)j) * 100;
        bool negative = dtype_is_float(p->out[0].dtype) || p->out[0].dtype == OCELLI_I8 ||
                        p->out[0].dtype == OCELLI_I32 || p->out[0].dtype == OCELLI_I64;
        x[j] = zero && j % 3 ? 0 : negative && j % 2 ? -u : u;
        if (mode == FILL_INTEGER)
            x[j] = trunc(x[j]);
    }
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    int c;
    random_shape(seed, 1, 5, budget, x, &c);
    enum ocelli_dtype from = (enum ocelli_dtype)pick(seed, 1, 0, OCELLI_BOOL);
    text_add(out, "cast x=%s:%s to=%s", x, dtype_name(from),
             dtype_name((enum ocelli_dtype)pick(seed, 2, 0, OCELLI_BOOL)));
}

const struct oracle oracle_cast = {.run = run, .fill = fill, .random = random_problem};
