/* Mutations of ONNX models that leave a well-formed message: fields, elements and names are
 * changed, not bytes, so that what is behind the message's reader is reached. Knows nothing but the
 * schema's descriptors and the names of the operators. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "graph/onnx_import.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb,
                                 uint8_t *out, size_t max, unsigned seed);

static uint64_t state;

static size_t pick(size_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return n ? (size_t)(state >> 33) % n : 0;
}

/* ---- All messages and strings of a model ---- */

#define MAX_PARTS 4096
struct parts {
    ProtobufCMessage *message[MAX_PARTS];
    const char *text[MAX_PARTS];
    size_t n, n_text;
};

static void *member(void *m, unsigned offset)
{
    return (char *)m + offset;
}

static size_t length(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    return f->label == PROTOBUF_C_LABEL_REPEATED ? *(size_t *)member(m, f->quantifier_offset)
                                                 : *(void **)member(m, f->offset) != NULL;
}

/* Element i of a field of pointers, repeated or not. */
static void **pointer(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, size_t i)
{
    void **p = member(m, f->offset);

    return f->label == PROTOBUF_C_LABEL_REPEATED ? (void **)*p + i : p;
}

static void collect(struct parts *all, ProtobufCMessage *m)
{
    if (all->n == MAX_PARTS)
        return;
    all->message[all->n++] = m;
    for (unsigned k = 0; k < m->descriptor->n_fields; k++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[k];
        if (f->type != PROTOBUF_C_TYPE_MESSAGE && f->type != PROTOBUF_C_TYPE_STRING)
            continue;
        for (size_t i = 0; i < length(m, f); i++)
            if (f->type == PROTOBUF_C_TYPE_MESSAGE)
                collect(all, *pointer(m, f, i));
            else if (all->n_text < MAX_PARTS)
                all->text[all->n_text++] = *pointer(m, f, i);
    }
}

/* ---- Elements ---- */

static size_t size_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_FLOAT:
        return 4;
    default:
        return 8;
    }
}

static ProtobufCMessage *copy_message(const ProtobufCMessage *m)
{
    size_t bytes = protobuf_c_message_get_packed_size(m);
    uint8_t *packed = malloc(bytes + 1);

    FUZZ_CHECK(packed != NULL);
    protobuf_c_message_pack(m, packed);
    ProtobufCMessage *copy = protobuf_c_message_unpack(m->descriptor, NULL, bytes, packed);
    free(packed);
    FUZZ_CHECK(copy != NULL);
    return copy;
}

static const char *any_text(const struct parts *all)
{
    static const struct onnx_op *const ops[] = {
        onnx_ops_conv, onnx_ops_element, onnx_ops_shape, onnx_ops_const, onnx_ops_resize,
        onnx_ops_norm, onnx_ops_loss,    onnx_ops_train, onnx_ops_fold,
    };
    static const char *const words[] = {
        "",          "axis",     "axes",       "keepdims", "pads",   "strides", "dilations",
        "group",     "auto_pad", "to",         "mode",     "alpha",  "beta",    "epsilon",
        "value",     "perm",     "ceil_mode",  "exclude",  "scales", "sizes",   "direction",
        "size",      "bias",     "SAME_LOWER", "reflect",  "linear", "cubic",   "split",
        "blocksize", "starts",   "ends",       "steps",
    };
    size_t kind = pick(4);

    if (kind == 0) {
        const struct onnx_op *family = ops[pick(COUNT(ops))];
        size_t n = 0;
        while (family[n].name)
            n++;
        return family[pick(n)].name;
    }
    return kind == 1 || all->n_text == 0 ? words[pick(COUNT(words))] : all->text[pick(all->n_text)];
}

static int64_t any_whole(int64_t old)
{
    static const int64_t list[] = {
        0,  1,  -1,    2,         3,         4,         5,         7,         11,
        13, 17, 65536, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 1ll << 40, -(1ll << 31) - 1};

    return pick(3) ? list[pick(COUNT(list))] : (int64_t)((uint64_t)old + pick(7) - 3);
}

static double any_real(double old)
{
    static const double list[] = {0,    1,     -1,   0.5, 2,        1e-38,
                                  3e38, -3e38, 1e18, NAN, INFINITY, -INFINITY};

    return pick(3) ? list[pick(COUNT(list))] : old * 1.5;
}

static void change_bytes(ProtobufCBinaryData *b)
{
    size_t max = b->len + pick(9);
    uint8_t *p = calloc(max + 1, 1);

    FUZZ_CHECK(p != NULL);
    if (b->len)
        memcpy(p, b->data, b->len);
    b->len = LLVMFuzzerMutate(p, b->len, max ? max : 1);
    free(b->data);
    b->data = p;
}

/* Of the same kind as `old`, or a copy of itself. */
static ProtobufCMessage *any_message(const struct parts *all,
                                     const ProtobufCMessageDescriptor *kind)
{
    for (int i = 0; i < 64 && all->n; i++) {
        const ProtobufCMessage *m = all->message[pick(all->n)];
        if (m->descriptor == kind)
            return copy_message(m);
    }
    return NULL;
}

static void change(const struct parts *all, const ProtobufCFieldDescriptor *f, void *e)
{
    union {
        void *p;
        ProtobufCMessage *m;
    } u;

    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        u.p = strdup(any_text(all));
        free(*(void **)e);
        memcpy(e, &u, sizeof(u));
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        u.m = any_message(all, f->descriptor);
        if (u.m) {
            if (*(void **)e)
                protobuf_c_message_free_unpacked(*(void **)e, NULL);
            memcpy(e, &u, sizeof(u));
        }
        break;
    case PROTOBUF_C_TYPE_BYTES:
        change_bytes(e);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        *(float *)e = (float)any_real(*(float *)e);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        *(double *)e = any_real(*(double *)e);
        break;
    case PROTOBUF_C_TYPE_INT32:
        *(int32_t *)e = (int32_t)any_whole(*(int32_t *)e);
        break;
    default:
        *(int64_t *)e = any_whole(*(int64_t *)e);
        break;
    }
}

static void release(const ProtobufCFieldDescriptor *f, void *e)
{
    if (f->type == PROTOBUF_C_TYPE_STRING)
        free(*(void **)e);
    else if (f->type == PROTOBUF_C_TYPE_MESSAGE)
        protobuf_c_message_free_unpacked(*(void **)e, NULL);
    else if (f->type == PROTOBUF_C_TYPE_BYTES)
        free(((ProtobufCBinaryData *)e)->data);
}

/* ---- Fields ---- */

static void change_list(const struct parts *all, ProtobufCMessage *m,
                        const ProtobufCFieldDescriptor *f)
{
    size_t *n = member(m, f->quantifier_offset), size = size_of(f->type), at = pick(*n);
    char **list = member(m, f->offset), tmp[16];

    switch (pick(*n ? 5 : 1)) {
    case 0: { /* one more */
        char *more = calloc(*n + 1, size);
        FUZZ_CHECK(more != NULL);
        if (*n)
            memcpy(more, *list, *n * size);
        free(*list);
        *list = more;
        change(all, f, more + *n * size);
        if (f->type != PROTOBUF_C_TYPE_MESSAGE || *(void **)(more + *n * size))
            ++*n;
        break;
    }
    case 1:
        release(f, *list + at * size);
        memmove(*list + at * size, *list + (at + 1) * size, (*n - at - 1) * size);
        --*n;
        break;
    case 2: {
        size_t other = pick(*n);
        memcpy(tmp, *list + at * size, size);
        memmove(*list + at * size, *list + other * size, size);
        memcpy(*list + other * size, tmp, size);
        break;
    }
    default:
        change(all, f, *list + at * size);
        break;
    }
}

static void change_field(const struct parts *all, ProtobufCMessage *m,
                         const ProtobufCFieldDescriptor *f)
{
    void *e = member(m, f->offset);

    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        change_list(all, m, f);
    } else if (f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_MESSAGE) {
        if (pick(8) || !*(void **)e || (m->descriptor == &onnx__model__descriptor && f->id == 7)) {
            change(all, f, e);
        } else {
            release(f, e);
            *(void **)e = NULL;
        }
    } else {
        protobuf_c_boolean *has = member(m, f->quantifier_offset);
        *has = pick(8) != 0;
        change(all, f, e);
    }
}

static size_t pack(Onnx__Model *m, uint8_t *out, size_t max)
{
    size_t bytes = onnx__model__get_packed_size(m);

    if (bytes <= max)
        onnx__model__pack(m, out);
    onnx__model__free_unpacked(m, NULL);
    return bytes <= max ? bytes : 0;
}

/* `from`: where messages and words are taken. */
static void change_model(Onnx__Model *m, Onnx__Model *from)
{
    static struct parts all, source;

    for (size_t i = 0, times = 1 + pick(4); i < times; i++) {
        all.n = all.n_text = source.n = source.n_text = 0;
        collect(&all, &m->base);
        collect(&source, &from->base);
        ProtobufCMessage *target = all.message[pick(all.n)];
        change_field(&source, target,
                     &target->descriptor->fields[pick(target->descriptor->n_fields)]);
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    state = seed;
    Onnx__Model *m = pick(10) ? onnx__model__unpack(NULL, size, data) : NULL;
    size_t n = 0;

    if (m) {
        change_model(m, m);
        n = pack(m, data, max);
    }
    return n ? n : LLVMFuzzerMutate(data, size, max);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb,
                                 uint8_t *out, size_t max, unsigned seed)
{
    state = seed;
    Onnx__Model *x = onnx__model__unpack(NULL, na, a), *y = onnx__model__unpack(NULL, nb, b);
    size_t n = 0;

    if (x && y) {
        change_model(x, y);
        n = pack(x, out, max);
    } else if (x) {
        onnx__model__free_unpacked(x, NULL);
    }
    if (y)
        onnx__model__free_unpacked(y, NULL);
    return n;
}
