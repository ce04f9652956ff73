/* Files: whole reads, atomic writes. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* The whole file, with a zero byte behind it that *bytes does not count; the caller frees *out.
 * Fails: IO, MEMORY, FORMAT (larger than `limit`). */
int file_read(const char *path, size_t limit, char **out, size_t *bytes);

/* What reading a file may take in memory unless its caller says otherwise, the file's own bytes
 * included: 4 times its size and 64 MiB. Whatever it claims, a small file is a small matter. */
size_t file_memory(size_t bytes);

/* A file that appears complete or not at all: written beside `path` under a temporary name, then
 * synced and renamed. Whoever reads `path` sees the old content or the new. */
struct file_writer {
    int fd;
    char *path, *tmp;
};
int file_create(struct file_writer *w, const char *path, int mode);
int file_write(struct file_writer *w, const void *data, size_t bytes);
/* Syncs and renames; on failure removes the temporary file. */
int file_commit(struct file_writer *w);
/* Gives up: removes the temporary file. After commit or discard, does nothing. */
void file_discard(struct file_writer *w);
/* create, write, commit in one. */
int file_replace(const char *path, const void *data, size_t bytes, int mode);

/* mkdir -p. */
int dir_create(const char *path, int mode);

#endif
