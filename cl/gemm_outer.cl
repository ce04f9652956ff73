/* gemm on CPUs for few products a sum (the gradient of a dense layer's weights, at a small batch): y is by
 * far the largest of the three and is written once, past the caches where it can be; a piece of b stays in
 * the first-level cache.
 *
 * Defines: DEPTH, the products; MR rows and NV vectors of columns at a time; LINES rows, a multiple of MR,
 * and COLS columns, a multiple of NV * VW, a work-item. The last MR rows begin earlier, and
 * leave alone what those before them own: MR <= m. */
#define PW (NV * VW)

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void gemm_outer(__global float *restrict y, __global const float *restrict a,
                __global const float *restrict b, int m, int n, int a_row, int a_col EPI_PARAMS)
{
    const int n0 = (int)get_group_id(1) * COLS, n1 = min(n0 + COLS, n);
    const int end = min((int)(get_group_id(0) + 1) * LINES, m);
    for (int first = (int)get_group_id(0) * LINES; first < end; first += MR) {
        const int m0 = min(first, m - MR), skip = first - m0;
        float av[DEPTH][MR];
        for (int q = 0; q < DEPTH; q++)
#pragma unroll
            for (int i = 0; i < MR; i++)
                av[q][i] = a[(size_t)(m0 + i) * (size_t)a_row + (size_t)q * (size_t)a_col];
        __global float *yp = y + (size_t)m0 * (size_t)n;
        int j = n0;
#pragma unroll 1
        for (; j + PW <= n1; j += PW) {
            VF acc[MR][NV];
#pragma unroll
            for (int i = 0; i < MR; i++)
#pragma unroll
                for (int v = 0; v < NV; v++)
                    acc[i][v] = (VF)(0.0f);
#pragma unroll 2
            for (int q = 0; q < DEPTH; q++) {
                VF bv[NV];
#pragma unroll
                for (int v = 0; v < NV; v++)
                    bv[v] = vf_load(b + (size_t)q * (size_t)n + (size_t)(j + v * VW));
#pragma unroll
                for (int i = 0; i < MR; i++)
#pragma unroll
                    for (int v = 0; v < NV; v++)
                        acc[i][v] = FMA((VF)(av[q][i]), bv[v], acc[i][v]);
            }
#pragma unroll
            for (int i = 0; i < MR; i++)
#pragma unroll
                for (int v = 0; v < NV && i >= skip; v++) {
                    const int c = j + v * VW;
                    const size_t o = (size_t)i * (size_t)n + (size_t)c;
                    vf_stream(epi_c(acc[i][v], (size_t)m0 * (size_t)n + o, c EPI_ARGS), yp + o);
                }
        }
#pragma unroll 1
        for (; j < n1; j += VW) {
            const int left = min(n1 - j, VW);
#pragma unroll 1
            for (int i = skip; i < MR; i++) {
                const size_t o = (size_t)i * (size_t)n + (size_t)j;
                VF s = (VF)(0.0f);
#pragma unroll 1
                for (int q = 0; q < DEPTH; q++)
                    s = FMA((VF)(av[q][i]), vf_load_n(b + (size_t)q * (size_t)n + (size_t)j, left), s);
                vf_store_n(epi_c_n(s, (size_t)m0 * (size_t)n + o, j, left EPI_ARGS), yp + o, left);
            }
        }
    }
}
