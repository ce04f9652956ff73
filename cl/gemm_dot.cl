/* gemm on CPUs for few rows and b as N x K, where both operands are contiguous along k: every element
 * is a dot product with vectors along k, and b, by far the largest of the three, is read once as it is.
 *
 * Defines: MR, all the rows of a; NR columns at a time; COLS columns a work-item, a multiple of NR. */
static float sum(VF v)
{
#if VW == 16
    const float8 h = v.lo + v.hi;
    const float4 q = h.lo + h.hi;
#elif VW == 8
    const float4 q = v.lo + v.hi;
#else
    const float4 q = v;
#endif
    const float2 d = q.lo + q.hi;
    return d.x + d.y;
}

#define STEP(LOAD)                                                                                 \
    {                                                                                              \
        VF bv[NR];                                                                                 \
        _Pragma("unroll") for (int c = 0; c < NR; c++) bv[c] = LOAD(bp[c]);                        \
        _Pragma("unroll") for (int r = 0; r < MR; r++)                                             \
        {                                                                                          \
            const VF av = LOAD(a + (size_t)r * (size_t)k);                                         \
            _Pragma("unroll") for (int c = 0; c < NR; c++) acc[r][c] = FMA(av, bv[c], acc[r][c]);  \
        }                                                                                          \
    }
#define WHOLE(p) vf_load((p) + i)
#define PART(p) vf_load_n((p) + i, k - i)

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void gemm_dot(__global float *restrict y, __global const float *restrict a,
              __global const float *restrict b, int n, int k EPI_PARAMS)
{
    const int n0 = (int)get_group_id(0) * COLS, n1 = min(n0 + COLS, n);
    for (int j = n0; j < n1; j += NR) {
        __global const float *bp[NR];
        VF acc[MR][NR];
#pragma unroll
        for (int c = 0; c < NR; c++) {
            bp[c] = b + (size_t)min(j + c, n - 1) * (size_t)k;
#pragma unroll
            for (int r = 0; r < MR; r++)
                acc[r][c] = (VF)(0.0f);
        }
        int i = 0;
#pragma unroll 1
        for (; i + VW <= k; i += VW)
            STEP(WHOLE)
        if (i < k)
            STEP(PART)
#pragma unroll
        for (int c = 0; c < NR; c++) {
            if (j + c >= n1)
                break;
#pragma unroll
            for (int r = 0; r < MR; r++) {
                const size_t o = (size_t)r * (size_t)n + (size_t)(j + c);
                y[o] = epi(sum(acc[r][c]), o, j + c EPI_ARGS);
            }
        }
    }
}
