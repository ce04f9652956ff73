/* gemm/tile: y = op(a) op(b), tiles through local memory (prelude); also the products of conv2d/winograd, which
 * are a batch of them. With several parts (PARTS), each is a sum over a piece of k, stored one behind the other,
 * and gemm_tile_sum adds them up in order.
 *
 * TRANS_A TRANS_B  a is k x m, b is n x k          A_BY_K B_BY_K  how neighbours load (prelude)
 * WIDE             n is a multiple of 4: stores of four
 */
#ifdef TILE_M
TILE_KERNEL void gemm_tile(__global TILE_Y *restrict y, __global const FH *restrict a,
                           __global const FH *restrict b, TILE_PARAMS EPI_PARAMS)
{
    TILE_BEGIN
    a += (size_t)batch * m * k;
    b += (size_t)batch * k * n;
    y += (size_t)get_group_id(1) * m * n;
    for (int k0 = TILE_FIRST; k0 < TILE_LAST; k0 += TILE_K) {
#pragma unroll
        for (int e = 0; e < TILE_LA; e++) {
            const int row = m0 + TILE_AM(e), kk = k0 + TILE_K + TILE_AK(e);
#ifdef TRANS_A
            a_next[e] = row < m && kk < k_end ? fh_load(a, kk * m + row) : 0.0f;
#else
            a_next[e] = row < m && kk < k_end ? fh_load(a, row * k + kk) : 0.0f;
#endif
        }
#pragma unroll
        for (int e = 0; e < TILE_LB; e++) {
            const int column = n0 + TILE_BN(e), kk = k0 + TILE_K + TILE_BK(e);
#ifdef TRANS_B
            b_next[e] = column < n && kk < k_end ? fh_load(b, column * k + kk) : 0.0f;
#else
            b_next[e] = column < n && kk < k_end ? fh_load(b, kk * n + column) : 0.0f;
#endif
        }
        TILE_STEP
    }
#pragma unroll
    for (int i = 0; i < ITEM_M; i++) {
        const int row = TILE_ROW(i);
#ifdef WIDE
#pragma unroll
        for (int j = 0; j < ITEM_N; j += 4) {
            const int column = TILE_COLUMN(j), at = row * n + column;
            if (row < m && column < n)
                TILE_STORE4(y, at, acc[i][j / 4], epi_c(acc[i][j / 4], at, column EPI_ARGS));
        }
#else
#pragma unroll
        for (int j = 0; j < ITEM_N; j++) {
            const int column = TILE_COLUMN(j), at = row * n + column;
            if (row < m && column < n)
                TILE_STORE(y, at, TILE_RESULT(i, j), epi(TILE_RESULT(i, j), at, column EPI_ARGS));
        }
#endif
    }
}
#else

/* y[i] = the parts' sums, in order; i / area % channels is the epilogue's channel. */
__kernel void gemm_tile_sum(__global FH *restrict y, __global const float *restrict part, int n,
                            int parts, int area, int channels EPI_PARAMS)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    float v = 0.0f;
    for (int k = 0; k < parts; k++)
        v += part[(size_t)k * n + i];
    fh_store(y, i, epi(v, i, i / area % channels EPI_ARGS));
}
#endif
