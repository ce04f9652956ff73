/* Runs a problem on a device between canaries. */
#include "checkcl_trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int subject_setup(struct setup *u, const struct subject *s, const struct problem *p)
{
    size_t bytes[OP_MAX_IN + OP_MAX_EPI + OP_MAX_OUT];
    struct launches l;
    int err;
    *u = (struct setup){0};
    for (int i = 0; i < p->n_in + p->n_out; i++) {
        const struct desc *d = i < p->n_in ? &p->in[i] : &p->out[i - p->n_in];
        bytes[i] = d->shape.rank < 0 ? 0 : desc_bytes(d);
    }
    TRY(problem_plan(p, device_caps(s->dev), s->variant, s->tv, &l));
    TRY(setup_init(u,
                   &(struct setup_params){.dev = s->dev,
                                          .label = s->variant->name,
                                          .bytes = bytes,
                                          .n_in = p->n_in,
                                          .n_out = p->n_out,
                                          .bare = s->exact,
                                          .kept = s->exact},
                   &l));
out:
    return err;
}

/* ---- Running ---- */

double as_type(enum ocelli_dtype type, double v)
{
    uint64_t memory;
    element_store(&memory, type, 0, v);
    return element_load(&memory, type, 0);
}

/* Everything that is not an input holds the byte `rest`: 0xFF makes NaN and -1, 0x7E large numbers.
 */
static void prepare(const struct setup *u, const struct trial *t, int rest)
{
    setup_fill(u, rest);
    for (int i = 0; i < t->p->n_in; i++) {
        const struct block *b = &u->block[i];
        for (int64_t j = 0; b->tensor && j < shape_count(&t->p->in[i].shape); j++)
            element_store(b->initial + b->offset, t->p->in[i].dtype, j, t->in[i][j]);
    }
}

static const char *block_name(const struct problem *p, int i, char buf[64])
{
    const struct op *op = p->op;
    int k = i - p->n_in, w = k - p->n_out;
    if (i < op_inputs(op))
        return op->in[i];
    if (k >= 0 && w < 0)
        return op->out[k];
    snprintf(buf, 64, w >= 0 ? "scratch %d" : "input %d", w >= 0 ? w : i);
    return buf;
}

static bool untouched(const struct setup *u, const struct problem *p, struct text *why)
{
    char name[64];
    int i;
    int64_t byte;
    if (setup_untouched(u, p->op->updates, &i, &byte))
        return true;
    const struct block *b = &u->block[i];
    text_add(why, "%s %s: byte %lld of %zu", block_name(p, i, name),
             byte >= 0 && byte < (int64_t)b->bytes ? "is an input and was changed"
                                                   : "was written beyond its ends",
             (long long)byte, b->bytes);
    return false;
}

/* The block that holds a result. */
static const struct block *result_block(const struct setup *u, const struct trial *t, int k)
{
    const struct result *r = &t->result[k];
    return &u->block[r->updated ? r->index : t->p->n_in + r->index];
}

static bool compare_all(const struct setup *u, const struct subject *s, const struct trial *t,
                        struct text *why)
{
    for (int k = 0; k < t->n_results; k++) {
        const struct block *b = result_block(u, t, k);
        int64_t n = shape_count(&t->result[k].desc.shape);
        double *got = malloc((size_t)n * sizeof(*got));
        for (int64_t i = 0; got && i < n; i++)
            got[i] = element_load(b->got + b->offset, t->result[k].desc.dtype, i);
        bool good = got && compare(t, k, got, s->variant->noise, why);
        free(got);
        if (!good)
            return false;
    }
    return true;
}

/* A second run over other garbage must give the same bits. `first` are the results of the first. */
static bool same_again(const struct setup *u, const struct trial *t, uint8_t *const *first,
                       struct text *why)
{
    for (int k = 0; k < t->n_results; k++) {
        const struct block *b = result_block(u, t, k);
        if (memcmp(b->got + b->offset, first[k], b->bytes) != 0) {
            text_add(why, "result %d of a second run differs in its bits", k);
            return false;
        }
    }
    return true;
}

bool subject_check(const struct subject *s, const struct trial *t, struct text *why)
{
    uint8_t *first[MAX_RESULTS] = {0};
    struct setup u;
    bool good = false;
    int err = 0;

    TRY(subject_setup(&u, s, t->p));
    prepare(&u, t, 0xFF);
    TRY(setup_run(&u, s->exact != NULL));
    if (!untouched(&u, t->p, why) || !compare_all(&u, s, t, why))
        goto out;
    good = s->exact != NULL;
    for (int k = 0; k < t->n_results && !s->exact; k++) {
        const struct block *b = result_block(&u, t, k);
        first[k] = malloc(b->bytes);
        if (!first[k])
            TRY(fail_memory());
        memcpy(first[k], b->got + b->offset, b->bytes);
    }
    if (s->exact)
        goto out;
    prepare(&u, t, 0x7E);
    TRY(setup_run(&u, s->exact != NULL));
    good = untouched(&u, t->p, why) && same_again(&u, t, first, why);
out:
    if (err)
        text_add(why, "%s: %s", ocelli_strerror(err), ocelli_error());
    for (int k = 0; k < MAX_RESULTS; k++)
        free(first[k]);
    setup_free(&u);
    return good;
}
