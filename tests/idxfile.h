/* Small datasets as IDX files, made for a test. */
#ifndef TESTS_IDXFILE_H
#define TESTS_IDXFILE_H

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"

/* The bytes of an IDX file of unsigned bytes: header and content(i) for each element; caller frees.
 */
static inline uint8_t *idx_bytes(int rank, const int *dim, uint8_t (*content)(size_t i),
                                 size_t *bytes)
{
    size_t n = 1, at = 4;
    for (int i = 0; i < rank; i++)
        n *= (size_t)dim[i];
    uint8_t *b = malloc(4 + 4 * (size_t)rank + n);
    ck_assert_ptr_nonnull(b);
    memcpy(b, (uint8_t[]){0, 0, 8, (uint8_t)rank}, 4);
    for (int i = 0; i < rank; i++)
        for (int shift = 24; shift >= 0; shift -= 8)
            b[at++] = (uint8_t)(dim[i] >> shift);
    for (size_t i = 0; i < n; i++)
        b[at + i] = content(i);
    *bytes = at + n;
    return b;
}

static inline void put_file(const char *path, const void *data, size_t bytes)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, bytes, f), bytes);
    ck_assert_int_eq(fclose(f), 0);
}

static inline void put_gzip(const char *path, const void *data, size_t bytes)
{
    gzFile f = gzopen(path, "wb9");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(gzwrite(f, data, (unsigned)bytes), (int)bytes);
    ck_assert_int_eq(gzclose(f), Z_OK);
}

/* dir/<split>-images-idx3-ubyte[.gz] and its labels. */
static inline void put_dataset(const char *dir, const char *split, int n, int h, int w, bool gzip,
                               uint8_t (*pixel)(size_t i), uint8_t (*label)(size_t i))
{
    const char *const kinds[] = {"images-idx3", "labels-idx1"};
    for (int k = 0; k < 2; k++) {
        char path[256];
        size_t bytes;
        uint8_t *b = idx_bytes(k ? 1 : 3, (int[]){n, h, w}, k ? label : pixel, &bytes);
        snprintf(path, sizeof(path), "%s/%s-%s-ubyte%s", dir, split, kinds[k], gzip ? ".gz" : "");
        if (gzip)
            put_gzip(path, b, bytes);
        else
            put_file(path, b, bytes);
        free(b);
    }
}

#endif
