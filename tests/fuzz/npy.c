/* .npy: what can be read, written and read again is the same. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "formats/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ocelli_array a, b;
    void *file = NULL;
    size_t bytes, count;

    fuzz_begin(size);
    int err = npy_parse(&a, "input", data, size);
    fuzz_end();
    if (!err) {
        size_t each = ocelli_dtype_size(a.dtype);
        FUZZ_CHECK(shape_elements(&a.shape, &count));
        FUZZ_CHECK(npy_print(&a, &file, &bytes) == 0);
        FUZZ_CHECK(npy_parse(&b, "again", file, bytes) == 0);
        FUZZ_CHECK(a.dtype == b.dtype && shape_equal(&a.shape, &b.shape));
        FUZZ_CHECK(memcmp(a.data, b.data, count * each) == 0);
        ocelli_array_free(&b);
        free(file);
    }
    ocelli_array_free(&a);
    return 0;
}
