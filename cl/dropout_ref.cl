/* random_at() of the library's base/hash.c: stream `run`, number i; its top DROPOUT_BITS = 24 bits. */
static inline ulong dropout_mix(ulong z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9UL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebUL;
    return z ^ (z >> 31);
}

/* In blocks of BLOCK channels elements have the numbers that they have in the plain tensor. */
#ifdef BLOCK
#define BLOCK_PARAMS , int blocks, int area, int channels
#else
#define BLOCK_PARAMS
#endif

/* No restrict: y may be x. */
__kernel void dropout_ref(__global float *y, __global const float *x, __global const float *run,
                          int seed, int threshold, float factor,
#ifdef PARTS
                          int lanes, int lane,
#endif
                          int n BLOCK_PARAMS)
{
    const ulong golden = 0x9e3779b97f4a7c15UL;
    const int i = get_global_id(0);
    if (i >= n)
        return;
#ifdef BLOCK
    const int b = i / BLOCK / area, c = b % blocks * BLOCK + i % BLOCK;
    if (c >= channels) {
        y[i] = 0.0f;
        return;
    }
    const int number = (b / blocks * channels + c) * area + i / BLOCK % area;
    const int all = n / BLOCK / blocks * channels;
#else
    const int number = i, all = n;
#endif
#ifdef PARTS /* run number / PARTS of the whole batch, and the element's place in that */
    const ulong part = (ulong)run[0] % PARTS * lanes + lane;
    const ulong stream = (ulong)run[0] / PARTS + 1, at = part * all + number;
#else
    const ulong stream = (ulong)run[0] + 1, at = number;
#endif
    const ulong key =
        dropout_mix(dropout_mix((ulong)seed + golden) ^ stream * 0xd1342543de82ef95UL);
    const int bits = (int)(dropout_mix(key + (at + 1) * golden) >> 40);
    y[i] = bits < threshold ? 0.0f : x[i] * factor;
}
