/* conv2d/implicit and conv2d_bwd_data/implicit: the convolution as a matrix product (prelude, TILE_*), of which B,
 * the windows of the image, is gathered while it is loaded. A row is a channel of y, a column a pixel of it, and k
 * runs over channels of x and their taps.
 *
 * y's pixel (i, j) of the launch is y[ORIGIN + (i, j) PITCH]; tap (r, s) of channel c meets x at (i, j) STEP + (r, s)
 * TAP + (at_h, at_w), and w at ((group out_c + row) W_ROW + c W_C + r W_R + s W_S + w_0, the group's offset as
 * W_GROUP says. y is all pixels of a convolution, or those of one residue modulo the stride of a gradient.
 *
 * TAPS_H TAPS_W STEP_H STEP_W TAP_H TAP_W PITCH_H PITCH_W GROUPS; A_BY_K, B_BY_K: prelude
 * FLAT    w's rows are k long                 INSIDE   no tap meets a border
 * WIDE    y's pixels lie together and a multiple of 4: stores of four
 */
#define TAPS (TAPS_H * TAPS_W)

TILE_KERNEL void conv2d_implicit(__global TILE_Y *restrict y, __global const FH *restrict x,
                                 __global const FH *restrict w, TILE_PARAMS, int in_c, int in_h,
                                 int in_w, int at_h, int at_w, int out_h, int out_w, int rows,
                                 int columns, int origin, int w_group, int w_row, int w_c, int w_r,
                                 int w_s, int w_0 EPI_PARAMS)
{
    TILE_BEGIN
    const int pixels = rows * columns;
    w += batch * w_group + w_0;
#ifdef PARTS
    y += (size_t)part * (n / pixels) * GROUPS * m * out_h * out_w;
#endif
    /* A work-item's columns of B are all the same one. */
    const int column = n0 + TILE_BN(0), img = column / pixels, pixel = column - img * pixels;
    const int h0 = pixel / columns * STEP_H + at_h, w0 = pixel % columns * STEP_W + at_w;
    const int x0 = ((img * GROUPS + batch) * in_c * in_h + h0) * in_w + w0;
    for (int k0 = TILE_FIRST; k0 < TILE_LAST; k0 += TILE_K) {
#pragma unroll
        for (int e = 0; e < TILE_LA; e++) {
            const int row = m0 + TILE_AM(e), kk = k0 + TILE_K + TILE_AK(e);
#ifdef FLAT
            const int at = row * w_row + kk;
#else
            const int c = kk / TAPS, tap = kk % TAPS;
            const int at = row * w_row + c * w_c + tap / TAPS_W * w_r + tap % TAPS_W * w_s;
#endif
            a_next[e] = row < m && kk < k_end ? fh_load(w, at) : 0.0f;
        }
#pragma unroll
        for (int e = 0; e < TILE_LB; e++) {
            const int kk = k0 + TILE_K + TILE_BK(e);
            const int c = kk / TAPS, tap = kk % TAPS;
            const int r = tap / TAPS_W * TAP_H, s = tap % TAPS_W * TAP_W;
#ifdef INSIDE
            const bool there = column < n && kk < k_end;
#else
            const bool there = column < n && kk < k_end && h0 + r >= 0 && h0 + r < in_h &&
                               w0 + s >= 0 && w0 + s < in_w;
#endif
            b_next[e] = there ? fh_load(x, x0 + (c * in_h + r) * in_w + s) : 0.0f;
        }
        TILE_STEP
    }
#pragma unroll
    for (int j = 0; j < ITEM_N; j++) {
        const int p = TILE_COLUMN(j), image = p / pixels, q = p - image * pixels;
        const int to = image * GROUPS * m * out_h * out_w + origin + q / columns * PITCH_H * out_w +
                       q % columns * PITCH_W;
#ifdef WIDE
        if (j % 4 > 0)
            continue;
#endif
#pragma unroll
        for (int i = 0; i < ITEM_M; i++) {
            const int row = TILE_ROW(i), ch = batch * m + row, at = to + ch * out_h * out_w;
            if (row >= m || p >= n)
                continue;
#ifdef WIDE
            TILE_STORE4(y, at, acc[i][j / 4], epi_w(acc[i][j / 4], at, ch EPI_ARGS));
#else
            TILE_STORE(y, at, TILE_RESULT(i, j), epi(TILE_RESULT(i, j), at, ch EPI_ARGS));
#endif
        }
    }
}
