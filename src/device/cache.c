#include "device/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"

#define ENTRY_LIMIT ((size_t)256 << 20)
#define ENTRY_END ".bin"
#define KEY_LEN 32

/* An entry is this and the binary. It is read by the machine that wrote it: fields as they lie. */
struct head {
    char magic[8];
    char key[KEY_LEN];
    uint64_t format; /* of the entry */
    uint64_t bytes;  /* of the binary */
    uint64_t check;  /* of all before it and of the binary */
};
static const char magic[8] = {'O', 'C', 'E', 'L', 'L', 'I', 'P', 'B'};
enum { FORMAT = 1 };

static uint64_t checksum(const struct head *h, const void *data, size_t bytes)
{
    return hash64(data, bytes, hash64(h, offsetof(struct head, check), 0));
}

/* ---- The folder ---- */

static char *join(const char *dir, const char *a, const char *b)
{
    char *s;
    return asprintf(&s, "%s/%s%s", dir, a, b) < 0 ? NULL : s;
}

/* NULL: none, or no memory. The variables count for nothing in a program with raised rights. */
static char *choose_dir(void)
{
    const char *off = secure_getenv("OCELLI_CACHE");
    const char *own = secure_getenv("OCELLI_CACHE_DIR");
    const char *xdg = secure_getenv("XDG_CACHE_HOME");
    const char *home = secure_getenv("HOME");
    if (off && strcmp(off, "0") == 0)
        return NULL;
    if (own && *own)
        return strdup(own);
    if (xdg && *xdg == '/')
        return join(xdg, "ocelli", "");
    return home && *home == '/' ? join(home, ".cache/ocelli", "") : NULL;
}

/* NULL, or what is wrong: whoever can write there could have us run his code. */
static const char *distrust(const char *dir)
{
    struct stat st;
    const char *why = NULL;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        why = strerror(errno);
    else if (st.st_uid != geteuid())
        why = "it belongs to somebody else";
    else if (st.st_mode & (S_IWGRP | S_IWOTH))
        why = "others may write to it";
    if (fd >= 0)
        close(fd);
    return why;
}

void cache_open(struct cache *c, const struct log *log)
{
    *c = (struct cache){.dir = choose_dir()};
    if (!c->dir)
        return;
    const char *why = dir_create(c->dir, 0700) != 0 ? ocelli_error() : distrust(c->dir);
    if (why) {
        log_to(log, OCELLI_LOG_WARNING, "device/cache: %s is not used: %s", c->dir, why);
        cache_close(c);
    }
}

void cache_close(struct cache *c)
{
    free(c->dir);
    c->dir = NULL;
}

/* ---- Entries ---- */

/* A plain file, ours alone to write. */
static bool trusted(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
           !(st.st_mode & (S_IWGRP | S_IWOTH));
}

bool cache_get(const struct cache *c, const char *key, unsigned char **data, size_t *bytes)
{
    struct head h;
    char *file = NULL;
    size_t len = 0;
    bool ok = false;
    *data = NULL;
    *bytes = 0;
    char *path = c->dir ? join(c->dir, key, ENTRY_END) : NULL;
    if (!path || !trusted(path) || file_read(path, ENTRY_LIMIT, &file, &len) != 0 ||
        len < sizeof(h))
        goto out;
    memcpy(&h, file, sizeof(h));
    len -= sizeof(h);
    if (memcmp(h.magic, magic, sizeof(magic)) != 0 || h.format != FORMAT ||
        memcmp(h.key, key, KEY_LEN) != 0 || h.bytes != len ||
        h.check != checksum(&h, file + sizeof(h), len))
        goto out;
    memmove(file, file + sizeof(h), len);
    utimensat(AT_FDCWD, path, NULL, 0); /* last used; cache_trim() goes by it */
    *data = (unsigned char *)file;
    *bytes = len;
    file = NULL;
    ok = true;
out:
    free(file);
    free(path);
    return ok;
}

int cache_put(struct cache *c, const char *key, const void *data, size_t bytes)
{
    int err = 0;
    struct file_writer w = {.fd = -1};
    if (!c->dir || atomic_load(&c->failed) || bytes > ENTRY_LIMIT - sizeof(struct head))
        return 0;
    char *path = join(c->dir, key, ENTRY_END);
    if (!path)
        return fail_memory();
    struct head h = {.format = FORMAT, .bytes = bytes};
    memcpy(h.magic, magic, sizeof(magic));
    memcpy(h.key, key, KEY_LEN);
    h.check = checksum(&h, data, bytes);
    TRY(file_create(&w, path, 0600));
    TRY(file_write(&w, &h, sizeof(h)));
    TRY(file_write(&w, data, bytes));
    TRY(file_commit(&w));
out:
    file_discard(&w);
    free(path);
    if (err)
        atomic_store(&c->failed, true);
    return err;
}

/* ---- Keeping it small ---- */

struct entry {
    char name[KEY_LEN + sizeof(ENTRY_END)];
    time_t used;
    uint64_t bytes;
};

static int by_use(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return (x->used > y->used) - (x->used < y->used);
}

/* Left by a writer that was killed: hidden, named after an entry, and a day old. */
static bool is_stale(const char *name, const struct stat *st)
{
    return name[0] == '.' && strstr(name, ENTRY_END ".") &&
           time(NULL) - st->st_mtime > 24 * 60 * 60;
}

void cache_trim(const struct cache *c, uint64_t limit)
{
    struct entry *list = NULL;
    int n = 0, cap = 0;
    uint64_t total = 0;
    DIR *d = c->dir ? opendir(c->dir) : NULL;
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        size_t len = strlen(e->d_name);
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
            continue;
        if (is_stale(e->d_name, &st))
            unlinkat(dirfd(d), e->d_name, 0);
        if (len != sizeof(list->name) - 1 || strcmp(e->d_name + KEY_LEN, ENTRY_END) != 0)
            continue;
        if (grow(&list, &cap, n + 1, sizeof(*list)) != 0)
            break;
        memcpy(list[n].name, e->d_name, len + 1);
        list[n].used = st.st_mtime;
        list[n++].bytes = (uint64_t)st.st_size;
        total += (uint64_t)st.st_size;
    }
    if (n > 0)
        qsort(list, (size_t)n, sizeof(*list), by_use);
    for (int i = 0; i < n && total > limit; i++) {
        unlinkat(dirfd(d), list[i].name, 0);
        total -= list[i].bytes;
    }
    closedir(d);
    free(list);
}
