/* Arrays in files, by the ending of the path. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "formats/npy.h"
#include "formats/onnx_read.h"

/* ---- .npy ---- */

static int read_npy(struct ocelli_array *out, const char *path)
{
    char *file;
    size_t bytes;
    int err = file_read(path, ARRAY_MAX_FILE, &file, &bytes);

    if (err)
        return err;
    err = npy_parse(out, path, file, bytes);
    free(file);
    if (!err && !(out->name = strdup("")))
        err = fail_memory();
    return err;
}

static int write_npy(const struct ocelli_array *a, const char *path)
{
    void *file;
    size_t bytes;
    int err = npy_print(a, &file, &bytes);

    if (err)
        return err;
    err = file_replace(path, file, bytes, 0666);
    free(file);
    return err;
}

/* ---- .pb: an ONNX TensorProto ---- */

static int read_pb(struct ocelli_array *out, const char *path)
{
    struct desc d = {0};
    int err = onnx_tensor_file(path, &d, &out->data, &out->name);

    out->dtype = d.dtype;
    out->shape = d.shape;
    return err;
}

static int write_pb(const struct ocelli_array *a, const char *path)
{
    Onnx__Tensor t = ONNX__TENSOR__INIT;
    size_t size = ocelli_dtype_size(a->dtype), count, bytes;
    uint8_t *file;
    int err;

    (void)shape_elements(&a->shape, &count);
    t.n_dims = (size_t)a->shape.rank;
    t.dims = (int64_t *)a->shape.dim;
    t.has_data_type = 1;
    t.data_type = onnx_type_number(a->dtype);
    t.name = a->name ? a->name : "";
    t.has_raw_data = 1;
    t.raw_data.data = a->data;
    t.raw_data.len = count * size;
    bytes = onnx__tensor__get_packed_size(&t);
    if (bytes > ONNX_MAX_FILE)
        return fail(OCELLI_ERR_UNSUPPORTED, "%s: larger than ONNX's 2 GiB", path);
    if (!(file = malloc(bytes + 1)))
        return fail_memory();
    onnx__tensor__pack(&t, file);
    err = file_replace(path, file, bytes, 0666);
    free(file);
    return err;
}

/* ---- Both ---- */

static const struct format {
    const char *end;
    int (*read)(struct ocelli_array *out, const char *path);
    int (*write)(const struct ocelli_array *a, const char *path);
} formats[] = {{".npy", read_npy, write_npy}, {".pb", read_pb, write_pb}};

static const struct format *by_ending(const char *path)
{
    size_t n = strlen(path);

    for (size_t i = 0; i < COUNT(formats); i++) {
        size_t k = strlen(formats[i].end);
        if (n > k && strcmp(path + n - k, formats[i].end) == 0)
            return &formats[i];
    }
    return NULL;
}

static int no_format(const char *path)
{
    return fail(OCELLI_ERR_UNSUPPORTED, "%s: an array's file ends in .npy or .pb", path);
}

int ocelli_array_read(struct ocelli_array *out, const char *path)
{
    const struct format *f = by_ending(path);
    int err;

    *out = (struct ocelli_array){0};
    err = f ? f->read(out, path) : no_format(path);
    if (err)
        ocelli_array_free(out);
    return err;
}

int ocelli_array_write(const struct ocelli_array *a, const char *path)
{
    const struct format *f = by_ending(path);
    int err = array_check(a);

    if (err)
        return err;
    return f ? f->write(a, path) : no_format(path);
}

void ocelli_array_free(struct ocelli_array *a)
{
    free(a->data);
    free(a->name);
    *a = (struct ocelli_array){0};
}
