#include "data/idx.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define CHUNK ((size_t)1 << 20)

/* Reads until `bytes` are there or the content ends. */
static int fill(gzFile f, const char *path, uint8_t *buf, size_t bytes, size_t *got)
{
    *got = 0;
    while (*got < bytes) {
        errno = 0;
        int n = gzread(f, buf + *got, (unsigned)MIN(bytes - *got, (size_t)1 << 30));
        if (n < 0) {
            int code;
            const char *words = gzerror(f, &code);
            if (code == Z_ERRNO)
                return fail(OCELLI_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
            if (code == Z_MEM_ERROR)
                return fail_memory();
            if (code == Z_BUF_ERROR)
                return fail(OCELLI_ERR_FORMAT, "%s: truncated: the gzip stream ends too early",
                            path);
            return fail(OCELLI_ERR_FORMAT, "%s: damaged gzip stream: %s", path, words);
        }
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return 0;
}

static int read_header(struct idx *x, gzFile f, const char *path, int rank, size_t limit)
{
    uint8_t h[4 + 4 * IDX_MAX_RANK];
    size_t want = 4 + 4 * (size_t)rank, got;
    int err = fill(f, path, h, want, &got);
    if (err)
        return err;
    if (got >= 4 && (h[0] || h[1] || h[2] != 8 || h[3] != rank))
        return fail(OCELLI_ERR_FORMAT,
                    "%s: not an IDX file of %d-dimensional bytes: begins with "
                    "%02x %02x %02x %02x, not 00 00 08 %02x",
                    path, rank, h[0], h[1], h[2], h[3], rank);
    if (got < want)
        return fail(OCELLI_ERR_FORMAT, "%s: truncated: %zu bytes, the header alone has %zu", path,
                    got, want);
    x->rank = rank;
    x->bytes = 1;
    for (int i = 0; i < rank; i++) {
        const uint8_t *d = h + 4 + 4 * i;
        x->dim[i] = (int64_t)d[0] << 24 | d[1] << 16 | d[2] << 8 | d[3];
        if (x->dim[i] < 1)
            return fail(OCELLI_ERR_FORMAT, "%s: extent %d is 0 (at byte %d)", path, i, 4 + 4 * i);
        if (!mul_size(x->bytes, (size_t)x->dim[i], &x->bytes) || x->bytes > limit)
            return fail(OCELLI_ERR_FORMAT,
                        "%s: claims more than the %zu bytes that a file of its size may take "
                        "(extents from byte 4 on)",
                        path, limit);
    }
    return 0;
}

static int read_data(struct idx *x, gzFile f, const char *path)
{
    size_t len = 0, cap = 0;
    while (len < x->bytes) {
        cap = MIN(MAX(cap * 2, CHUNK), x->bytes);
        uint8_t *p = realloc(x->data, cap);
        if (!p)
            return fail_memory();
        x->data = p;
        size_t got;
        int err = fill(f, path, x->data + len, cap - len, &got);
        if (err)
            return err;
        len += got;
        if (len < cap)
            return fail(OCELLI_ERR_FORMAT,
                        "%s: truncated: %zu bytes of data where the header claims %zu", path, len,
                        x->bytes);
    }
    /* One more byte: there must be none; and only now zlib compares the stream's checksum. */
    uint8_t more;
    size_t got;
    int err = fill(f, path, &more, 1, &got);
    if (err)
        return err;
    if (got)
        return fail(OCELLI_ERR_FORMAT, "%s: more data than the %zu bytes that the header claims",
                    path, x->bytes);
    return 0;
}

/* Takes over fd. */
static int read_all(struct idx *out, int fd, const char *path, int rank, size_t limit)
{
    int err = 0;
    gzFile f = gzdopen(fd, "rb");
    if (!f) {
        close(fd);
        return fail_memory();
    }
    gzbuffer(f, 128 << 10);
    TRY(read_header(out, f, path, rank, limit));
    TRY(read_data(out, f, path));
out:
    if (gzclose_r(f) == Z_BUF_ERROR && !err)
        err = fail(OCELLI_ERR_FORMAT, "%s: truncated: the gzip stream ends too early", path);
    return err;
}

int idx_read(struct idx *out, const char *path, int rank)
{
    struct stat st;
    *out = (struct idx){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return fail(OCELLI_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0) {
        close(fd);
        return fail(OCELLI_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
    }
    size_t limit = S_ISREG(st.st_mode) ? file_memory((size_t)st.st_size) : IDX_MAX_BYTES;
    int err = read_all(out, fd, path, rank, MIN(limit, IDX_MAX_BYTES));
    if (err)
        idx_free(out);
    return err;
}

void idx_free(struct idx *x)
{
    free(x->data);
    *x = (struct idx){0};
}
