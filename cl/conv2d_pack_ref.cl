/* conv2d_pack: one work-item an element of y, or for WINOGRAD a filter of one channel. What has no
 * filter or no channel is zero. Depthwise filters and biases come as filters of one channel.
 *
 * Filter m of a group of `per` begins `lane` floats behind the one before, its channel `in` floats
 * behind the one before, groups `group`. Defines: WINOGRAD; TURNED, taps in reverse order; BLOCK
 * filters, X_BLOCK channels together. */

#ifdef WINOGRAD
/* One row or column of G g: the filter's values at the points 0, 1, -1, 2, -2 and infinity (Lavin
 * and Gray 2015, section 4.1). Divided, not multiplied: multiples of 24 stay whole. */
static inline void spread(float *to, int step, float a, float b, float c)
{
    to[0] = a / 4.0f;
    to[step] = -(a + b + c) / 6.0f;
    to[2 * step] = (b - a - c) / 6.0f;
    to[3 * step] = (a + 2.0f * b + 4.0f * c) / 24.0f;
    to[4 * step] = (a - 2.0f * b + 4.0f * c) / 24.0f;
    to[5 * step] = c;
}
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
    float g[9], rows[18], all[36];
    for (int j = 0; j < 9; j++)
        g[j] = m < filters && c < depth
                   ? w[(size_t)(m / per) * group + (size_t)(m % per) * lane + (size_t)c * in + TAP(j)]
                   : 0.0f;
    for (int j = 0; j < 3; j++)
        spread(rows + j, 3, g[j], g[3 + j], g[6 + j]);
    for (int j = 0; j < 6; j++)
        spread(all + 6 * j, 1, rows[3 * j], rows[3 * j + 1], rows[3 * j + 2]);
    for (int j = 0; j < 36; j++)
        y[(((size_t)b * 36 + j) * blocks * X_BLOCK + c) * BLOCK + i % BLOCK] = all[j];
#else
    const int tap = i / (BLOCK * X_BLOCK) % taps;
    const int row = i / (BLOCK * X_BLOCK) / taps; /* output block, then input block */
    const int m = row / blocks * BLOCK + i % BLOCK, c = row % blocks * X_BLOCK + i / BLOCK % X_BLOCK;
    y[i] = m < filters && c < depth
               ? w[(size_t)(m / per) * group + (size_t)(m % per) * lane + (size_t)c * in + TAP(tap)]
               : 0.0f;
#endif
}
