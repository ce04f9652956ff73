/* .pb: a TensorProto alone. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "formats/onnx_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(data, size);
    struct desc d;
    void *content;
    char *name = NULL;

    fuzz_begin(size);
    int err = onnx_tensor_file(path, &d, &content, &name);
    fuzz_end();
    if (!err) {
        fuzz_touch(content, desc_bytes(&d));
        fuzz_touch(name, strlen(name));
    }
    free(content);
    free(name);
    return 0;
}
