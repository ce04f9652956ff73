/* Launches with buffers of their own between canaries, recorded and ready to run: what both judging
 * and the tests of the kernels stand on. */
#ifndef MEASURE_SETUP_H
#define MEASURE_SETUP_H

#include "device/device.h"

/* Tensors that live to the end: oclgrind 21.10 takes what it knew of a released buffer for another
 * one in its place. */
struct kept {
    struct ocelli_tensor **tensor;
    int n, cap;
};
void kept_free(struct kept *k);

struct block {
    struct binding binding;
    struct ocelli_tensor *tensor; /* over the whole buffer, canaries included; NULL: absent */
    size_t total, offset, bytes;  /* content at `offset` */
    uint8_t *initial, *got;       /* `total` bytes */
    bool is_input;
};

/* Blocks in the order inputs, outputs, scratch. */
struct setup {
    struct block *block;
    int n_blocks, n_in, n_out;
    struct launches launches;
    struct cmdlist *list;
    struct kept *kept;
};

struct setup_params {
    struct ocelli_device *dev;
    const char *label;
    const size_t *bytes; /* of inputs, then outputs; 0: an input that is absent */
    int n_in, n_out;
    bool bare;         /* no canaries */
    struct kept *kept; /* NULL: tensors go with the setup */
};
/* Takes the launches, also when it fails; setup_free() in any case. Compiles. */
int setup_init(struct setup *u, const struct setup_params *s, struct launches *l);
void setup_free(struct setup *u);

/* Canaries in their places, and `rest` as every byte between them. */
void setup_fill(const struct setup *u, int rest);
/* To the device, run, and back. inputs_only: what is not an input stays as it is. */
int setup_run(const struct setup *u, bool inputs_only);
/* Canaries whole, and inputs as they were but for those in `updates` (bit k: input k). Else the
 * block that is not and its first such byte, counted from the content's start. */
bool setup_untouched(const struct setup *u, unsigned updates, int *block, int64_t *byte);

/* Element i of a row of that type. */
void element_store(void *to, enum ocelli_dtype type, int64_t i, double v);
double element_load(const void *from, enum ocelli_dtype type, int64_t i);

#endif
