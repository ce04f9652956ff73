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
#define TRIM_SHARE 16
#define USED_SECONDS 3600   /* how exactly an entry's last use is known */
#define STALE_SECONDS 86400 /* no writer takes that long */

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

/* What is no size counts as none given, with a warning. */
static uint64_t choose_limit(const struct log *log)
{
    static const char units[] = "KMG";
    const char *s = secure_getenv("OCELLI_CACHE_SIZE");
    char *end;
    if (!s || !*s)
        return CACHE_LIMIT;
    double x = strtod(s, &end);
    const char *unit = *end ? strchr(units, *end) : NULL;
    const bool no_number = end == s || (*end && (!unit || end[1]));
    for (int i = 0; unit && i <= unit - units; i++)
        x *= 1024;
    if (no_number || !(x >= 0 && x < 1e18)) {
        log_to(log, OCELLI_LOG_WARNING, "device/cache: OCELLI_CACHE_SIZE=%s: not a size as in 500M",
               s);
        return CACHE_LIMIT;
    }
    return x > 0 && x < 1 ? 1 : (uint64_t)x;
}

void cache_open(struct cache *c, const struct log *log)
{
    *c = (struct cache){.dir = choose_dir()};
    if (!c->dir)
        return;
    c->limit = choose_limit(log);
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
static bool trusted(const char *path, struct stat *st)
{
    return lstat(path, st) == 0 && S_ISREG(st->st_mode) && st->st_uid == geteuid() &&
           !(st->st_mode & (S_IWGRP | S_IWOTH));
}

bool cache_get(const struct cache *c, const char *key, unsigned char **data, size_t *bytes)
{
    struct head h;
    struct stat st;
    char *file = NULL;
    size_t len = 0;
    bool ok = false;
    *data = NULL;
    *bytes = 0;
    char *path = c->dir ? join(c->dir, key, ENTRY_END) : NULL;
    if (!path || !trusted(path, &st) || file_read(path, ENTRY_LIMIT, &file, &len) != 0 ||
        len < sizeof(h))
        goto out;
    memcpy(&h, file, sizeof(h));
    len -= sizeof(h);
    if (memcmp(h.magic, magic, sizeof(magic)) != 0 || h.format != FORMAT ||
        memcmp(h.key, key, KEY_LEN) != 0 || h.bytes != len ||
        h.check != checksum(&h, file + sizeof(h), len))
        goto out;
    memmove(file, file + sizeof(h), len);
    if (time(NULL) - st.st_mtime > USED_SECONDS)
        utimensat(AT_FDCWD, path, NULL, 0); /* cache_trim() goes by it */
    *data = (unsigned char *)file;
    *bytes = len;
    file = NULL;
    ok = true;
out:
    free(file);
    free(path);
    return ok;
}

bool cache_has(const struct cache *c, const char *key)
{
    struct stat st;
    char *path = c->dir ? join(c->dir, key, ENTRY_END) : NULL;
    bool has = path && trusted(path, &st);
    free(path);
    return has;
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

/* The folder may hold other things: only names that cache_put() makes. */
static bool is_entry(const char *name)
{
    return strspn(name, "0123456789abcdef") == KEY_LEN && strcmp(name + KEY_LEN, ENTRY_END) == 0;
}

/* Left by a writer that was killed. */
static bool is_stale(const char *name, const struct stat *st)
{
    return name[0] == '.' && strspn(name + 1, "0123456789abcdef") == KEY_LEN &&
           strncmp(name + 1 + KEY_LEN, ENTRY_END ".", sizeof(ENTRY_END)) == 0 &&
           time(NULL) - st->st_mtime > STALE_SECONDS;
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
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
            continue;
        if (is_stale(e->d_name, &st))
            unlinkat(dirfd(d), e->d_name, 0);
        if (!is_entry(e->d_name))
            continue;
        if (grow(&list, &cap, n + 1, sizeof(*list)) != 0)
            break;
        memcpy(list[n].name, e->d_name, sizeof(list[n].name));
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

/* Reading the whole folder is dear, so not every writer does. Keys are hashes: taken as a random
 * number, they choose one write in so many that, whoever writes, a TRIM_SHARE of the limit is
 * written between two trims on average. What they choose is the same in each process and each
 * test. */
static bool trim_is_due(const struct cache *c, const char *key, size_t bytes)
{
    unsigned at = 0;
    if (!c->limit || sscanf(key, "%8x", &at) != 1)
        return false;
    return (double)at / 4294967296.0 < (double)bytes * TRIM_SHARE / (double)c->limit;
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
    if (trim_is_due(c, key, sizeof(h) + bytes))
        cache_trim(c, c->limit - c->limit / TRIM_SHARE);
out:
    file_discard(&w);
    free(path);
    if (err)
        atomic_store(&c->failed, true);
    return err;
}
