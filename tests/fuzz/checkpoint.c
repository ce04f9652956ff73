/* Checkpoints: as they are, and behind their checksum. Of the input's lines "key=value" a file is
 * made that is whole; what it says is the fuzzer's. */
#include "train/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define MAX_PAIRS 64

/* The lines, cut in place. */
static int split(char *text, struct st_pair *pair)
{
    int n = 0;

    for (char *save, *s = strtok_r(text, "\n", &save); s && n < MAX_PAIRS;
         s = strtok_r(NULL, "\n", &save)) {
        char *eq = strchr(s, '=');
        if (eq) {
            *eq = 0;
            pair[n++] = (struct st_pair){s, eq + 1};
        }
    }
    return n;
}

static void read_back(const char *path, size_t size)
{
    struct safetensors *st;
    struct position at = {0};
    int64_t number;

    fuzz_begin(size);
    if (checkpoint_open(&st, path) == 0) {
        (void)checkpoint_position(st, path, &at);
        (void)checkpoint_number(st, path, "number", -5, 1000, &number);
        history_free(&at.history);
    }
    fuzz_end();
    safetensors_close(&st);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct st_pair pair[MAX_PAIRS];
    char *text = malloc(size + 1);

    FUZZ_CHECK(text != NULL);
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    read_back(fuzz_file(data, size), size);
    const char *path = fuzz_scratch();
    if (safetensors_write(path, NULL, 0, pair, split(text, pair)) == 0)
        read_back(path, size);
    free(text);
    return 0;
}
