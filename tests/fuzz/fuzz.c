#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

_Noreturn void fuzz_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    abort();
}

/* ---- Cost ---- */

/* Of the sanitizers' interface; absent without them. */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *))
    __attribute__((weak));
size_t __sanitizer_get_allocated_size(const volatile void *p) __attribute__((weak));

static size_t now, peak, base, input;
static double started;

static void on_malloc(const volatile void *p, size_t bytes)
{
    (void)p;
    now += bytes;
    peak = now > peak ? now : peak;
}

static void on_free(const volatile void *p)
{
    size_t bytes = p ? __sanitizer_get_allocated_size(p) : 0;

    now -= bytes < now ? bytes : now; /* some were there before the hooks */
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void fuzz_begin(size_t size)
{
    static int hooked;

    if (!hooked && __sanitizer_install_malloc_and_free_hooks)
        __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
    hooked = 1;
    input = size;
    peak = base = now;
    started = seconds();
}

void fuzz_end(void)
{
    double took = seconds() - started;

    if (peak - base > 4 * input + 64 * MIB) {
        fprintf(stderr, "%zu bytes of memory for an input of %zu\n", peak - base, input);
        abort();
    }
    if (took > 1 + (double)input / (double)MIB) {
        fprintf(stderr, "%.2f s for an input of %zu bytes\n", took, input);
        abort();
    }
}

/* ---- Files ---- */

const char *fuzz_file(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    const uint8_t *p = data;

    if (fd < 0) {
        fd = memfd_create("input", MFD_CLOEXEC);
        FUZZ_CHECK(fd >= 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    FUZZ_CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    while (size > 0) {
        ssize_t n = write(fd, p, size);
        FUZZ_CHECK(n > 0);
        p += n;
        size -= (size_t)n;
    }
    return path;
}

static char folder[64], scratch[80];

static void remove_scratch(void)
{
    unlink(scratch);
    rmdir(folder);
}

const char *fuzz_scratch(void)
{
    if (!folder[0]) {
        const char *in = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        snprintf(folder, sizeof(folder), "%s/ocelli-fuzz-XXXXXX", in);
        FUZZ_CHECK(mkdtemp(folder) != NULL);
        snprintf(scratch, sizeof(scratch), "%s/file", folder);
        atexit(remove_scratch);
    }
    return scratch;
}

void fuzz_touch(const void *data, size_t bytes)
{
    static volatile uint8_t sink;
    uint8_t x = 0;

    for (size_t i = 0; i < bytes; i++)
        x ^= ((const uint8_t *)data)[i];
    sink = x;
    (void)sink;
}
