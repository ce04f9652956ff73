/* safetensors: named tensors in one file. Eight bytes little-endian length, a JSON header of that
 * length, the tensors' bytes without holes (format version of 2023, Hugging Face).
 *
 * The reader is strict: what it accepts, every other reader understands in the same way. */
#ifndef FORMATS_SAFETENSORS_H
#define FORMATS_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/shape.h"

/* Bytes of header. The format allows 100 MB; parsed JSON takes some 25 times its text, and no
 * convolutional network comes near this. */
#define SAFETENSORS_MAX_HEADER ((size_t)2 << 20)

struct st_tensor {
    const char *name;
    struct desc desc;
    const void *data; /* desc_bytes(&desc); read from a file, it may be unaligned */
};
struct st_pair {
    const char *key, *value;
};

/* Writes a file atomically (file.h), tensors and pairs in the given order; the same content gives
 * the same bytes. A checksum over all of it is added as the first pair, "ocelli.xxh3". Fails: IO,
 * MEMORY, INVALID (a name twice or not UTF-8, a header above the limit). */
int safetensors_write(const char *path, const struct st_tensor *t, int n,
                      const struct st_pair *meta, int n_meta);

/* A file in memory; everything borrowed from it lives as long. */
struct safetensors {
    struct st_tensor *tensor; /* in the order of their bytes */
    int n;
    struct st_pair *meta;
    int n_meta;
    bool checked; /* it carries our checksum, which was right */
    char *file;
    size_t bytes;
    void *json;
};
/* Tensors of types that the library has not (F16, I64, ...) are checked and left out.
 * Fails: IO, MEMORY, FORMAT (the message names the file, what is wrong and where; also a wrong
 * checksum, a rank above OCELLI_MAX_RANK, an extent of 0). */
int safetensors_open(struct safetensors **out, const char *path);
/* The same over bytes in memory, which it takes over: a malloc'd block, freed also on failure.
 * `name` is for messages. */
int safetensors_parse(struct safetensors **out, const char *name, char *file, size_t bytes);
void safetensors_close(struct safetensors **st);
/* NULL: none of that name. */
const struct st_tensor *safetensors_find(const struct safetensors *st, const char *name);
const char *safetensors_meta(const struct safetensors *st, const char *key);

#endif
