/* Memory on the host: checked sizes, growing arrays, arenas, strings. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* *out = a * b or a + b; false on overflow. */
bool mul_size(size_t a, size_t b, size_t *out);
bool add_size(size_t a, size_t b, size_t *out);

/* a / b rounded up; a up to the next multiple of b. b > 0. */
static inline size_t div_up(size_t a, size_t b)
{
    return a / b + (a % b != 0);
}
static inline size_t round_up(size_t a, size_t b)
{
    return div_up(a, b) * b;
}

/* Asks for large pages under a block that is about to be filled: a page fault for every 2 MiB. */
void mem_large(void *block, size_t bytes);

/* An array that grows: *items has room for *cap elements of `size` bytes; makes it hold at least
 * `need`. 0 or OCELLI_ERR_MEMORY. */
int grow(void *items, int *cap, int need, size_t size);

/* Blocks that are freed together. {0} is empty. */
struct arena {
    struct arena_block *blocks;
    struct arena_guest *guests;
};
/* Zeroed memory, aligned for any type; NULL when there is none (message set). */
void *arena_alloc(struct arena *a, size_t bytes);
char *arena_str(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void *arena_copy(struct arena *a, const void *src, size_t bytes);
/* Frees `block`, which malloc() made, with the others. 0 or OCELLI_ERR_MEMORY: it is still yours. */
int arena_adopt(struct arena *a, void *block);
void arena_free(struct arena *a);

/* Text that grows; after a failed append `failed` is set and appends do nothing. {0} is empty. */
struct text {
    char *s; /* NULL while empty */
    size_t len, cap;
    bool failed;
};
void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_free(struct text *t);

#endif
