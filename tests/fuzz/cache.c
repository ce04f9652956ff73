/* The kernel cache's entries: the input as an entry, and as a program that is kept and damaged. */
#include "device/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "fuzz.h"

#define KEY "00112233445566778899aabbccddeeff"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char dir[96], path[160];
    struct cache c = {.dir = dir};
    unsigned char *out;
    char *entry;
    size_t bytes, whole;

    if (!dir[0]) {
        snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(fuzz_scratch(), '/') - fuzz_scratch()),
                 fuzz_scratch());
        snprintf(path, sizeof(path), "%s/" KEY ".bin", dir);
    }
    FUZZ_CHECK(file_replace(path, data, size, 0600) == 0);
    fuzz_begin(size);
    bool found = cache_get(&c, KEY, &out, &bytes);
    fuzz_end();
    if (found)
        fuzz_touch(out, bytes);
    free(out);

    FUZZ_CHECK(cache_put(&c, KEY, data, size) == 0);
    FUZZ_CHECK(cache_get(&c, KEY, &out, &bytes));
    FUZZ_CHECK(bytes == size && (size == 0 || memcmp(out, data, size) == 0));
    free(out);
    FUZZ_CHECK(file_read(path, SIZE_MAX / 2, &entry, &whole) == 0);
    entry[(size ? data[0] * (size_t)7919 + size : 0) % whole] ^= 1;
    FUZZ_CHECK(file_replace(path, entry, whole, 0600) == 0);
    FUZZ_CHECK(!cache_get(&c, KEY, &out, &bytes));
    free(entry);
    unlink(path);
    return 0;
}
