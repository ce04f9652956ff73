#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"

#define TMP_END ".tmp"
#define TMP_TRIES 100

static int io_fail(const char *path, const char *what)
{
    return fail(OCELLI_ERR_IO, "%s: %s: %s", path, what, strerror(errno));
}

/* The size that fstat tells is only where to begin: a file may grow, or be no plain file. */
int file_read(const char *path, size_t limit, char **out, size_t *bytes)
{
    int err = 0;
    char *buf = NULL;
    size_t len = 0, cap;
    struct stat st;
    *out = NULL;
    *bytes = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return io_fail(path, "cannot open");
    if (fstat(fd, &st) != 0) {
        err = io_fail(path, "cannot read");
        goto out;
    }
    cap = st.st_size > 0 ? MIN((size_t)st.st_size, limit) : 4096;
    cap += 2; /* the zero byte, and one to see the end of the file without growing */
    for (;;) {
        char *p = len + 1 < cap && buf ? buf : realloc(buf, buf ? cap *= 2 : cap);
        if (!p) {
            err = fail_memory();
            goto out;
        }
        buf = p;
        mem_large(buf + len, cap - len);
        ssize_t n = read(fd, buf + len, cap - len - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err = io_fail(path, "cannot read");
            goto out;
        }
        len += (size_t)n;
        if (len > limit) {
            err = fail(OCELLI_ERR_FORMAT, "%s: larger than the limit of %zu bytes", path, limit);
            goto out;
        }
        if (n == 0)
            break;
    }
    buf[len] = 0;
    *out = buf;
    *bytes = len;
    buf = NULL;
out:
    free(buf);
    close(fd);
    return err;
}

size_t file_memory(size_t bytes)
{
    const size_t extra = (size_t)64 << 20;

    return bytes > (SIZE_MAX - extra) / 4 ? SIZE_MAX : 4 * bytes + extra;
}

/* Directory and last component of a path; *dir is the caller's to free. */
static const char *split(const char *path, char **dir)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        *dir = strdup(".");
    else
        *dir = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    return slash ? slash + 1 : path;
}

/* Removes temporary files of this target whose writer was killed: a living writer holds a lock. */
static void sweep(const char *dir, const char *base)
{
    size_t len = strlen(base);
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        if (e->d_name[0] != '.' || n != len + 2 + 16 + strlen(TMP_END) ||
            strncmp(e->d_name + 1, base, len) != 0 || e->d_name[1 + len] != '.' ||
            strcmp(e->d_name + n - strlen(TMP_END), TMP_END) != 0)
            continue;
        int fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            unlinkat(dirfd(d), e->d_name, 0);
        close(fd);
    }
    closedir(d);
}

/* A name nobody else has: process, time and try, mixed. */
static uint64_t unique(int i)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return random_at((uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec, (uint64_t)getpid(),
                     (uint64_t)i);
}

int file_create(struct file_writer *w, const char *path, int mode)
{
    int err = 0;
    char *dir = NULL;
    *w = (struct file_writer){.fd = -1};
    const char *base = split(path, &dir);
    w->path = strdup(path);
    if (!dir || !w->path) {
        err = fail_memory();
        goto out;
    }
    sweep(dir, base);
    for (int i = 0; w->fd < 0; i++) {
        struct stat st;
        free(w->tmp);
        unsigned long long id = unique(i);
        if (asprintf(&w->tmp, "%s/.%s.%016llx" TMP_END, dir, base, id) < 0) {
            w->tmp = NULL;
            err = fail_memory();
            goto out;
        }
        w->fd = open(w->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (w->fd < 0 && (errno != EEXIST || i >= TMP_TRIES)) {
            err = io_fail(path, "cannot create");
            free(w->tmp);
            w->tmp = NULL;
            goto out;
        }
        /* Swept between open and lock? Then once more. No lock at all (some network file systems)
         * is fine: it only guards against the sweep. */
        if (w->fd >= 0 && flock(w->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
            close(w->fd);
            w->fd = -1;
        } else if (w->fd >= 0 && fstat(w->fd, &st) == 0 && st.st_nlink == 0) {
            close(w->fd);
            w->fd = -1;
        }
    }
out:
    free(dir);
    if (err)
        file_discard(w);
    return err;
}

int file_write(struct file_writer *w, const void *data, size_t bytes)
{
    const char *p = data;
    while (bytes > 0) {
        ssize_t n = write(w->fd, p, MIN(bytes, (size_t)1 << 30));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (n == 0)
                errno = ENOSPC;
            return io_fail(w->path, "cannot write");
        }
        p += n;
        bytes -= (size_t)n;
    }
    return 0;
}

/* Makes a rename last through a crash. File systems that cannot sync a directory say EINVAL. */
static int sync_dir(const char *path)
{
    char *dir;
    int err = 0;
    split(path, &dir);
    if (!dir)
        return fail_memory();
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        err = io_fail(path, "cannot sync its folder");
    if (fd >= 0)
        close(fd);
    free(dir);
    return err;
}

int file_commit(struct file_writer *w)
{
    int err = 0;
    if (fsync(w->fd) != 0 && errno != EINVAL && errno != ENOTSUP) {
        err = io_fail(w->path, "cannot write");
        goto out;
    }
    /* Renamed while still locked, so that no sweep comes between. */
    if (rename(w->tmp, w->path) != 0) {
        err = io_fail(w->path, "cannot replace");
        goto out;
    }
    free(w->tmp);
    w->tmp = NULL;
    TRY(sync_dir(w->path));
out:
    file_discard(w);
    return err;
}

void file_discard(struct file_writer *w)
{
    if (!w->path) /* {0}, or given up already: fd means nothing */
        return;
    if (w->tmp)
        unlink(w->tmp);
    if (w->fd >= 0)
        close(w->fd);
    free(w->tmp);
    free(w->path);
    *w = (struct file_writer){.fd = -1};
}

int file_replace(const char *path, const void *data, size_t bytes, int mode)
{
    int err;
    struct file_writer w;
    TRY(file_create(&w, path, mode));
    err = file_write(&w, data, bytes);
    if (err)
        file_discard(&w);
    else
        err = file_commit(&w);
out:
    return err;
}

int dir_create(const char *path, int mode)
{
    int err = 0;
    struct stat st;
    char *s = strdup(path);
    if (!s)
        return fail_memory();
    for (char *c = s; *c;) {
        c += strspn(c, "/");
        c += strcspn(c, "/");
        char end = *c;
        *c = 0;
        if (mkdir(s, mode) != 0) {
            int why = errno;
            bool there = stat(s, &st) == 0;
            if (!there || !S_ISDIR(st.st_mode)) {
                errno = there ? ENOTDIR : why;
                err = io_fail(s, "cannot create the folder");
                break;
            }
        }
        *c = end;
    }
    free(s);
    return err;
}
