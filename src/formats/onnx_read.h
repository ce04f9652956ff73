/* ONNX files as they are: the protobuf message within limits, and the tensors it stores. */
#ifndef FORMATS_ONNX_READ_H
#define FORMATS_ONNX_READ_H

#include <onnx.pb-c.h>

#include "base/shape.h"

/* Of what a file may cost (file_memory()) this is for the graph made of it; the rest is for the
 * message and the tensors' content. A message of empty parts would take some 60 times its bytes. */
#define ONNX_GRAPH_MEMORY ((size_t)32 << 20)
#define ONNX_MAX_FILE ((size_t)2 << 30) /* protobuf's own limit */

#define ONNX_PREPROCESS "ocelli.preprocess" /* metadata: how pictures become the input */

struct onnx_file {
    Onnx__Model *model;
    char *name;       /* for messages */
    const char *path; /* NULL: read from memory, external data are refused */
    size_t left;      /* bytes of memory that tensors may still take */
};

/* Reads a model that may take `memory` bytes (0: file_memory()). Fails: IO, MEMORY, FORMAT (no ONNX,
 * damaged, or out of proportion). */
int onnx_open(struct onnx_file **out, const char *path, uint64_t memory);
/* The same from memory, which is only read; `name` is for messages. */
int onnx_parse(struct onnx_file **out, const char *name, const void *data, size_t bytes,
               uint64_t memory);
void onnx_close(struct onnx_file **f);

/* A tensor's content in this machine's order: from raw bytes, typed fields or an external file
 * beside `path` (NULL: refused). *data is malloc'd, desc_bytes(desc). Strings and types that the
 * library has not: UNSUPPORTED. `what` names it in messages. Fails: FORMAT (sizes that do not fit,
 * more than `limit` bytes), IO, MEMORY, SHAPE. */
int onnx_tensor(const Onnx__Tensor *t, const char *path, const char *what, size_t limit,
                struct desc *desc, void **data);

/* The same for a tensor that is not asked for again: raw bytes are handed over, not copied. *block is
 * what to free for *data; where they differ, the bytes were handed over. */
int onnx_tensor_take(Onnx__Tensor *t, const char *path, const char *what, size_t limit,
                     struct desc *desc, void **data, void **block);

/* What a tensor takes of the file named *location (below the model's folder; NULL: it is not stored
 * in one). */
uint64_t onnx_external(const Onnx__Tensor *t, const char **location);
/* Takes a tensor's raw bytes out of the message: what to free for them. */
void *onnx_tensor_release(Onnx__Tensor *t);

/* The library's type for ONNX's number, -1: none. The number for a type. */
int onnx_dtype(int type);
int onnx_type_number(enum ocelli_dtype dtype);

/* A file with one TensorProto. */
int onnx_tensor_file(const char *path, struct desc *desc, void **data, char **name);

#endif
