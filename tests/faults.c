#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static enum fault_kind kind;
static long left; /* calls until one fails */
static bool forever, fired;
static atomic_size_t live, peak, base;

void faults_begin(enum fault_kind k, long at, bool always)
{
    kind = k;
    left = at;
    forever = always;
    fired = false;
}

bool faults_end(void)
{
    kind = FAULT_NONE;
    return fired;
}

static bool strikes(enum fault_kind k)
{
    if (kind != k || (left > 0 && --left > 0))
        return false;
    if (fired && !forever)
        return false;
    fired = true;
    return true;
}

size_t memory_live(void)
{
    return live;
}

void memory_mark(void)
{
    base = (size_t)live;
    peak = (size_t)live;
}

size_t memory_peak(void)
{
    return peak - base;
}

#if defined(__SANITIZE_ADDRESS__) || !defined(HAVE_LIBC_MALLOC)

bool faults_there(void)
{
    return false;
}

#else

bool faults_there(void)
{
    return true;
}

/* ---- Memory: glibc's own functions behind ours ---- */

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *p, size_t bytes);
void __libc_free(void *p);

static void *count(void *p)
{
    if (p) {
        size_t now = atomic_fetch_add(&live, malloc_usable_size(p)) + malloc_usable_size(p);
        if (now > peak) /* one thread measures */
            peak = now;
    }
    return p;
}

/* `from`: where it was called. */
static bool no_memory(const void *from)
{
    extern char __executable_start, etext;
    bool own = (const char *)from >= &__executable_start && (const char *)from < &etext;
    bool s = strikes(FAULT_MEMORY) || (own && strikes(FAULT_OWN_MEMORY));

    if (s)
        errno = ENOMEM;
    return s;
}

void *malloc(size_t bytes)
{
    return no_memory(__builtin_return_address(0)) ? NULL : count(__libc_malloc(bytes));
}

void *calloc(size_t n, size_t bytes)
{
    return no_memory(__builtin_return_address(0)) ? NULL : count(__libc_calloc(n, bytes));
}

void *realloc(void *old, size_t bytes)
{
    size_t had = old ? malloc_usable_size(old) : 0;
    void *p;

    if (no_memory(__builtin_return_address(0)))
        return NULL;
    p = __libc_realloc(old, bytes);
    if (p || bytes == 0)
        live -= had;
    return count(p);
}

void free(void *p)
{
    if (p)
        live -= malloc_usable_size(p);
    __libc_free(p);
}

/* ---- System calls ---- */

static bool call_fails(void)
{
    bool s = strikes(FAULT_CALL);

    if (s)
        errno = EIO;
    return s;
}

static bool disk_full(void)
{
    bool s = strikes(FAULT_DISK);

    if (s)
        errno = ENOSPC;
    return s;
}

int openat(int dir, const char *path, int flags, ...)
{
    va_list ap;

    va_start(ap, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, int) : 0;
    va_end(ap);
    if (call_fails() || ((flags & O_CREAT) && disk_full()))
        return -1;
    return (int)syscall(SYS_openat, dir, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list ap;

    va_start(ap, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, int) : 0;
    va_end(ap);
    return openat(AT_FDCWD, path, flags, mode);
}

ssize_t read(int fd, void *data, size_t bytes)
{
    return call_fails() ? -1 : syscall(SYS_read, fd, data, bytes);
}

ssize_t pread(int fd, void *data, size_t bytes, off_t at)
{
    return call_fails() ? -1 : syscall(SYS_pread64, fd, data, bytes, at);
}

ssize_t write(int fd, const void *data, size_t bytes)
{
    if (call_fails() || disk_full())
        return -1;
    return syscall(SYS_write, fd, data, strikes(FAULT_SHORT_WRITE) && bytes > 1 ? 1 : bytes);
}

int fsync(int fd)
{
    return call_fails() || disk_full() ? -1 : (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
    return call_fails() ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int mkdir(const char *path, mode_t mode)
{
    return call_fails() ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int fstat(int fd, struct stat *st)
{
    return call_fails() ? -1 : fstatat(fd, "", st, AT_EMPTY_PATH);
}

#endif
