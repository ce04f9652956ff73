/* random_at() of the library's base/hash.c: stream `run`, number i; its top DROPOUT_BITS = 24 bits. */
static inline ulong dropout_mix(ulong z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9UL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebUL;
    return z ^ (z >> 31);
}

/* No restrict: y may be x. */
__kernel void dropout_ref(__global float *y, __global const float *x, __global const float *run,
                          int seed, int threshold, float factor,
#ifdef PARTS
                          int lanes, int lane,
#endif
                          int n)
{
    const ulong golden = 0x9e3779b97f4a7c15UL;
    const int i = get_global_id(0);
    if (i >= n)
        return;
#ifdef PARTS /* run number / PARTS of the whole batch, and the element's place in that */
    const ulong part = (ulong)run[0] % PARTS * lanes + lane;
    const ulong stream = (ulong)run[0] / PARTS + 1, at = part * n + i;
#else
    const ulong stream = (ulong)run[0] + 1, at = i;
#endif
    const ulong key =
        dropout_mix(dropout_mix((ulong)seed + golden) ^ stream * 0xd1342543de82ef95UL);
    const int bits = (int)(dropout_mix(key + (at + 1) * golden) >> 40);
    y[i] = bits < threshold ? 0.0f : x[i] * factor;
}
