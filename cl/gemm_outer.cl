/* gemm on CPUs for few products a sum (the gradient of a dense layer's weights, at a small batch): y is by
 * far the largest of the three and is written once, past the caches where it can be. A piece of b is copied to
 * the first-level cache, where its rows, far apart, would push each other out. With SGD (gemm_sgd) y is a gradient, and what is written is the step.
 *
 * Defines: DEPTH, the products; MR rows and NV vectors of columns at a time; LINES rows, a multiple of MR,
 * and COLS columns, a multiple of NV * VW, a work-item. The last MR rows begin earlier, and leave alone what
 * those before them own: MR <= m. */
#define PW (NV * VW)

/* Vector s goes to number i.., column c; the last one of a row with `left` columns. The rows to come are
 * fetched: each piece is too short for a processor to see where they go on. */
#ifdef SGD
#ifdef MOMENTUM
#define LOAD_V(i) vf_load(v + (i))
#define STORE_V(i, x) vf_store(x, v + (i))
#define FETCH(i)                                                                                   \
    fetch_line(w + (i));                                                                           \
    fetch_line(v + (i))
#else
#define LOAD_V(i) ((VF)(0.0f))
#define STORE_V(i, x)
#define FETCH(i) fetch_line(w + (i))
#endif
#define PUT(s, i, c)                                                                               \
    {                                                                                              \
        VF at = vf_load(w + (i)), speed = LOAD_V(i);                                               \
        FETCH((i) + (size_t)MR * (size_t)n);                                                       \
        sgd_step(&at, &speed, s, SGD_ARGS);                                                        \
        STORE_V(i, speed);                                                                         \
        vf_store(at, w + (i));                                                                     \
    }
#define PUT_LAST(s, i, c, left)                                                                    \
    for (int e = 0; e < (left); e++) {                                                             \
        float at = w[(i) + e], speed = SGD_V((i) + e);                                             \
        sgd_step(&at, &speed, ((const float *)&(s))[e], SGD_ARGS);                                 \
        SGD_SET_V((i) + e, speed);                                                                 \
        w[(i) + e] = at;                                                                           \
    }
#else
#define PUT(s, i, c) vf_stream(epi_c(s, i, c EPI_ARGS), y + (i))
#define PUT_LAST(s, i, c, left) vf_store_n(epi_c_n(s, i, c, left EPI_ARGS), y + (i), left)
#endif

#ifdef SGD
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void gemm_outer_sgd(SGD_PARAMS, __global const float *restrict a, __global const float *restrict b,
                    int m, int n, int a_row, int a_col)
#else
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void gemm_outer(__global float *restrict y, __global const float *restrict a,
                __global const float *restrict b, int m, int n, int a_row, int a_col EPI_PARAMS)
#endif
{
    const int n0 = (int)get_group_id(1) * COLS, n1 = min(n0 + COLS, n);
    const int end = min((int)(get_group_id(0) + 1) * LINES, m);
    VF piece[COLS / PW][DEPTH][NV];
    for (int j = 0; n0 + j + PW <= n1; j += PW)
        for (int q = 0; q < DEPTH; q++)
#pragma unroll
            for (int h = 0; h < NV; h++)
                piece[j / PW][q][h] = vf_load(b + (size_t)q * (size_t)n + (size_t)(n0 + j + h * VW));
    for (int first = (int)get_group_id(0) * LINES; first < end; first += MR) {
        const int m0 = min(first, m - MR), skip = first - m0;
        float av[DEPTH][MR];
        for (int q = 0; q < DEPTH; q++)
#pragma unroll
            for (int i = 0; i < MR; i++)
                av[q][i] = a[(size_t)(m0 + i) * (size_t)a_row + (size_t)q * (size_t)a_col];
        const size_t start = (size_t)m0 * (size_t)n;
        int j = n0;
#pragma unroll 1
        for (; j + PW <= n1; j += PW) {
            VF acc[MR][NV];
#pragma unroll
            for (int i = 0; i < MR; i++)
#pragma unroll
                for (int h = 0; h < NV; h++)
                    acc[i][h] = (VF)(0.0f);
#pragma unroll 2
            for (int q = 0; q < DEPTH; q++) {
                const VF *bv = piece[(j - n0) / PW][q];
#pragma unroll
                for (int i = 0; i < MR; i++)
#pragma unroll
                    for (int h = 0; h < NV; h++)
                        acc[i][h] = FMA((VF)(av[q][i]), bv[h], acc[i][h]);
            }
#pragma unroll
            for (int i = 0; i < MR; i++)
#pragma unroll
                for (int h = 0; h < NV && i >= skip; h++) {
                    const int c = j + h * VW;
                    const size_t o = start + (size_t)i * (size_t)n + (size_t)c;
                    PUT(acc[i][h], o, c);
                }
        }
#pragma unroll 1
        for (; j < n1; j += VW) {
            const int left = min(n1 - j, VW);
#pragma unroll 1
            for (int i = skip; i < MR; i++) {
                const size_t o = start + (size_t)i * (size_t)n + (size_t)j;
                VF s = (VF)(0.0f);
#pragma unroll 1
                for (int q = 0; q < DEPTH; q++)
                    s = FMA((VF)(av[q][i]), vf_load_n(b + (size_t)q * (size_t)n + (size_t)j, left), s);
                PUT_LAST(s, o, j, left);
            }
        }
    }
}
