/* gemm on CPUs for few rows and b as K x N: b is by far the largest of the three and is read once, KR rows
 * side by side, each as one stream; the sums of all ROWS rows and COLS columns stay in the first-level
 * cache.
 *
 * Defines: ROWS, all the rows of op(a); KR; COLS columns a work-item, a multiple of VW. */

/* R rows of b from k0 on times the columns of op(a) that belong to them. */
#define STEP(R)                                                                                    \
    {                                                                                              \
        float av[ROWS][R];                                                                         \
        for (int r = 0; r < ROWS; r++)                                                             \
            _Pragma("unroll") for (int q = 0; q < R; q++) av[r][q] =                               \
                a[(size_t)r * (size_t)a_row + (size_t)(k0 + q) * (size_t)a_col];                   \
        __global const float *bp = b + (size_t)k0 * (size_t)n + (size_t)n0;                        \
        int j = 0;                                                                                 \
        _Pragma("unroll 1") for (; j + VW <= cols; j += VW, bp += VW)                              \
        {                                                                                          \
            VF bv[R];                                                                              \
            _Pragma("unroll") for (int q = 0; q < R; q++)                                          \
            {                                                                                      \
                bv[q] = vf_load(bp + (size_t)q * (size_t)n);                                       \
                fetch_line(bp + (size_t)(q + R) * (size_t)n);                                      \
            }                                                                                      \
            ADD(R)                                                                                 \
        }                                                                                          \
        if (j < cols) {                                                                            \
            VF bv[R];                                                                              \
            _Pragma("unroll 1") for (int q = 0; q < R; q++) bv[q] =                                \
                vf_load_n(bp + (size_t)q * (size_t)n, cols - j);                                   \
            ADD(R)                                                                                 \
        }                                                                                          \
    }
#define ADD(R)                                                                                     \
    _Pragma("unroll") for (int r = 0; r < ROWS; r++)                                               \
    {                                                                                              \
        VF s = sums[j / VW][r];                                                                    \
        _Pragma("unroll") for (int q = 0; q < R; q++) s = FMA((VF)(av[r][q]), bv[q], s);           \
        sums[j / VW][r] = s;                                                                       \
    }

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void gemm_rows(__global float *restrict y, __global const float *restrict a,
               __global const float *restrict b, int n, int k, int a_row, int a_col EPI_PARAMS)
{
    const int n0 = (int)get_group_id(0) * COLS, cols = min(COLS, n - n0);
    VF sums[COLS / VW][ROWS];
    int k0 = 0;
    for (int j = 0; j < COLS / VW; j++)
        for (int r = 0; r < ROWS; r++)
            sums[j][r] = (VF)(0.0f);
    for (; k0 + KR <= k; k0 += KR)
        STEP(KR)
    for (; k0 < k; k0++)
        STEP(1)
    for (int r = 0; r < ROWS; r++) {
        const size_t o = (size_t)r * (size_t)n + (size_t)n0;
        int j = 0;
        for (; j + VW <= cols; j += VW)
            vf_store(epi_c(sums[j / VW][r], o + j, n0 + j EPI_ARGS), y + o + j);
        if (j < cols)
            vf_store_n(epi_c_n(sums[j / VW][r], o + j, n0 + j, cols - j EPI_ARGS), y + o + j, cols - j);
    }
}
