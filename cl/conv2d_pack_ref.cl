/* conv2d_pack: one work-item an element of y, or for WINOGRAD a filter of one channel. What has no
 * filter or no channel is zero.
 *
 * Defines: DIRECT, DEPTHWISE, WINOGRAD or BIAS; BLOCK filters, X_BLOCK channels together. */

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
    __global const float *g = w + ((size_t)m * depth + c) * 9;
    float rows[18], all[36];
    for (int j = 0; j < 36; j++)
        all[j] = 0.0f;
    if (m < filters && c < depth) {
        for (int j = 0; j < 3; j++)
            spread(rows + j, 3, g[j], g[3 + j], g[6 + j]);
        for (int j = 0; j < 6; j++)
            spread(all + 6 * j, 1, rows[3 * j], rows[3 * j + 1], rows[3 * j + 2]);
    }
    for (int j = 0; j < 36; j++)
        y[(((size_t)b * 36 + j) * padded + c) * BLOCK + lane] = all[j];
#endif
}
