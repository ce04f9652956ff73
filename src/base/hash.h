/* Hashing and random numbers. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash64(const void *data, size_t bytes, uint64_t seed); /* XXH3-64 */
/* XXH3-128 of the pieces fed so far, as 32 hexadecimal digits. Pieces are separated: ("ab","c") and
 * ("a","bc") differ. */
struct hasher {
    void *state;
};
int hasher_init(struct hasher *h);
void hasher_add(struct hasher *h, const void *data, size_t bytes);
void hasher_add_str(struct hasher *h, const char *s);
void hasher_finish(struct hasher *h, char hex[33]);

/* Counter-based random numbers: the n-th number of stream (seed, stream) without the ones before it,
 * so that order and threads do not matter. splitmix64 finaliser over a Weyl sequence (Steele, Lea,
 * Flood 2014). */
uint64_t random_at(uint64_t seed, uint64_t stream, uint64_t n);
double random_uniform(uint64_t seed, uint64_t stream, uint64_t n); /* [0, 1), 53 bits */
double random_normal(uint64_t seed, uint64_t stream, uint64_t n);  /* Box-Muller */

#endif
