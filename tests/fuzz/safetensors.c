/* safetensors: what is accepted lies within the file. */
#include "formats/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct safetensors *st;
    char *copy = malloc(size + 1);

    FUZZ_CHECK(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    fuzz_begin(size);
    int err = safetensors_parse(&st, "input", copy, size);
    fuzz_end();
    FUZZ_CHECK((err != 0) == (st == NULL));
    for (int i = 0; st && i < st->n; i++) {
        const struct st_tensor *t = &st->tensor[i];
        const char *first = t->data;
        FUZZ_CHECK(first >= st->file && first + desc_bytes(&t->desc) <= st->file + st->bytes);
        FUZZ_CHECK(safetensors_find(st, t->name) == t);
    }
    for (int i = 0; st && i < st->n_meta; i++)
        FUZZ_CHECK(safetensors_meta(st, st->meta[i].key) == st->meta[i].value);
    safetensors_close(&st);
    return 0;
}
