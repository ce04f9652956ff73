/* What the fuzz targets share. Each target is one file with libFuzzer's entry; it runs under
 * libFuzzer (-Dfuzz=true, clang) or under replay.c, which needs any compiler. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Around the reading of one input: what it may cost. Memory: 4 times the input and 64 MiB; time: a
 * second for each MiB and one to begin with (sanitizers are slow). Aborts when it is more. The
 * memory is counted by the sanitizers' hooks; without AddressSanitizer only the time is. */
void fuzz_begin(size_t size);
void fuzz_end(void);

/* The input as a file: for readers that take a path. A file in memory, one for all inputs. */
const char *fuzz_file(const uint8_t *data, size_t size);
/* A path that may be written to, in memory where the system has such a folder. */
const char *fuzz_scratch(void);

/* Aborts with words: the reader broke a promise. */
#define FUZZ_CHECK(condition)                          \
    do {                                               \
        if (!(condition))                              \
            fuzz_fail(__FILE__, __LINE__, #condition); \
    } while (0)
_Noreturn void fuzz_fail(const char *file, int line, const char *what);

/* Reads every byte, so that AddressSanitizer sees one that is not there. */
void fuzz_touch(const void *data, size_t bytes);

#endif
