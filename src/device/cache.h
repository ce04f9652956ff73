/* Compiled programs on disk. Whatever is wrong with it, the answer is "not there": nothing here can
 * make a run fail. */
#ifndef DEVICE_CACHE_H
#define DEVICE_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CACHE_LIMIT ((uint64_t)256 << 20) /* bytes on disk, unless $OCELLI_CACHE_SIZE says others \
                                           */

struct cache {
    char *dir;          /* NULL: no cache */
    uint64_t limit;     /* bytes on disk; 0: none */
    atomic_bool failed; /* a write failed: do not try again */
};

/* $OCELLI_CACHE_DIR, else $XDG_CACHE_HOME/ocelli, else ~/.cache/ocelli; made with mode 0700. Off
 * when OCELLI_CACHE is 0, and with a warning when the folder is not ours alone to write. The limit
 * is $OCELLI_CACHE_SIZE: bytes, or with K, M, G so many binary multiples. */
void cache_open(struct cache *c, const struct log *log);
void cache_close(struct cache *c);

/* What is kept under a key of 32 hexadecimal digits; free() it. False: nothing, or nothing whole.
 * Thread-safety: safe, like cache_put(). */
bool cache_get(const struct cache *c, const char *key, unsigned char **data, size_t *bytes);
/* There is something under the key, whole or not. */
bool cache_has(const struct cache *c, const char *key);
/* Fails with words, for a warning: IO, MEMORY. After a failure, does nothing. Now and then trims.
 */
int cache_put(struct cache *c, const char *key, const void *data, size_t bytes);
/* Removes what was not used for longest until no more than `limit` bytes are left: entries, and
 * what killed writers left. Several processes may do this at once; who misses an entry compiles. */
void cache_trim(const struct cache *c, uint64_t limit);

#endif
