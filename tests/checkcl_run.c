/* Runs a problem on a device between canaries. */
#include "checkcl_trial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CANARY 4096 /* bytes on both sides of every buffer */

/* Another pattern for every block: a kernel that copies beyond the ends must not copy the right
 * one. */
static uint8_t canary_byte(int block, size_t i)
{
    return (uint8_t)random_at(7, (uint64_t)block, i);
}

/* ---- Buffers and launches ---- */

static int block_init(struct block *b, const struct subject *s, size_t bytes)
{
    struct ocelli_device *dev = s->dev;
    size_t align = MAX(device_caps(dev)->align, 1);
    struct buffer *buffer = NULL;
    int err = 0;

    b->bytes = bytes;
    b->offset = s->exact ? 0 : round_up(CANARY, align);
    b->total = b->offset + bytes + (s->exact ? 0 : CANARY);
    TRY(buffer_create(&buffer, dev, b->total));
    const struct span whole = {buffer, 0, b->total};
    const struct desc desc = {OCELLI_U8, {1, {(int64_t)b->total}}};
    TRY(tensor_over(&b->tensor, dev, &whole, &desc));
    b->binding = (struct binding){{buffer, b->offset, bytes}, -1};
    b->initial = malloc(b->total);
    b->got = malloc(b->total);
    if (!b->initial || !b->got)
        err = fail_memory();
out:
    buffer_release(&buffer); /* the tensor holds it */
    return err;
}

static bool keep(struct kept *k, struct ocelli_tensor *t)
{
    if (!k || !t || grow(&k->tensor, &k->cap, k->n + 1, sizeof(*k->tensor)) != 0)
        return false;
    k->tensor[k->n++] = t;
    return true;
}

void kept_free(struct kept *k)
{
    for (int i = 0; i < k->n; i++)
        ocelli_tensor_destroy(&k->tensor[i]);
    free(k->tensor);
}

static void block_free(struct block *b, struct kept *kept)
{
    if (!keep(kept, b->tensor))
        ocelli_tensor_destroy(&b->tensor);
    free(b->initial);
    free(b->got);
}

/* Blocks in the order inputs, outputs, scratch. */
static int make_blocks(struct setup *u, const struct subject *s, const struct problem *p)
{
    int n = p->n_in + p->n_out + u->launches.n_scratch, err = 0;
    u->block = calloc((size_t)n, sizeof(*u->block));
    if (!u->block)
        return fail_memory();
    u->n_blocks = n;
    for (int i = 0; i < n && !err; i++) {
        int k = i - p->n_in, w = k - p->n_out;
        const struct desc *d = k < 0 ? &p->in[i] : &p->out[k];
        u->block[i].is_input = k < 0;
        u->block[i].binding.slot = -1;
        if (k < 0 && d->shape.rank < 0)
            continue;
        err = block_init(&u->block[i], s, w >= 0 ? u->launches.scratch[w] : desc_bytes(d));
    }
    return err;
}

static int record(struct setup *u, const struct subject *s, const struct problem *p)
{
    struct binding *all = calloc((size_t)u->n_blocks, sizeof(*all));
    int err = 0;
    if (!all)
        return fail_memory();
    for (int i = 0; i < u->n_blocks; i++)
        all[i] = u->block[i].binding;
    TRY(cmdlist_create(&u->list, s->dev));
    for (int j = 0; j < u->launches.n; j++)
        TRY(cmdlist_add(u->list, &u->launches.item[j], all, all + p->n_in, all + p->n_in + p->n_out,
                        s->variant->name));
    TRY(cmdlist_seal(u->list, NULL, NULL));
out:
    free(all);
    return err;
}

int setup_init(struct setup *u, const struct subject *s, const struct problem *p)
{
    int err = 0;
    *u = (struct setup){.kept = s->exact};
    TRY(problem_plan(p, device_caps(s->dev), s->variant, s->tv, &u->launches));
    TRY(make_blocks(u, s, p));
    TRY(record(u, s, p));
out:
    return err;
}

void setup_free(struct setup *u)
{
    cmdlist_destroy(&u->list);
    for (int i = 0; i < u->n_blocks; i++)
        block_free(&u->block[i], u->kept);
    free(u->block);
    launches_free(&u->launches);
}

/* ---- Running ---- */

/* Reading and writing elements of each type. */
#define TYPES(X)                                                                                   \
    X(OCELLI_F32, float)                                                                           \
    X(OCELLI_I32, int32_t)                                                                         \
    X(OCELLI_U8, uint8_t)                                                                          \
    X(OCELLI_F64, double)                                                                          \
    X(OCELLI_F16, _Float16)                                                                        \
    X(OCELLI_I64, int64_t)                                                                         \
    X(OCELLI_I16, int16_t)                                                                         \
    X(OCELLI_I8, int8_t)                                                                           \
    X(OCELLI_U16, uint16_t)                                                                        \
    X(OCELLI_U32, uint32_t)                                                                        \
    X(OCELLI_U64, uint64_t)                                                                        \
    X(OCELLI_BOOL, uint8_t)

static void store(void *to, enum ocelli_dtype type, int64_t i, double v)
{
    switch (type) {
#define STORE(name, c)                                                                             \
    case name:                                                                                     \
        ((c *)to)[i] = (c)v;                                                                       \
        break;
        TYPES(STORE)
    }
}

static double load(const void *from, enum ocelli_dtype type, int64_t i)
{
    switch (type) {
#define LOAD(name, c)                                                                              \
    case name:                                                                                     \
        return (double)((const c *)from)[i];
        TYPES(LOAD)
    }
    return NAN;
}

double as_type(enum ocelli_dtype type, double v)
{
    uint64_t memory;
    store(&memory, type, 0, v);
    return load(&memory, type, 0);
}

/* Everything that is not an input holds the byte `rest`: 0xFF makes NaN and -1, 0x7E large numbers.
 */
static void prepare(const struct setup *u, const struct trial *t, int rest)
{
    for (int i = 0; i < u->n_blocks; i++) {
        const struct block *b = &u->block[i];
        if (!b->tensor)
            continue;
        for (size_t j = 0; j < b->total; j++)
            b->initial[j] = canary_byte(i, j);
        memset(b->initial + b->offset, rest, b->bytes);
        for (int64_t j = 0; b->is_input && j < shape_count(&t->p->in[i].shape); j++)
            store(b->initial + b->offset, t->p->in[i].dtype, j, t->in[i][j]);
    }
}

static int run_once(const struct setup *u, const struct subject *s)
{
    int err = 0;
    for (int i = 0; i < u->n_blocks; i++) {
        const struct block *b = &u->block[i];
        if (b->tensor && (b->is_input || !s->exact))
            TRY(ocelli_tensor_write(b->tensor, b->initial, b->total));
    }
    TRY(cmdlist_run(u->list, NULL));
    for (int i = 0; i < u->n_blocks; i++)
        if (u->block[i].tensor)
            TRY(ocelli_tensor_read(u->block[i].tensor, u->block[i].got, u->block[i].total));
out:
    return err;
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

/* Canaries whole, and inputs as they were. */
static bool untouched(const struct setup *u, const struct problem *p, struct text *why)
{
    char name[64];
    for (int i = 0; i < u->n_blocks; i++) {
        const struct block *b = &u->block[i];
        bool kept = b->is_input && !(p->op->updates >> i & 1);
        for (size_t j = 0; b->tensor && j < b->total; j++) {
            bool inside = j >= b->offset && j - b->offset < b->bytes;
            if (b->got[j] == b->initial[j] || (inside && !kept))
                continue;
            text_add(why, "%s %s: byte %lld of %zu", block_name(p, i, name),
                     inside ? "is an input and was changed" : "was written beyond its ends",
                     (long long)j - (long long)b->offset, b->bytes);
            return false;
        }
    }
    return true;
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
            got[i] = load(b->got + b->offset, t->result[k].desc.dtype, i);
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

    TRY(setup_init(&u, s, t->p));
    prepare(&u, t, 0xFF);
    TRY(run_once(&u, s));
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
    TRY(run_once(&u, s));
    good = untouched(&u, t->p, why) && same_again(&u, t, first, why);
out:
    if (err)
        text_add(why, "%s: %s", ocelli_strerror(err), ocelli_error());
    for (int k = 0; k < MAX_RESULTS; k++)
        free(first[k]);
    setup_free(&u);
    return good;
}
