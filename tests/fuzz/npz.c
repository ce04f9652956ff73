/* .npz: archives of .npy files. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "formats/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(data, size);
    struct ocelli_array *a;
    int n;

    fuzz_begin(size);
    int err = ocelli_npz_read(&a, &n, path, 0);
    fuzz_end();
    FUZZ_CHECK(err ? !a && n == 0 : a && n > 0);
    for (int i = 0; i < n; i++) {
        size_t each = ocelli_dtype_size(a[i].dtype), count;
        FUZZ_CHECK(shape_elements(&a[i].shape, &count));
        fuzz_touch(a[i].data, count * each);
        fuzz_touch(a[i].name, strlen(a[i].name));
        ocelli_array_free(&a[i]);
    }
    free(a);
    return 0;
}
