#include "base/hash.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/err.h"

uint64_t hash64(const void *data, size_t bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, bytes, seed);
}

int hasher_init(struct hasher *h)
{
    h->state = XXH3_createState();
    if (!h->state)
        return fail_memory();
    XXH3_128bits_reset(h->state);
    return 0;
}

void hasher_add(struct hasher *h, const void *data, size_t bytes)
{
    unsigned char len[8]; /* little-endian on every host, so that keys can be shared */
    for (int i = 0; i < 8; i++)
        len[i] = (unsigned char)((uint64_t)bytes >> (8 * i));
    XXH3_128bits_update(h->state, len, sizeof(len));
    if (bytes)
        XXH3_128bits_update(h->state, data, bytes);
}

void hasher_add_str(struct hasher *h, const char *s)
{
    hasher_add(h, s, strlen(s));
}

void hasher_finish(struct hasher *h, char hex[33])
{
    XXH128_canonical_t c;
    XXH128_canonicalFromHash(&c, XXH3_128bits_digest(h->state));
    for (int i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", c.digest[i]);
    XXH3_freeState(h->state);
    h->state = NULL;
}

#define GOLDEN 0x9e3779b97f4a7c15u /* 2^64 / golden ratio, odd */

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Seed and stream are mixed before they meet, so that neighbouring ones are unrelated. */
uint64_t random_at(uint64_t seed, uint64_t stream, uint64_t n)
{
    uint64_t key = mix(mix(seed + GOLDEN) ^ (stream + 1) * 0xd1342543de82ef95u);
    return mix(key + (n + 1) * GOLDEN);
}

double random_uniform(uint64_t seed, uint64_t stream, uint64_t n)
{
    return (double)(random_at(seed, stream, n) >> 11) * 0x1p-53;
}

double random_normal(uint64_t seed, uint64_t stream, uint64_t n)
{
    double u = 1 - random_uniform(seed, stream, 2 * n); /* (0, 1] */
    double v = random_uniform(seed, stream, 2 * n + 1);
    return sqrt(-2 * log(u)) * cos(6.283185307179586477 * v);
}
