#include "formats/onnx_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

/* ---- An allocator that counts ----
 * protobuf-c asks it for every message and array; it says no when the file costs more than its size
 * justifies, and unpacking then fails like on a damaged file. Blocks carry their size in front. */

#define BLOCK_HEAD 16

struct budget {
    size_t left;
    bool refused, exhausted;
};

static void *budget_alloc(void *user, size_t bytes)
{
    struct budget *b = user;
    size_t whole;
    char *p;

    if (!add_size(bytes, BLOCK_HEAD, &whole) || whole > b->left) {
        b->refused = true;
        return NULL;
    }
    p = malloc(whole);
    if (!p) {
        b->exhausted = true;
        return NULL;
    }
    b->left -= whole;
    mem_large(p, whole);
    memcpy(p, &whole, sizeof(whole));
    return p + BLOCK_HEAD;
}

static void budget_free(void *user, void *block)
{
    struct budget *b = user;
    size_t whole;

    if (!block)
        return;
    memcpy(&whole, (char *)block - BLOCK_HEAD, sizeof(whole));
    b->left += whole;
    free((char *)block - BLOCK_HEAD);
}

static ProtobufCAllocator allocator(struct budget *b)
{
    return (ProtobufCAllocator){budget_alloc, budget_free, b};
}

/* For a message in a file of that size. `memory`: what all of it may take, 0: as usual. */
static struct budget budget_for(size_t bytes, uint64_t memory, size_t reserve)
{
    size_t all = memory ? (size_t)MIN(memory, (uint64_t)SIZE_MAX) : file_memory(bytes);

    return (struct budget){.left = all > bytes && all - bytes > reserve ? all - bytes - reserve : 0};
}

static int unpack_failed(const struct budget *b, const char *name, size_t bytes)
{
    if (b->exhausted)
        return fail_memory();
    if (b->refused)
        return fail(OCELLI_ERR_FORMAT, "%s: needs more memory than a file of %zu bytes may ask for",
                    name, bytes);
    return fail(OCELLI_ERR_FORMAT, "%s: no ONNX model, or damaged", name);
}

/* ---- Models ---- */

int onnx_parse(struct onnx_file **out, const char *name, const void *data, size_t bytes,
               uint64_t memory)
{
    struct onnx_file *f = calloc(1, sizeof(*f));
    struct budget b = budget_for(bytes, memory, ONNX_GRAPH_MEMORY);
    ProtobufCAllocator a = allocator(&b);

    *out = NULL;
    if (!f)
        return fail_memory();
    f->model = onnx__model__unpack(&a, bytes, data);
    if (!f->model || !(f->name = strdup(name))) {
        int err = f->model ? fail_memory() : unpack_failed(&b, name, bytes);
        onnx_close(&f);
        return err;
    }
    if (!f->model->graph) {
        onnx_close(&f);
        return fail(OCELLI_ERR_FORMAT, "%s: no ONNX model: it holds no graph", name);
    }
    f->left = b.left;
    *out = f;
    return 0;
}

int onnx_open(struct onnx_file **out, const char *path, uint64_t memory)
{
    char *data;
    size_t bytes;
    int err = file_read(path, ONNX_MAX_FILE, &data, &bytes);

    *out = NULL;
    if (err)
        return err;
    err = onnx_parse(out, path, data, bytes, memory);
    free(data);
    if (!err) {
        (*out)->path = (*out)->name;
        (*out)->left += bytes; /* the file itself, now that it is gone */
    }
    return err;
}

void onnx_close(struct onnx_file **file)
{
    struct onnx_file *f = *file;
    struct budget b = {0};
    ProtobufCAllocator a = allocator(&b);

    if (!f)
        return;
    if (f->model)
        onnx__model__free_unpacked(f->model, &a);
    free(f->name);
    free(f);
    *file = NULL;
}

void *onnx_tensor_release(Onnx__Tensor *t)
{
    void *block = t->raw_data.data ? t->raw_data.data - BLOCK_HEAD : NULL;

    t->raw_data = (ProtobufCBinaryData){0};
    t->has_raw_data = false;
    return block;
}

int onnx_tensor_file(const char *path, struct desc *desc, void **data, char **name)
{
    char *file = NULL;
    size_t bytes;
    struct budget b;
    ProtobufCAllocator a = allocator(&b);
    Onnx__Tensor *t = NULL;
    int err;

    *data = NULL;
    TRY(file_read(path, ONNX_MAX_FILE, &file, &bytes));
    b = budget_for(bytes, 0, 0);
    t = onnx__tensor__unpack(&a, bytes, (const uint8_t *)file);
    if (!t)
        TRY(unpack_failed(&b, path, bytes));
    TRY(onnx_tensor(t, path, path, b.left, desc, data));
    if (name) {
        *name = strdup(t->name ? t->name : "");
        if (!*name)
            TRY(fail_memory());
    }
out:
    if (t)
        onnx__tensor__free_unpacked(t, &a);
    free(file);
    if (err) {
        free(*data);
        *data = NULL;
    }
    return err;
}
