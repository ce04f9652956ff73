/* IDX: the format of the MNIST family. Two zero bytes, a type (8: unsigned byte, the only one read
 * here), the rank, the extents as big-endian 32-bit numbers, the elements. */
#ifndef DATA_IDX_H
#define DATA_IDX_H

#include <stddef.h>
#include <stdint.h>

#define IDX_MAX_RANK 4
/* More than a dataset of this family has by far; what a hostile file can make us allocate. */
#define IDX_MAX_BYTES ((size_t)1 << 31)

struct idx {
    int rank;
    int64_t dim[IDX_MAX_RANK];
    uint8_t *data;
    size_t bytes;
};

/* Reads a file, plain or compressed with gzip, that must have that rank. Memory grows with what is
 * read, never ahead by what the file claims, and to file_memory() at most.
 * Fails: IO, MEMORY, FORMAT (the message names the file, what is wrong and where). */
int idx_read(struct idx *out, const char *path, int rank);
void idx_free(struct idx *x);

#endif
