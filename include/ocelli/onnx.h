/* Networks from and to ONNX files. */
#ifndef OCELLI_ONNX_H
#define OCELLI_ONNX_H

#include <stdbool.h>
#include <stdint.h>

#include <ocelli/array.h>
#include <ocelli/graph.h>
#include <ocelli/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero in a field means its default. */
struct ocelli_onnx_params {
    int batch;                /* for a symbolic first dimension of the inputs; default 1 */
    const char *const *names; /* inputs whose shapes are given here (NULL: every input).. */
    const struct ocelli_shape *shapes; /* ..in place of the file's */
    int n;
    /* The content of inputs, by their names, for operators that need it when the network is built
     * (the shape that a Reshape goes to). They stay inputs, but what was built from them is fixed.
     */
    const struct ocelli_array *values;
    int n_values;
    bool keep_all; /* every intermediate value that has a name becomes an output too */
    uint64_t max_memory;       /* bytes that reading may take; default 4 times the file and 64 MiB, and what
                                  external data files add in proportion to their size */
};

/* Reads a model: its inputs and outputs keep their names, its initialisers become weights with their
 * content. Opsets 7 to 21 of ONNX's own domain, and 1 to 6 for operators that had their present
 * meaning or are simple to translate; version 1 of ai.onnx.preview.training.
 * Fails: IO, FORMAT (damaged; out of limits), UNSUPPORTED (the message names operator, node,
 * attribute and opset), SHAPE, MEMORY. */
OCELLI_API int ocelli_onnx_load(struct ocelli_graph **out, const char *path,
                                const struct ocelli_onnx_params *p);
/* The same from memory; external data are refused. `name` is for messages. */
OCELLI_API int ocelli_onnx_parse(struct ocelli_graph **out, const char *name, const void *data,
                                 size_t bytes, const struct ocelli_onnx_params *p);

/* Writes a graph (the forward part: what its outputs depend on, optimiser steps left out) with the
 * weights' content as ONNX, opset 17. The outputs that training adds (softmax_xent, in_top_k) are
 * written only when there are no others. w NULL: the graph's own content or seeded initial values
 * are not at hand and the call fails unless every weight has data. batch_name, if not NULL ("N"),
 * makes the first dimension of inputs and outputs symbolic. Written aside, synced, renamed.
 * Fails: UNSUPPORTED (an operation that ONNX lacks; named), IO, MEMORY, DEVICE. */
OCELLI_API int ocelli_onnx_save(const struct ocelli_graph *g, const struct ocelli_weights *w,
                                const char *path, const char *batch_name);

#ifdef __cplusplus
}
#endif
#endif
