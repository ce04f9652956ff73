/* conv2d_pack: one work-item an element of y, or for WINOGRAD a filter of one channel. What has no
 * filter or no channel is zero.
 *
 * Defines: DIRECT, DEPTHWISE, WINOGRAD or BIAS; BLOCK filters, X_BLOCK channels together; for
 * WINOGRAD its WINDOW, 6 or 4, and the filter's TAPS, 3 or 5. */

#ifdef WINOGRAD
/* One row or column of G g: the filter's values at the points 0, 1, -1, infinity, for WINDOW 6 also
 * 2 and -2 (Lavin and Gray 2015, section 4.1). Divided, not multiplied: multiples of 24 stay whole.
 */
static inline void spread(float *to, int step, const float *g, int next)
{
    float even = g[0] + g[2 * next], odd = g[next];
#if TAPS == 5
    const float far = g[4 * next];
    even += far;
    odd += g[3 * next];
#endif
    to[(WINDOW - 1) * step] = g[(TAPS - 1) * next];
#if WINDOW == 4
    to[0] = g[0];
    to[step] = (even + odd) / 2.0f;
    to[2 * step] = (even - odd) / 2.0f;
#else
    to[0] = g[0] / 4.0f;
    to[step] = -(even + odd) / 6.0f;
    to[2 * step] = (odd - even) / 6.0f;
    even = g[0] + 4.0f * g[2 * next];
    odd = 2.0f * g[next];
#if TAPS == 5
    even += 16.0f * far;
    odd += 8.0f * g[3 * next];
#endif
    to[3 * step] = (even + odd) / 24.0f;
    to[4 * step] = (even - odd) / 24.0f;
#endif
}
#define PLACES (WINDOW * WINDOW)
#endif

__kernel void conv2d_pack_ref(__global float *restrict y, __global const float *restrict w, int n,
                              int filters, int depth, int taps)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const int lane = i % BLOCK;
#ifdef DIRECT
    const int blocks = (depth + X_BLOCK - 1) / X_BLOCK;
    const int in = i / BLOCK % X_BLOCK, tap = i / (BLOCK * X_BLOCK) % taps;
    const int row = i / (BLOCK * X_BLOCK) / taps; /* output block, then input block */
    const int m = row / blocks * BLOCK + lane, c = row % blocks * X_BLOCK + in;
    y[i] = m < filters && c < depth ? w[((size_t)m * depth + c) * taps + tap] : 0.0f;
#endif
#ifdef DEPTHWISE
    const int m = i / BLOCK / taps * BLOCK + lane;
    y[i] = m < filters ? w[(size_t)m * taps + i / BLOCK % taps] : 0.0f;
#endif
#ifdef BIAS
    y[i] = i < filters ? w[i] : 0.0f;
#endif
#ifdef WINOGRAD
    const int padded = (depth + X_BLOCK - 1) / X_BLOCK * X_BLOCK;
    const int c = i / BLOCK % padded, b = i / BLOCK / padded, m = b * BLOCK + lane;
    __global const float *g = w + ((size_t)m * depth + c) * TAPS * TAPS;
    float filter[TAPS * TAPS], rows[WINDOW * TAPS], all[PLACES];
    for (int j = 0; j < PLACES; j++)
        all[j] = 0.0f;
    if (m < filters && c < depth) {
        for (int j = 0; j < TAPS * TAPS; j++)
            filter[j] = g[j];
        for (int j = 0; j < TAPS; j++)
            spread(rows + j, TAPS, filter + j, TAPS);
        for (int j = 0; j < WINDOW; j++)
            spread(all + WINDOW * j, 1, rows + TAPS * j, 1);
    }
    for (int j = 0; j < PLACES; j++)
        y[(((size_t)b * PLACES + j) * padded + c) * BLOCK + lane] = all[j];
#endif
}
