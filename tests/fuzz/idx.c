/* IDX, plain or by gzip. */
#include "data/idx.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(data, size);

    for (int rank = 1; rank <= 3; rank += 2) {
        struct idx x;
        fuzz_begin(size);
        int err = idx_read(&x, path, rank);
        fuzz_end();
        if (!err)
            fuzz_touch(x.data, x.bytes);
        idx_free(&x);
    }
    return 0;
}
