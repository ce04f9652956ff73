/* conv2d_pack: one work-item an element of y, or for WINOGRAD a filter of one channel. What has no
 * filter or no channel is zero. Depthwise filters and biases come as filters of one channel.
 *
 * Filter m of a group of `per` begins `lane` floats behind the one before, its channel `in` floats
 * behind the one before, groups `group`. Defines: WINOGRAD with its WINDOW, 6 or 4, and the filter's
 * TAPS, 3 or 5; TURNED, taps in reverse order; BLOCK filters, X_BLOCK channels together. */

#ifdef WINOGRAD
#define PLACES (WINDOW * WINDOW)
#endif
#ifdef TURNED
#define TAP(t) (taps - 1 - (t))
#else
#define TAP(t) (t)
#endif

__kernel void conv2d_pack_ref(__global float *restrict y, __global const float *restrict w,
                              int filters, int depth, int taps, int per, int group, int lane,
                              int in, int n)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const int blocks = (depth + X_BLOCK - 1) / X_BLOCK;
#ifdef WINOGRAD
    const int c = i / BLOCK % (blocks * X_BLOCK), b = i / BLOCK / (blocks * X_BLOCK);
    const int m = b * BLOCK + i % BLOCK;
    float g[TAPS * TAPS], rows[WINDOW * TAPS], all[PLACES];
    for (int j = 0; j < TAPS * TAPS; j++)
        g[j] = m < filters && c < depth
                   ? w[(size_t)(m / per) * group + (size_t)(m % per) * lane + (size_t)c * in +
                       TAP(j)]
                   : 0.0f;
    for (int j = 0; j < TAPS; j++)
        spread(rows + j, TAPS, g + j, TAPS);
    for (int j = 0; j < WINDOW; j++)
        spread(all + WINDOW * j, 1, rows + TAPS * j, 1);
    for (int j = 0; j < PLACES; j++)
        y[(((size_t)b * PLACES + j) * blocks * X_BLOCK + c) * BLOCK + i % BLOCK] = all[j];
#else
    const int tap = i / (BLOCK * X_BLOCK) % taps;
    const int row = i / (BLOCK * X_BLOCK) / taps; /* output block, then input block */
    const int m = row / blocks * BLOCK + i % BLOCK;
    const int c = row % blocks * X_BLOCK + i / BLOCK % X_BLOCK;
    y[i] = m < filters && c < depth
               ? w[(size_t)(m / per) * group + (size_t)(m % per) * lane + (size_t)c * in + TAP(tap)]
               : 0.0f;
#endif
}
