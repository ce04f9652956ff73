#include "base/mem.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/err.h"

#define LARGE_PAGE ((size_t)2 << 20)

bool mul_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

bool add_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

void mem_large(void *block, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t from = round_up((uintptr_t)block, LARGE_PAGE);
    const uintptr_t to = ((uintptr_t)block + bytes) / LARGE_PAGE * LARGE_PAGE;
    if (from < to)
        madvise((void *)from, to - from, MADV_HUGEPAGE); /* or not: it only saves time */
#else
    (void)block;
    (void)bytes;
#endif
}

/* New room is zeroed, so that an element whose building failed half way can still be freed. */
int grow(void *items, int *cap, int need, size_t size)
{
    if (need <= *cap)
        return 0;
    int n = MAX(need, *cap > INT_MAX / 2 ? INT_MAX : *cap * 2);
    n = MAX(n, 8);
    size_t bytes;
    void *old, *p;
    memcpy(&old, items, sizeof(old));
    if (!mul_size((size_t)n, size, &bytes) || !(p = realloc(old, bytes)))
        return fail_memory();
    memset((char *)p + (size_t)*cap * size, 0, (size_t)(n - *cap) * size);
    memcpy(items, &p, sizeof(p));
    *cap = n;
    return 0;
}

#define ARENA_BLOCK 4096

struct arena_block {
    struct arena_block *next;
    size_t used, cap;
    max_align_t data[];
};

void *arena_alloc(struct arena *a, size_t bytes)
{
    struct arena_block *b = a->blocks;
    if (bytes > SIZE_MAX / 2) {
        fail_memory();
        return NULL;
    }
    bytes = round_up(MAX(bytes, 1), _Alignof(max_align_t));
    if (!b || b->cap - b->used < bytes) {
        size_t cap = MAX(bytes, ARENA_BLOCK);
        struct arena_block *fresh = calloc(1, sizeof(*fresh) + cap);
        if (!fresh) {
            fail_memory();
            return NULL;
        }
        fresh->cap = cap;
        if (b && bytes > ARENA_BLOCK / 2) { /* behind: the first one keeps its free room */
            fresh->next = b->next;
            b->next = fresh;
        } else {
            fresh->next = b;
            a->blocks = fresh;
        }
        b = fresh;
    }
    void *p = (char *)b->data + b->used;
    b->used += bytes;
    return p;
}

void *arena_copy(struct arena *a, const void *src, size_t bytes)
{
    void *p = arena_alloc(a, bytes);
    if (p && bytes)
        memcpy(p, src, bytes);
    return p;
}

char *arena_str(struct arena *a, const char *s)
{
    return arena_copy(a, s, strlen(s) + 1);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (len < 0) {
        fail(OCELLI_ERR_INVALID, "text cannot be formatted");
        return NULL;
    }
    char *s = arena_alloc(a, (size_t)len + 1);
    if (!s)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(s, (size_t)len + 1, fmt, ap);
    va_end(ap);
    return s;
}

/* Memory that somebody else allocated; the record itself lies in the arena. */
struct arena_guest {
    struct arena_guest *next;
    void *block;
};

int arena_adopt(struct arena *a, void *block)
{
    struct arena_guest *guest = arena_alloc(a, sizeof(*guest));
    if (!guest)
        return OCELLI_ERR_MEMORY;
    *guest = (struct arena_guest){a->guests, block};
    a->guests = guest;
    return 0;
}

void arena_free(struct arena *a)
{
    for (; a->guests; a->guests = a->guests->next)
        free(a->guests->block);
    while (a->blocks) {
        struct arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
}

void text_add(struct text *t, const char *fmt, ...)
{
    if (t->failed)
        return;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    size_t need;
    if (n < 0 || !add_size(t->len, (size_t)n + 1, &need) || need > SIZE_MAX / 2) {
        t->failed = true;
        return;
    }
    if (need > t->cap) {
        size_t cap = MAX(need, t->cap * 2);
        cap = MAX(cap, 64);
        char *s = realloc(t->s, cap);
        if (!s) {
            fail_memory();
            t->failed = true;
            return;
        }
        t->s = s;
        t->cap = cap;
    }
    va_start(ap, fmt);
    vsnprintf(t->s + t->len, t->cap - t->len, fmt, ap);
    va_end(ap);
    t->len += (size_t)n;
}

void text_free(struct text *t)
{
    free(t->s);
    *t = (struct text){0};
}
