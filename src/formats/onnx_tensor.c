/* Tensors in ONNX files: the element types, the fields that may hold the elements, files beside the
 * model. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "formats/onnx_read.h"

/* ---- Types: ONNX TensorProto.DataType ---- */

enum field { FIELD_NONE, FIELD_FLOAT, FIELD_INT32, FIELD_INT64, FIELD_UINT64, FIELD_DOUBLE };

static const struct {
    int number;
    enum ocelli_dtype dtype;
    enum field field; /* that holds the elements when raw_data does not */
} types[] = {
    {1, OCELLI_F32, FIELD_FLOAT},   {2, OCELLI_U8, FIELD_INT32},    {3, OCELLI_I8, FIELD_INT32},
    {4, OCELLI_U16, FIELD_INT32},   {5, OCELLI_I16, FIELD_INT32},   {6, OCELLI_I32, FIELD_INT32},
    {7, OCELLI_I64, FIELD_INT64},   {9, OCELLI_BOOL, FIELD_INT32},  {10, OCELLI_F16, FIELD_INT32},
    {11, OCELLI_F64, FIELD_DOUBLE}, {12, OCELLI_U32, FIELD_UINT64}, {13, OCELLI_U64, FIELD_UINT64},
};

static int type_row(int number)
{
    for (int i = 0; i < (int)COUNT(types); i++)
        if (types[i].number == number)
            return i;
    return -1;
}

int onnx_dtype(int number)
{
    int i = type_row(number);

    return i < 0 ? -1 : (int)types[i].dtype;
}

int onnx_type_number(enum ocelli_dtype dtype)
{
    for (int i = 0; i < (int)COUNT(types); i++)
        if (types[i].dtype == dtype)
            return types[i].number;
    return 0;
}

/* ---- External data ----
 * The location is a path below the model's folder. Opening it must not lead anywhere else: no "..",
 * no absolute path, no link on the way, nothing but a plain file, however the names are arranged.
 * Each folder on the way is opened from the one before, never following a link, so nothing can
 * change between check and use. */

/* Location without "./" in front; further ones are refused, so that a file has one name. */
static const char *plain_location(const char *location)
{
    while (location[0] == '.' && location[1] == '/')
        location += 2;
    return location;
}

/* Takes over `dir`. A descriptor, or -1 with errno. */
static int open_beneath(int dir, const char *location)
{
    for (const char *s = plain_location(location);;) {
        char part[NAME_MAX + 1];
        size_t n = strcspn(s, "/");
        bool last = s[n] == 0;
        int fd = -1;

        if (n > NAME_MAX)
            errno = ENAMETOOLONG;
        else if (n == 0 || (n <= 2 && s[0] == '.' && s[n - 1] == '.'))
            errno = EXDEV;
        else {
            memcpy(part, s, n);
            part[n] = 0;
            fd = openat(dir, part,
                        last ? O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
                             : O_PATH | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY);
        }
        int why = errno;
        close(dir);
        errno = why;
        if (fd < 0 || last)
            return fd;
        dir = fd;
        s += n + 1;
    }
}

static int open_external(const char *path, const char *location, const char *what, int *out)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int dir, fd;
    struct stat st;

    if (!folder)
        return fail_memory();
    dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (dir < 0)
        return fail(OCELLI_ERR_IO, "%s: %s: cannot open its folder: %s", path, what,
                    strerror(errno));
    fd = open_beneath(dir, location);
    if (fd < 0)
        return fail(OCELLI_ERR_IO, "%s: %s: external data \"%.200s\": %s", path, what, location,
                    errno == EXDEV || errno == ELOOP || errno == ENOTDIR
                        ? "leads out of the model's folder, or over a link"
                        : strerror(errno));
    /* A second name for the file could stand outside of the folder. */
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
        close(fd);
        return fail(OCELLI_ERR_FORMAT,
                    "%s: %s: external data \"%.200s\" is not a plain file with one name", path,
                    what, location);
    }
    *out = fd;
    return 0;
}

static bool parse_number(const char *s, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(s, &end, 10);
    return s[0] >= '0' && s[0] <= '9' && *end == 0 && errno == 0;
}

struct external {
    const char *location;
    uint64_t offset, length;
    bool sized;
};

uint64_t onnx_external(const Onnx__Tensor *t, const char **location)
{
    int row = type_row(t->data_type);
    size_t bytes = row < 0 ? 0 : ocelli_dtype_size(types[row].dtype);

    *location = NULL;
    for (size_t i = 0; t->data_location == 1 && i < t->n_external_data; i++)
        if (t->external_data[i]->key && strcmp(t->external_data[i]->key, "location") == 0)
            *location = t->external_data[i]->value;
    if (*location)
        *location = plain_location(*location);
    for (size_t i = 0; i < t->n_dims; i++)
        if (t->dims[i] < 0 || !mul_size(bytes, (size_t)t->dims[i], &bytes))
            return UINT64_MAX;
    return bytes;
}

static int external_entries(const Onnx__Tensor *t, const char *what, struct external *e)
{
    *e = (struct external){0};
    for (size_t i = 0; i < t->n_external_data; i++) {
        const char *key = t->external_data[i]->key, *value = t->external_data[i]->value;
        if (!key || !value)
            continue;
        if (strcmp(key, "location") == 0)
            e->location = value;
        else if (strcmp(key, "offset") == 0 && !parse_number(value, &e->offset))
            return fail(OCELLI_ERR_FORMAT, "%s: external data: offset \"%.40s\" is no number", what,
                        value);
        else if (strcmp(key, "length") == 0 && !(e->sized = parse_number(value, &e->length)))
            return fail(OCELLI_ERR_FORMAT, "%s: external data: length \"%.40s\" is no number", what,
                        value);
    }
    if (!e->location || !e->location[0])
        return fail(OCELLI_ERR_FORMAT, "%s: external data without a location", what);
    return 0;
}

static int read_external(const Onnx__Tensor *t, const char *path, const char *what, size_t bytes,
                         void **data)
{
    struct external e;
    struct stat st;
    size_t done = 0;
    int fd = -1, err;

    if (!path)
        return fail(OCELLI_ERR_UNSUPPORTED, "%s: external data of a model that is not a file",
                    what);
    TRY(external_entries(t, what, &e));
    if (e.sized && e.length != bytes)
        TRY(fail(OCELLI_ERR_FORMAT, "%s: external data of %llu bytes, its shape takes %zu", what,
                 (unsigned long long)e.length, bytes));
    TRY(open_external(path, e.location, what, &fd));
    if (fstat(fd, &st) != 0 || e.offset > (uint64_t)st.st_size ||
        bytes > (uint64_t)st.st_size - e.offset)
        TRY(fail(OCELLI_ERR_FORMAT,
                 "%s: external data: bytes %llu to %llu are not all in \"%.200s\" (%lld bytes)",
                 what, (unsigned long long)e.offset, (unsigned long long)e.offset + bytes,
                 e.location, (long long)st.st_size));
    /* Only now: the size is backed by a file. */
    if (!(*data = malloc(bytes ? bytes : 1)))
        TRY(fail_memory());
    while (done < bytes) {
        ssize_t n = pread(fd, (char *)*data + done, bytes - done, (off_t)(e.offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            TRY(fail(OCELLI_ERR_IO, "%s: external data \"%.200s\": %s", what, e.location,
                     n < 0 ? strerror(errno) : "ended early"));
        done += (size_t)n;
    }
out:
    if (fd >= 0)
        close(fd);
    return err;
}

/* ---- Elements from the message ---- */

static size_t field_count(const Onnx__Tensor *t, enum field f)
{
    switch (f) {
    case FIELD_FLOAT:
        return t->n_float_data;
    case FIELD_INT32:
        return t->n_int32_data;
    case FIELD_INT64:
        return t->n_int64_data;
    case FIELD_UINT64:
        return t->n_uint64_data;
    case FIELD_DOUBLE:
        return t->n_double_data;
    case FIELD_NONE:
        break;
    }
    return 0;
}

/* Element i of a typed field, in the first bytes of *v: all machines we know keep the low bytes
 * first. */
static void field_element(const Onnx__Tensor *t, enum field f, size_t i, uint64_t *v)
{
    *v = 0;
    switch (f) {
    case FIELD_FLOAT:
        memcpy(v, t->float_data + i, sizeof(*t->float_data));
        break;
    case FIELD_INT32:
        memcpy(v, t->int32_data + i, sizeof(*t->int32_data));
        break;
    case FIELD_INT64:
        memcpy(v, t->int64_data + i, sizeof(*t->int64_data));
        break;
    case FIELD_UINT64:
        memcpy(v, t->uint64_data + i, sizeof(*t->uint64_data));
        break;
    case FIELD_DOUBLE:
        memcpy(v, t->double_data + i, sizeof(*t->double_data));
        break;
    case FIELD_NONE:
        break;
    }
}

static int copy_field(const Onnx__Tensor *t, enum field f, const char *what, size_t count,
                      size_t size, void **data)
{
    if (field_count(t, f) != count)
        return fail(OCELLI_ERR_FORMAT, "%s: %zu elements stored, its shape has %zu", what,
                    field_count(t, f), count);
    if (!(*data = malloc(count * size + 1)))
        return fail_memory();
    for (size_t i = 0; i < count; i++) {
        uint64_t v;
        field_element(t, f, i, &v);
        memcpy((char *)*data + i * size, &v, size);
    }
    return 0;
}

/* Extents of 0 are legal here: an empty shape tensor. */
static int tensor_shape(const Onnx__Tensor *t, const char *what, struct ocelli_shape *s,
                        size_t *count)
{
    if (t->n_dims > OCELLI_MAX_RANK)
        return fail(OCELLI_ERR_UNSUPPORTED, "%s: rank %zu is above %d", what, t->n_dims,
                    OCELLI_MAX_RANK);
    s->rank = (int)t->n_dims;
    for (int d = 0; d < s->rank; d++) {
        s->dim[d] = t->dims[d];
        if (s->dim[d] < 0)
            return fail(OCELLI_ERR_FORMAT, "%s: extent %lld", what, (long long)s->dim[d]);
    }
    return shape_elements(s, count) ? 0 : fail(OCELLI_ERR_FORMAT, "%s: too large", what);
}

/* The elements' row in types[], what they are and how many; raw bytes are as many as that takes. */
static int tensor_head(const Onnx__Tensor *t, const char *what, size_t limit, int *row,
                       struct desc *desc, size_t *count)
{
    size_t bytes;
    int err = 0;

    *desc = (struct desc){0};
    if ((*row = type_row(t->data_type)) < 0)
        return fail(OCELLI_ERR_UNSUPPORTED, "%s: elements of ONNX type %d", what, t->data_type);
    desc->dtype = types[*row].dtype;
    TRY(tensor_shape(t, what, &desc->shape, count));
    if (!mul_size(*count, ocelli_dtype_size(desc->dtype), &bytes))
        TRY(fail(OCELLI_ERR_FORMAT, "%s: too large", what));
    if (bytes > limit)
        TRY(fail(OCELLI_ERR_FORMAT, "%s: %zu bytes: more memory than its file may ask for", what,
                 bytes));
    if (t->data_location != 1 && t->has_raw_data && t->raw_data.len != bytes)
        TRY(fail(OCELLI_ERR_FORMAT, "%s: %zu bytes stored, its shape takes %zu", what,
                 t->raw_data.len, bytes));
out:
    return err;
}

int onnx_tensor(const Onnx__Tensor *t, const char *path, const char *what, size_t limit,
                struct desc *desc, void **data)
{
    int row, err;
    size_t count, bytes, size;

    *data = NULL;
    TRY(tensor_head(t, what, limit, &row, desc, &count));
    size = ocelli_dtype_size(desc->dtype);
    bytes = count * size;
    if (t->data_location == 1) {
        TRY(read_external(t, path, what, bytes, data));
    } else if (t->has_raw_data) {
        if (!(*data = malloc(bytes + 1)))
            TRY(fail_memory());
        if (bytes)
            memcpy(*data, t->raw_data.data, bytes);
    } else {
        TRY(copy_field(t, types[row].field, what, count, size, data));
    }
    for (size_t i = 0; desc->dtype == OCELLI_BOOL && i < count; i++)
        ((uint8_t *)*data)[i] = ((uint8_t *)*data)[i] != 0;
out:
    if (err) {
        free(*data);
        *data = NULL;
    }
    return err;
}

int onnx_tensor_take(Onnx__Tensor *t, const char *path, const char *what, size_t limit,
                     struct desc *desc, void **data, void **block)
{
    int row, err;
    size_t count;

    *data = *block = NULL;
    TRY(tensor_head(t, what, limit, &row, desc, &count));
    if (t->data_location == 1 || !t->has_raw_data || desc->dtype == OCELLI_BOOL) {
        TRY(onnx_tensor(t, path, what, limit, desc, data));
        *block = *data;
    } else {
        *data = t->raw_data.data;
        *block = onnx_tensor_release(t);
    }
out:
    return err;
}
