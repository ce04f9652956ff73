#include "measure/setup.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/number.h"

#define CANARY 4096 /* bytes on both sides of every buffer */

/* Another pattern for every block: a kernel that copies beyond the ends must not copy the right
 * one. */
static uint8_t canary_byte(int block, size_t i)
{
    return (uint8_t)random_at(7, (uint64_t)block, i);
}

/* ---- Buffers and launches ---- */

static int block_init(struct block *b, const struct setup_params *s, size_t bytes)
{
    struct ocelli_device *dev = s->dev;
    size_t align = MAX(device_caps(dev)->align, 1);
    struct buffer *buffer = NULL;
    int err = 0;

    b->bytes = bytes;
    b->offset = s->bare ? 0 : round_up(CANARY, align);
    b->total = b->offset + bytes + (s->bare ? 0 : CANARY);
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

static int make_blocks(struct setup *u, const struct setup_params *s)
{
    int given = s->n_in + s->n_out, n = given + u->launches.n_scratch, err = 0;
    u->block = calloc((size_t)n, sizeof(*u->block));
    if (!u->block)
        return fail_memory();
    u->n_blocks = n;
    for (int i = 0; i < n && !err; i++) {
        size_t bytes = i < given ? s->bytes[i] : u->launches.scratch[i - given];
        u->block[i].is_input = i < s->n_in;
        u->block[i].binding.slot = -1;
        if (bytes > 0)
            err = block_init(&u->block[i], s, bytes);
    }
    return err;
}

static int record(struct setup *u, const struct setup_params *s)
{
    struct binding *all = calloc((size_t)u->n_blocks, sizeof(*all));
    int err = 0;
    if (!all)
        return fail_memory();
    for (int i = 0; i < u->n_blocks; i++)
        all[i] = u->block[i].binding;
    TRY(cmdlist_create(&u->list, s->dev));
    for (int j = 0; j < u->launches.n; j++)
        TRY(cmdlist_add(u->list, &u->launches.item[j], all, all + s->n_in, all + s->n_in + s->n_out,
                        s->label));
    TRY(cmdlist_seal(u->list, NULL, NULL));
out:
    free(all);
    return err;
}

int setup_init(struct setup *u, const struct setup_params *s, struct launches *l)
{
    int err = 0;
    *u = (struct setup){.kept = s->kept, .launches = *l, .n_in = s->n_in, .n_out = s->n_out};
    *l = (struct launches){0};
    TRY(make_blocks(u, s));
    TRY(record(u, s));
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
    *u = (struct setup){0};
}

/* ---- Running ---- */

void setup_fill(const struct setup *u, int rest)
{
    for (int i = 0; i < u->n_blocks; i++) {
        const struct block *b = &u->block[i];
        if (!b->tensor)
            continue;
        for (size_t j = 0; j < b->total; j++)
            if (j < b->offset || j >= b->offset + b->bytes)
                b->initial[j] = canary_byte(i, j);
        memset(b->initial + b->offset, rest, b->bytes);
    }
}

int setup_run(const struct setup *u, bool inputs_only)
{
    int err = 0;
    for (int i = 0; i < u->n_blocks; i++) {
        const struct block *b = &u->block[i];
        if (b->tensor && (b->is_input || !inputs_only))
            TRY(ocelli_tensor_write(b->tensor, b->initial, b->total));
    }
    TRY(cmdlist_run(u->list, NULL));
    for (int i = 0; i < u->n_blocks; i++)
        if (u->block[i].tensor)
            TRY(ocelli_tensor_read(u->block[i].tensor, u->block[i].got, u->block[i].total));
out:
    return err;
}

bool setup_untouched(const struct setup *u, unsigned updates, int *block, int64_t *byte)
{
    for (int i = 0; i < u->n_blocks; i++) {
        const struct block *b = &u->block[i];
        bool fixed = b->is_input && !(updates >> i & 1);
        for (size_t j = 0; b->tensor && j < b->total; j++) {
            bool inside = j >= b->offset && j - b->offset < b->bytes;
            if (b->got[j] == b->initial[j] || (inside && !fixed))
                continue;
            *block = i;
            *byte = (int64_t)j - (int64_t)b->offset;
            return false;
        }
    }
    return true;
}

/* ---- Elements ---- */

#define TYPES(X)            \
    X(OCELLI_F32, float)    \
    X(OCELLI_I32, int32_t)  \
    X(OCELLI_U8, uint8_t)   \
    X(OCELLI_F64, double)   \
    X(OCELLI_I64, int64_t)  \
    X(OCELLI_I16, int16_t)  \
    X(OCELLI_I8, int8_t)    \
    X(OCELLI_U16, uint16_t) \
    X(OCELLI_U32, uint32_t) \
    X(OCELLI_U64, uint64_t) \
    X(OCELLI_BOOL, uint8_t)

void element_store(void *to, enum ocelli_dtype type, int64_t i, double v)
{
    switch (type) {
#define STORE(name, c)       \
    case name:               \
        ((c *)to)[i] = (c)v; \
        break;
        TYPES(STORE)
    case OCELLI_F16:
        ((uint16_t *)to)[i] = double_to_half(v);
        break;
    }
}

double element_load(const void *from, enum ocelli_dtype type, int64_t i)
{
    switch (type) {
#define LOAD(name, c) \
    case name:        \
        return (double)((const c *)from)[i];
        TYPES(LOAD)
    case OCELLI_F16:
        return half_to_double(((const uint16_t *)from)[i]);
    }
    return NAN;
}
