#include "formats/npy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_LEN 6
#define ALIGN 64 /* the data begin at a multiple of this */

/* Type strings without the mark of the byte order. */
static const struct {
    char kind;
    int size;
    enum ocelli_dtype dtype;
} types[] = {
    {'f', 4, OCELLI_F32}, {'i', 4, OCELLI_I32}, {'u', 1, OCELLI_U8},  {'f', 8, OCELLI_F64},
    {'f', 2, OCELLI_F16}, {'i', 8, OCELLI_I64}, {'i', 2, OCELLI_I16}, {'i', 1, OCELLI_I8},
    {'u', 2, OCELLI_U16}, {'u', 4, OCELLI_U32}, {'u', 8, OCELLI_U64}, {'b', 1, OCELLI_BOOL},
};

int array_check(const struct ocelli_array *a)
{
    size_t size = ocelli_dtype_size(a->dtype), count;

    if (!size || !shape_elements(&a->shape, &count) || (count && !a->data))
        return fail(OCELLI_ERR_INVALID, "array %s: no type, shape or data", a->name ? a->name : "");
    return 0;
}

/* ---- The header: a Python dictionary with three keys, read by a grammar that knows just that ---- */

struct header {
    const char *file; /* for messages */
    const char *base, *at, *end;
    int dtype; /* -1: not seen */
    int fortran;
    struct ocelli_shape shape; /* rank -1: not seen */
};

static int bad(const struct header *h, const char *what)
{
    return fail(OCELLI_ERR_FORMAT, "%s: %s at byte %td", h->file, what, h->at - h->base);
}

static void spaces(struct header *h)
{
    while (h->at < h->end && *h->at == ' ')
        h->at++;
}

/* Takes `c` and the spaces before it. */
static bool take(struct header *h, char c)
{
    spaces(h);
    if (h->at == h->end || *h->at != c)
        return false;
    h->at++;
    return true;
}

static bool take_word(struct header *h, const char *word)
{
    size_t n = strlen(word);

    spaces(h);
    if ((size_t)(h->end - h->at) < n || memcmp(h->at, word, n) != 0)
        return false;
    h->at += n;
    return true;
}

/* 'x' or "x", without escapes. */
static bool take_string(struct header *h, const char **s, size_t *len)
{
    spaces(h);
    if (h->at == h->end || (*h->at != '\'' && *h->at != '"'))
        return false;
    char quote = *h->at;
    const char *first = h->at + 1, *last = first;
    while (last < h->end && *last != quote && *last != '\\' && *last >= ' ')
        last++;
    if (last == h->end || *last != quote)
        return false;
    *s = first;
    *len = (size_t)(last - first);
    h->at = last + 1;
    return true;
}

/* "<f4", "|u1": byte order, kind, bytes. */
static int take_descr(struct header *h)
{
    const char *s;
    size_t n;

    if (h->dtype >= 0)
        return bad(h, "'descr' twice");
    if (!take_string(h, &s, &n))
        return take(h, '[') ? fail(OCELLI_ERR_UNSUPPORTED, "%s: records", h->file) : bad(h, "no type");
    if (n == 3 && s[0] == '>' && s[2] > '1')
        return fail(OCELLI_ERR_UNSUPPORTED, "%s: big-endian type %.3s", h->file, s);
    for (size_t i = 0; n == 3 && i < COUNT(types); i++)
        if (s[1] == types[i].kind && s[2] == '0' + types[i].size &&
            (s[0] == '<' || (types[i].size == 1 && s[0] == '|')))
            h->dtype = (int)types[i].dtype;
    if (h->dtype < 0)
        return fail(OCELLI_ERR_UNSUPPORTED, "%s: type \"%.*s\"", h->file, (int)MIN(n, (size_t)16), s);
    return 0;
}

static int take_order(struct header *h)
{
    if (h->fortran >= 0)
        return bad(h, "'fortran_order' twice");
    if (take_word(h, "True"))
        h->fortran = 1;
    else if (take_word(h, "False"))
        h->fortran = 0;
    else
        return bad(h, "neither True nor False");
    return 0;
}

/* Digits without a leading zero. */
static bool take_extent(struct header *h, int64_t *out)
{
    const char *first;
    int64_t d = 0;

    spaces(h);
    for (first = h->at; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++)
        if (__builtin_mul_overflow(d, 10, &d) || __builtin_add_overflow(d, *h->at - '0', &d))
            return false;
    *out = d;
    return h->at > first && (*first != '0' || h->at - first == 1);
}

/* "()", "(3,)", "(3, 4)", "(3, 4,)". */
static int take_shape(struct header *h)
{
    struct ocelli_shape s = {0};
    bool comma = true;

    if (h->shape.rank >= 0)
        return bad(h, "'shape' twice");
    if (!take(h, '('))
        return bad(h, "no shape");
    while (!take(h, ')')) {
        if (!comma)
            return bad(h, "no comma");
        if (s.rank == OCELLI_MAX_RANK)
            return fail(OCELLI_ERR_UNSUPPORTED, "%s: rank above %d", h->file, OCELLI_MAX_RANK);
        if (!take_extent(h, &s.dim[s.rank]))
            return bad(h, "no extent");
        s.rank++;
        comma = take(h, ',');
        if (!comma && s.rank == 1)
            return bad(h, "no comma");
    }
    h->shape = s;
    return 0;
}

static int read_dictionary(struct header *h)
{
    static const struct {
        const char *name;
        int (*read)(struct header *h);
    } keys[] = {{"descr", take_descr}, {"fortran_order", take_order}, {"shape", take_shape}};
    bool comma = true;
    int err = 0;

    if (!take(h, '{'))
        return bad(h, "no dictionary");
    while (!take(h, '}')) {
        const char *s;
        size_t n, k = 0;
        if (!comma || !take_string(h, &s, &n))
            return bad(h, "no key");
        while (k < COUNT(keys) && (strlen(keys[k].name) != n || memcmp(keys[k].name, s, n) != 0))
            k++;
        if (k == COUNT(keys))
            return bad(h, "a key that does not belong there");
        if (!take(h, ':'))
            return bad(h, "no colon");
        if ((err = keys[k].read(h)) != 0)
            return err;
        comma = take(h, ',');
    }
    if (h->dtype < 0 || h->fortran < 0 || h->shape.rank < 0)
        return bad(h, "the header lacks a key");
    spaces(h);
    if (h->end - h->at != 1 || *h->at != '\n')
        return bad(h, "the header does not end with a newline");
    return 0;
}

/* Magic, version and length, then the dictionary; *head: where the data begin. */
static int read_header(struct header *h, const char *name, const uint8_t *file, size_t bytes, size_t *head)
{
    size_t len = 0, field, start;

    *h = (struct header){.file = name, .base = (const char *)file, .dtype = -1, .fortran = -1,
                         .shape = {.rank = -1}};
    if (bytes < MAGIC_LEN + 2 || memcmp(file, MAGIC, MAGIC_LEN) != 0)
        return fail(OCELLI_ERR_FORMAT, "%s: no .npy file", name);
    if (file[6] < 1 || file[6] > 3 || file[7] != 0)
        return fail(OCELLI_ERR_UNSUPPORTED, "%s: .npy version %d.%d", name, file[6], file[7]);
    field = file[6] == 1 ? 2 : 4;
    start = MAGIC_LEN + 2 + field;
    if (bytes < start)
        return fail(OCELLI_ERR_FORMAT, "%s: truncated at byte %zu", name, bytes);
    for (size_t i = 0; i < field; i++)
        len |= (size_t)file[MAGIC_LEN + 2 + i] << (8 * i);
    if (len > bytes - start)
        return fail(OCELLI_ERR_FORMAT, "%s: truncated at byte %zu, its header takes %zu", name, bytes, len);
    h->at = h->base + start;
    h->end = h->at + len;
    *head = start + len;
    return read_dictionary(h);
}

/* Element i of C order comes from where Fortran order has it: first index fastest. */
static void from_fortran(char *y, const char *x, const struct ocelli_shape *s, size_t size, size_t count)
{
    int64_t at[OCELLI_MAX_RANK] = {0};
    size_t stride[OCELLI_MAX_RANK], from = 0, step = size;

    for (int d = 0; d < s->rank; d++) {
        stride[d] = step;
        step *= (size_t)s->dim[d];
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(y + i * size, x + from, size);
        for (int d = s->rank - 1; d >= 0; d--) {
            from += stride[d];
            if (++at[d] < s->dim[d])
                break;
            from -= stride[d] * (size_t)s->dim[d];
            at[d] = 0;
        }
    }
}

int npy_parse(struct ocelli_array *out, const char *name, const void *file, size_t bytes)
{
    struct header h;
    size_t head = 0, count, size;
    int err = read_header(&h, name, file, bytes, &head);

    *out = (struct ocelli_array){0};
    if (err)
        return err;
    size = ocelli_dtype_size((enum ocelli_dtype)h.dtype);
    if (!shape_elements(&h.shape, &count))
        return fail(OCELLI_ERR_FORMAT, "%s: its shape is too large", name);
    if (bytes - head != count * size)
        return fail(OCELLI_ERR_FORMAT, "%s: %zu bytes of data, its shape takes %zu", name, bytes - head,
                    count * size);
    out->dtype = (enum ocelli_dtype)h.dtype;
    out->shape = h.shape;
    if (!(out->data = malloc(count * size + 1)))
        return fail_memory();
    if (h.fortran)
        from_fortran(out->data, (const char *)file + head, &h.shape, size, count);
    else
        memcpy(out->data, (const char *)file + head, count * size);
    for (size_t i = 0; h.dtype == OCELLI_BOOL && i < count; i++)
        ((uint8_t *)out->data)[i] = ((uint8_t *)out->data)[i] != 0;
    return 0;
}

int npy_print(const struct ocelli_array *a, void **out, size_t *bytes)
{
    size_t size = ocelli_dtype_size(a->dtype), count, head = 0, all, k = 0;
    struct text t = {0};
    char *file;
    int err = 0;

    *out = NULL;
    while (types[k].dtype != a->dtype)
        k++;
    text_add(&t, "{'descr': '%c%c%zu', 'fortran_order': False, 'shape': (", size > 1 ? '<' : '|',
             types[k].kind, size);
    for (int d = 0; d < a->shape.rank; d++)
        text_add(&t, "%s%" PRId64 "%s", d ? ", " : "", a->shape.dim[d], a->shape.rank == 1 ? "," : "");
    text_add(&t, "), }");
    if (t.failed)
        TRY(fail_memory());
    head = round_up(MAGIC_LEN + 4 + t.len + 1, ALIGN);
    if (!shape_elements(&a->shape, &count) || !add_size(head, count * size, &all))
        TRY(fail(OCELLI_ERR_INVALID, "array: too large"));
    if (!(file = malloc(all)))
        TRY(fail_memory());
    memset(file, ' ', head);
    memcpy(file, MAGIC "\x01\x00", MAGIC_LEN + 2);
    file[8] = (char)((head - 10) & 255);
    file[9] = (char)((head - 10) >> 8);
    memcpy(file + 10, t.s, t.len);
    file[head - 1] = '\n';
    if (count)
        memcpy(file + head, a->data, count * size);
    *out = file;
    *bytes = all;
out:
    text_free(&t);
    return err;
}
