/* conv2d_bwd_weights/implicit: the gradient as a matrix product (prelude, TILE_*). A row is a channel of y, a column
 * a channel of x with a tap, and k runs over images and their pixels of y: A is dy, B is gathered from x. Parts of
 * k are added up in order by another launch.
 *
 * KH KW SH SW DH DW PT PL GROUPS as in conv2d_ref.cl; A_BY_K B_BY_K: prelude
 */
TILE_KERNEL void conv2d_bwd_weights_implicit(__global float *restrict dw,
                                             __global const float *restrict dy,
                                             __global const float *restrict x, TILE_PARAMS, int in_c,
                                             int in_h, int in_w, int out_c, int out_h, int out_w)
{
    TILE_BEGIN
    const int pixels = out_h * out_w;
    dw += (size_t)part * GROUPS * m * n;
    for (int k0 = TILE_FIRST; k0 < TILE_LAST; k0 += TILE_K) {
#pragma unroll
        for (int e = 0; e < TILE_LA; e++) {
            const int row = m0 + TILE_AM(e), kk = k0 + TILE_K + TILE_AK(e);
            const int img = kk / pixels;
            const int at = ((img * GROUPS + batch) * m + row) * pixels + kk - img * pixels;
            a_next[e] = row < m && kk < k_end ? dy[at] : 0.0f;
        }
#pragma unroll
        for (int e = 0; e < TILE_LB; e++) {
            const int column = n0 + TILE_BN(e), kk = k0 + TILE_K + TILE_BK(e);
            const int c = column / (KH * KW), tap = column % (KH * KW);
            const int img = kk / pixels, pixel = kk - img * pixels, oh = pixel / out_w;
            const int h = oh * SH + tap / KW * DH - PT;
            const int s = (pixel - oh * out_w) * SW + tap % KW * DW - PL;
            const bool there = column < n && kk < k_end && h >= 0 && h < in_h && s >= 0 && s < in_w;
            b_next[e] = there ? x[(((img * GROUPS + batch) * in_c + c) * in_h + h) * in_w + s] : 0.0f;
        }
        TILE_STEP
    }
#pragma unroll
    for (int i = 0; i < ITEM_M; i++) {
#pragma unroll
        for (int j = 0; j < ITEM_N; j++) {
            const int row = TILE_ROW(i), column = TILE_COLUMN(j);
            if (row < m && column < n)
                dw[(batch * m + row) * n + column] = TILE_RESULT(i, j);
        }
    }
}
