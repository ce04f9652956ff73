/* Runs a target without libFuzzer: every file of the folders given as it is, cut at every length,
 * and with each byte changed in three ways. Nothing must crash, hang, leak or cost too much. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

#define MAX_MUTATED 6144 /* bytes; larger files are run as they are */
#define HANG 60          /* seconds for one input */

static char current[512];
static long runs;

/* Asked for by the sanitizers: their findings come to on_signal(). */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "abort_on_error=1";
}
const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
    return "abort_on_error=1:print_stacktrace=1";
}

static void on_signal(int sig)
{
    static const char words[] = "replay: hang or abort, input was ";

    if (write(STDERR_FILENO, words, sizeof(words) - 1) < 0 ||
        write(STDERR_FILENO, current, strlen(current)) < 0 || write(STDERR_FILENO, "\n", 1) < 0)
        _exit(3);
    signal(sig, SIG_DFL);
    raise(sig);
}

/* A copy of exactly that size, so that AddressSanitizer sees a byte too far. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    FUZZ_CHECK(copy != NULL);
    memcpy(copy, data, size);
    alarm(HANG);
    LLVMFuzzerTestOneInput(copy, size);
    alarm(0);
    free(copy);
    runs++;
}

static void mutate(const char *path, uint8_t *data, size_t size)
{
    static const uint8_t flips[] = {0x01, 0x80, 0xff};

    for (size_t n = 0; n < size; n++) {
        snprintf(current, sizeof(current), "%.400s cut to %zu bytes", path, n);
        run(data, n);
    }
    for (size_t i = 0; i < size; i++)
        for (size_t k = 0; k < sizeof(flips); k++) {
            snprintf(current, sizeof(current), "%.400s, byte %zu ^ %02x", path, i, flips[k]);
            data[i] ^= flips[k];
            run(data, size);
            data[i] ^= flips[k];
        }
}

static void run_file(const char *path)
{
    static uint8_t data[4 << 20];
    FILE *f = fopen(path, "rb");

    FUZZ_CHECK(f != NULL);
    size_t size = fread(data, 1, sizeof(data), f);
    FUZZ_CHECK(!ferror(f) && size < sizeof(data));
    fclose(f);
    snprintf(current, sizeof(current), "%.400s", path);
    run(data, size);
    if (size <= MAX_MUTATED)
        mutate(path, data, size);
}

static void run_folder(const char *path)
{
    struct dirent **entry;
    int n = scandir(path, &entry, NULL, alphasort);

    FUZZ_CHECK(n > 0);
    for (int i = 0; i < n; i++) {
        char full[1024];
        snprintf(full, sizeof(full), "%s/%s", path, entry[i]->d_name);
        if (entry[i]->d_name[0] != '.')
            run_file(full);
        free(entry[i]);
    }
    free(entry);
}

int main(int argc, char **argv)
{
    signal(SIGALRM, on_signal);
    signal(SIGABRT, on_signal);
    for (int i = 1; i < argc; i++)
        run_folder(argv[i]);
    printf("%ld inputs\n", runs);
    return runs == 0;
}
