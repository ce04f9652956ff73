/* The inputs of a trial. */
#include "checkcl_trial.h"
#include "ops/shared.h"

/* Whole numbers up to this: `terms` products of two stay below 2^23, which leaves room for an
 * epilogue. */
static int magnitude(const struct trial *t)
{
    double terms = 1;
    for (int k = 0; t->oracle->terms && k < t->p->n_out; k++)
        terms = MAX(terms, t->oracle->terms(t->p, k));
    int m = 4;
    while (m > 1 && terms * m * m > 8388608.0)
        m--;
    return m;
}

static bool is_unsigned(enum ocelli_dtype type)
{
    return type == OCELLI_U8 || type == OCELLI_U16 || type == OCELLI_U32 || type == OCELLI_U64 ||
           type == OCELLI_BOOL;
}

static void fill_default(const struct trial *t, int i, int m, double *x)
{
    int64_t n = shape_count(&t->p->in[i].shape);
    enum ocelli_dtype type = t->p->in[i].dtype;
    for (int64_t j = 0; j < n; j++) {
        uint64_t at = (uint64_t)j;
        if (is_unsigned(type))
            x[j] = (double)(random_at(t->seed, (uint64_t)i, at) % (type == OCELLI_BOOL ? 2 : 4));
        else if (t->mode == FILL_INTEGER || !dtype_is_float(type))
            x[j] = (double)(random_at(t->seed, (uint64_t)i, at) % (uint64_t)(2 * m + 1)) - m;
        else
            x[j] = 2 * random_uniform(t->seed, (uint64_t)i, at) - 1;
        /* So few, all zero, would make results that say nothing. */
        if (n <= 4 && x[j] == 0)
            x[j] = 1;
    }
}

void fill_inputs(struct trial *t)
{
    int m = magnitude(t);
    for (int i = 0; i < t->p->n_in; i++) {
        double *x = t->in[i];
        if (!x)
            continue;
        if (i >= op_inputs(t->p->op) || !t->oracle->fill ||
            !t->oracle->fill(t->p, i, t->mode, t->seed, x))
            fill_default(t, i, m, x);
        /* The oracle must see what the device sees. */
        for (int64_t j = 0; j < shape_count(&t->p->in[i].shape); j++)
            x[j] = as_type(t->p->in[i].dtype, x[j]);
    }
}
