#include "formats/safetensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/utf8.h"

#define META "__metadata__"
#define CHECKSUM "ocelli.xxh3"
/* Every file of ours begins with this, so the place of the checksum's digits is known. */
#define HEAD "{\"" META "\":{\"" CHECKSUM "\":\""
#define HEAD_LEN (sizeof(HEAD) - 1)
#define DIGITS 32

static const struct {
    const char *name;
    size_t size;
    int dtype; /* the library's, -1: it has none */
} types[] = {
    {"F32", 4, OCELLI_F32}, {"I32", 4, OCELLI_I32}, {"U8", 1, OCELLI_U8}, {"F64", 8, -1},
    {"F16", 2, -1},         {"BF16", 2, -1},        {"I64", 8, -1},       {"I16", 2, -1},
    {"I8", 1, -1},          {"U64", 8, -1},         {"U32", 4, -1},       {"U16", 2, -1},
    {"BOOL", 1, -1},        {"F8_E4M3", 1, -1},     {"F8_E5M2", 1, -1},
};

/* The bytes of the file but for the checksum's digits, which count as zeros; a piece a tensor, in
 * the order of their bytes. `head` is the length field and the header. */
static int checksum(const char *head, size_t head_bytes, const struct st_tensor *t,
                    const size_t *size, int n, char hex[33])
{
    static const char zeros[DIGITS + 1] = "00000000000000000000000000000000";
    struct hasher h;
    int err = hasher_init(&h);
    if (err)
        return err;
    size_t at = 8 + HEAD_LEN;
    hasher_add(&h, head, at);
    hasher_add(&h, zeros, DIGITS);
    hasher_add(&h, head + at + DIGITS, head_bytes - at - DIGITS);
    for (int i = 0; i < n; i++)
        hasher_add(&h, t[i].data, size[i]);
    hasher_finish(&h, hex);
    return 0;
}

/* ---- Writing ---- */

/* Takes over `value`, as json_object_set_new does. */
static int set(json_t *object, const char *key, json_t *value)
{
    if (!value)
        return fail_memory();
    if (json_object_get(object, key)) {
        json_decref(value);
        return fail(OCELLI_ERR_INVALID, "safetensors: \"%s\" is there twice", key);
    }
    return json_object_set_new(object, key, value) == 0 ? 0 : fail_memory();
}

static int check_words(const char *key, const char *value)
{
    return utf8_valid(key) && utf8_valid(value)
               ? 0
               : fail(OCELLI_ERR_INVALID, "safetensors: \"%s\": not UTF-8", key);
}

/* NULL: no memory. */
static json_t *entry(const struct st_tensor *t, const char *type, size_t begin, size_t end)
{
    json_t *shape = json_array();
    bool whole = shape != NULL;
    for (int i = 0; i < t->desc.shape.rank; i++)
        whole = whole && json_array_append_new(shape, json_integer(t->desc.shape.dim[i])) == 0;
    if (!whole) {
        json_decref(shape);
        return NULL;
    }
    return json_pack("{s:s, s:o, s:[I,I]}", "dtype", type, "shape", shape, "data_offsets",
                     (json_int_t)begin, (json_int_t)end);
}

static const char *type_name(enum ocelli_dtype dtype)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (types[i].dtype == (int)dtype)
            return types[i].name;
    return NULL;
}

/* The length field and the header, checksum still zeros; padded so that the tensors are aligned. */
static int make_head(const struct st_tensor *t, int n, const struct st_pair *meta, int n_meta,
                     size_t *size, char **out, size_t *out_bytes)
{
    int err = 0;
    size_t at = 0, len, text;
    char *head = NULL;
    json_t *root = json_object(), *m = json_object();
    TRY(set(root, META, m));
    TRY(set(m, CHECKSUM, json_string("00000000000000000000000000000000")));
    for (int i = 0; i < n_meta; i++) {
        TRY(check_words(meta[i].key, meta[i].value));
        TRY(set(m, meta[i].key, json_string(meta[i].value)));
    }
    for (int i = 0; i < n; i++) {
        size_t end;
        const char *type = type_name(t[i].desc.dtype);
        TRY(check_words(t[i].name, ""));
        if (!type)
            TRY(fail(OCELLI_ERR_UNSUPPORTED, "safetensors: \"%s\": %s elements", t[i].name,
                     dtype_name(t[i].desc.dtype)));
        TRY(shape_check(&t[i].desc.shape));
        size[i] = desc_bytes(&t[i].desc);
        if (!add_size(at, size[i], &end) || end > INT64_MAX) {
            err = fail(OCELLI_ERR_INVALID, "safetensors: \"%s\": too large", t[i].name);
            goto out;
        }
        TRY(set(root, t[i].name, entry(&t[i], type, at, end)));
        at = end;
    }
    /* Into a buffer of ours: json_dumps() may leave words out when it has no memory (Jansson 2.14). */
    text = json_dumpb(root, NULL, 0, JSON_COMPACT);
    if (!text) {
        err = fail_memory();
        goto out;
    }
    len = round_up(text, 8);
    if (len > SAFETENSORS_MAX_HEADER) {
        err =
            fail(OCELLI_ERR_INVALID, "safetensors: a header of %zu bytes is above the limit of %zu",
                 len, SAFETENSORS_MAX_HEADER);
        goto out;
    }
    head = malloc(8 + len);
    if (!head) {
        err = fail_memory();
        goto out;
    }
    for (int i = 0; i < 8; i++)
        head[i] = (char)(len >> (8 * i));
    memset(head + 8, ' ', len);
    if (json_dumpb(root, head + 8, len, JSON_COMPACT) != text) {
        err = fail_memory();
        goto out;
    }
    *out = head;
    *out_bytes = 8 + len;
    head = NULL;
out:
    free(head);
    json_decref(root);
    return err;
}

int safetensors_write(const char *path, const struct st_tensor *t, int n,
                      const struct st_pair *meta, int n_meta)
{
    int err = 0;
    char *head = NULL, hex[DIGITS + 1];
    size_t head_bytes = 0;
    struct file_writer w = {.fd = -1};
    size_t *size = calloc((size_t)MAX(n, 1), sizeof(*size));
    if (!size)
        return fail_memory();
    TRY(make_head(t, n, meta, n_meta, size, &head, &head_bytes));
    TRY(checksum(head, head_bytes, t, size, n, hex));
    memcpy(head + 8 + HEAD_LEN, hex, DIGITS);
    TRY(file_create(&w, path, 0666));
    TRY(file_write(&w, head, head_bytes));
    for (int i = 0; i < n; i++)
        TRY(file_write(&w, t[i].data, size[i]));
    TRY(file_commit(&w));
out:
    file_discard(&w);
    free(head);
    free(size);
    return err;
}

/* ---- Reading ---- */

/* One tensor as the header describes it, before types are known to be ours. */
struct entry {
    struct st_tensor t;
    size_t begin, end;
    int type; /* index in types */
};

static int bad(const char *file, const char *tensor, const char *what)
{
    return fail(OCELLI_ERR_FORMAT, "%s: tensor \"%s\": %s", file, tensor, what);
}

static bool whole(const json_t *j, size_t *out)
{
    if (!json_is_integer(j) || json_integer_value(j) < 0)
        return false;
    *out = (size_t)json_integer_value(j);
    return (json_int_t)*out == json_integer_value(j);
}

static int read_entry(const char *file, const char *name, json_t *j, size_t data_bytes,
                      struct entry *e)
{
    json_t *type = json_object_get(j, "dtype"), *shape = json_object_get(j, "shape");
    json_t *span = json_object_get(j, "data_offsets");
    if (!json_is_object(j) || json_object_size(j) != 3 || !json_is_string(type) ||
        !json_is_array(shape) || !json_is_array(span) || json_array_size(span) != 2)
        return bad(file, name, "not {dtype, shape, data_offsets}");
    e->t.name = name;
    for (e->type = 0; e->type < (int)COUNT(types); e->type++)
        if (!strcmp(types[e->type].name, json_string_value(type)))
            break;
    if (e->type == COUNT(types))
        return bad(file, name, "unknown dtype");
    size_t bytes = types[e->type].size;
    struct ocelli_shape *s = &e->t.desc.shape;
    if (json_array_size(shape) > OCELLI_MAX_RANK)
        return bad(file, name, "rank above the limit");
    s->rank = (int)json_array_size(shape);
    for (int i = 0; i < s->rank; i++) {
        size_t d;
        if (!whole(json_array_get(shape, (size_t)i), &d) || d < 1)
            return bad(file, name, "an extent is no number above 0");
        s->dim[i] = (int64_t)d;
        if (!mul_size(bytes, d, &bytes))
            return bad(file, name, "size overflows");
    }
    if (!whole(json_array_get(span, 0), &e->begin) || !whole(json_array_get(span, 1), &e->end) ||
        e->begin > e->end || e->end > data_bytes)
        return bad(file, name, "data_offsets outside the file");
    if (e->end - e->begin != bytes)
        return bad(file, name, "data_offsets do not span shape times dtype");
    return 0;
}

static int by_place(const void *a, const void *b)
{
    size_t x = ((const struct entry *)a)->begin, y = ((const struct entry *)b)->begin;
    return x < y ? -1 : x > y;
}

static int read_meta(struct safetensors *st, const char *file, json_t *meta)
{
    const char *key;
    json_t *value;
    if (!json_is_object(meta))
        return fail(OCELLI_ERR_FORMAT, "%s: " META " is no object", file);
    st->meta = calloc(MAX(json_object_size(meta), 1), sizeof(*st->meta));
    if (!st->meta)
        return fail_memory();
    json_object_foreach(meta, key, value) {
        if (!json_is_string(value))
            return fail(OCELLI_ERR_FORMAT, "%s: " META ": \"%s\" is no string", file, key);
        st->meta[st->n_meta++] = (struct st_pair){key, json_string_value(value)};
    }
    return 0;
}

/* Checks the spans (in order: no overlap, no hole, nothing left over) and the checksum; keeps what
 * the library has a type for. */
static int settle(struct safetensors *st, const char *file, struct entry *e, int n,
                  size_t head_bytes)
{
    int err = 0;
    size_t at = 0;
    char hex[DIGITS + 1];
    size_t *size = calloc((size_t)MAX(n, 1), sizeof(*size));
    st->tensor = calloc((size_t)MAX(n, 1), sizeof(*st->tensor));
    if (!st->tensor || !size) {
        err = fail_memory();
        goto out;
    }
    qsort(e, (size_t)n, sizeof(*e), by_place);
    for (int i = 0; i < n; i++) {
        if (e[i].begin != at) {
            err = bad(file, e[i].t.name,
                      e[i].begin < at ? "overlaps another one" : "a hole before it");
            goto out;
        }
        at = e[i].end;
        size[i] = e[i].end - e[i].begin;
        e[i].t.data = st->file + head_bytes + e[i].begin;
        st->tensor[i] = e[i].t;
    }
    if (at != st->bytes - head_bytes) {
        err = fail(OCELLI_ERR_FORMAT, "%s: %zu bytes after the last tensor", file,
                   st->bytes - head_bytes - at);
        goto out;
    }
    const char *want = safetensors_meta(st, CHECKSUM);
    if (want) {
        bool placed = strlen(want) == DIGITS && head_bytes > 8 + HEAD_LEN + DIGITS &&
                      !memcmp(st->file + 8, HEAD, HEAD_LEN);
        if (placed)
            TRY(checksum(st->file, head_bytes, st->tensor, size, n, hex));
        if (!placed || memcmp(hex, want, DIGITS) != 0) {
            err = fail(OCELLI_ERR_FORMAT, "%s: damaged: the checksum is wrong", file);
            goto out;
        }
        st->checked = true;
    }
    for (int i = 0; i < n; i++)
        if (types[e[i].type].dtype >= 0) {
            e[i].t.desc.dtype = (enum ocelli_dtype)types[e[i].type].dtype;
            st->tensor[st->n++] = e[i].t;
        }
out:
    free(size);
    return err;
}

/* JSON parsed takes up to 80 times its text, so what cannot be such a header is refused before: deeper
 * than {"name": {"shape": [..]}}, or objects and lists in less room than an entry takes. */
static int scan_header(const char *s, size_t len, const char *file)
{
    const size_t least = sizeof("\"\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,0]}") - 1;
    size_t opened = 0;
    int depth = 0;

    for (size_t i = 0; i < len; i++) {
        if (s[i] == '"')
            for (i++; i < len && s[i] != '"'; i++)
                i += s[i] == '\\';
        else if (s[i] == '{' || s[i] == '[')
            opened++, depth++;
        else if (s[i] == '}' || s[i] == ']')
            depth--;
        if (depth > 3 || opened / 3 > len / least + 1)
            return fail(OCELLI_ERR_FORMAT, "%s: header: objects at byte %zu that do not belong there",
                        file, i + 8);
    }
    return 0;
}

static int parse(struct safetensors *st, const char *file)
{
    int err = 0, n = 0;
    uint64_t len = 0;
    struct entry *e = NULL;
    json_error_t je;
    const char *key;
    json_t *value;
    if (st->bytes < 8)
        return fail(OCELLI_ERR_FORMAT, "%s: truncated: %zu bytes, not even a length", file,
                    st->bytes);
    for (int i = 7; i >= 0; i--)
        len = len << 8 | (unsigned char)st->file[i];
    if (len > SAFETENSORS_MAX_HEADER)
        return fail(OCELLI_ERR_FORMAT,
                    "%s: a header of %" PRIu64 " bytes is above the limit of %zu", file, len,
                    SAFETENSORS_MAX_HEADER);
    if (len > st->bytes - 8)
        return fail(OCELLI_ERR_FORMAT,
                    "%s: truncated: the header should have %" PRIu64 " bytes, the file has %zu",
                    file, len, st->bytes);
    if (len == 0 || st->file[8] != '{')
        return fail(OCELLI_ERR_FORMAT, "%s: the header does not start with {", file);
    TRY(scan_header(st->file + 8, (size_t)len, file));
    st->json = json_loadb(st->file + 8, (size_t)len, JSON_REJECT_DUPLICATES, &je);
    if (!st->json && (!je.text[0] || json_error_code(&je) == json_error_out_of_memory))
        return fail_memory();
    if (!st->json)
        return fail(OCELLI_ERR_FORMAT, "%s: header: %s at byte %d", file, je.text, je.position + 8);
    e = calloc(MAX(json_object_size(st->json), 1), sizeof(*e));
    if (!e)
        return fail_memory();
    json_object_foreach(st->json, key, value) {
        if (!strcmp(key, META))
            TRY(read_meta(st, file, value));
        else
            TRY(read_entry(file, key, value, st->bytes - 8 - (size_t)len, &e[n++]));
    }
    TRY(settle(st, file, e, n, 8 + (size_t)len));
out:
    free(e);
    return err;
}

int safetensors_parse(struct safetensors **out, const char *name, char *file, size_t bytes)
{
    *out = NULL;
    struct safetensors *st = calloc(1, sizeof(*st));
    if (!st) {
        free(file);
        return fail_memory();
    }
    st->file = file;
    st->bytes = bytes;
    int err = parse(st, name);
    if (err)
        safetensors_close(&st);
    *out = st;
    return err;
}

int safetensors_open(struct safetensors **out, const char *path)
{
    char *file;
    size_t bytes;
    *out = NULL;
    int err = file_read(path, SIZE_MAX / 4, &file, &bytes);
    return err ? err : safetensors_parse(out, path, file, bytes);
}

void safetensors_close(struct safetensors **st)
{
    if (!*st)
        return;
    json_decref((*st)->json);
    free((*st)->tensor);
    free((*st)->meta);
    free((*st)->file);
    free(*st);
    *st = NULL;
}

const struct st_tensor *safetensors_find(const struct safetensors *st, const char *name)
{
    for (int i = 0; i < st->n; i++)
        if (!strcmp(st->tensor[i].name, name))
            return &st->tensor[i];
    return NULL;
}

const char *safetensors_meta(const struct safetensors *st, const char *key)
{
    for (int i = 0; i < st->n_meta; i++)
        if (!strcmp(st->meta[i].key, key))
            return st->meta[i].value;
    return NULL;
}
