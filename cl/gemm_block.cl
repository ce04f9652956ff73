/* gemm on CPUs: a work-item multiplies `mb` tiles of MR rows with `nb` panels of NV * VW columns of b,
 * each tile in MR * NV vector registers (after Goto and van de Geijn 2008, without the threads).
 *
 * A panel comes from b as it lies, or with PACK_B from a copy [column / VW][k][VW], zeros behind the last
 * column: the one that gemm_block_pack_b made, or conv2d_pack once for all runs. With TRANS_B (b is N x K)
 * it has to. Rows of a come from a as it lies, or with PACK_A from [tile][k][MR]. The last tile moves up
 * so that it has MR rows, and leaves alone those that the one before it owns: MR <= m; so does the last
 * panel of a copy: NV <= div_up(n, VW).
 * k is cut into pieces of `kc`, so that a piece of the panel stays in cache for `mb` tiles; sums wait in
 * y. A work-item packs `kp` of the k. */
#define PW (NV * VW)

#ifdef PACK_B
#ifdef TRANS_B
/* VW columns from c on: k in [k0, k1) of b to rows of dst. */
static void pack_columns(__global float *dst, __global const float *b, int c, int n, int k, int k0,
                         int k1)
{
    for (int kk = k0; kk < k1; kk += VW, dst += VW * VW) {
        VF x[VW];
        const int left = min(k1 - kk, VW);
        if (left == VW && c + VW <= n) {
#pragma unroll
            for (int i = 0; i < VW; i++)
                x[i] = vf_load(b + (size_t)(c + i) * (size_t)k + (size_t)kk);
        } else {
#pragma unroll 1
            for (int i = 0; i < VW; i++)
                x[i] = c + i < n ? vf_load_n(b + (size_t)(c + i) * (size_t)k + (size_t)kk, left)
                                 : (VF)(0.0f);
        }
        vf_transpose(x);
        if (left == VW) {
#pragma unroll
            for (int i = 0; i < VW; i++)
                vf_store(x[i], dst + i * VW);
        } else {
#pragma unroll 1
            for (int i = 0; i < left; i++)
                vf_store(x[i], dst + i * VW);
        }
    }
}
#else
static void pack_columns(__global float *dst, __global const float *b, int c, int n, int k, int k0,
                         int k1)
{
    for (int kk = k0; kk < k1; kk++, dst += VW) {
        __global const float *p = b + (size_t)kk * (size_t)n + (size_t)c;
        if (c + VW <= n)
            vf_store(vf_load(p), dst);
        else
            vf_store(c < n ? vf_load_n(p, n - c) : (VF)(0.0f), dst);
    }
}
#endif

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void gemm_block_pack_b(__global float *restrict dst, __global const float *restrict b, int n, int k,
                       int kp)
{
    const int k0 = (int)get_group_id(0) * kp, k1 = min(k0 + kp, k);
    const size_t block = get_group_id(1);
    pack_columns(dst + (block * (size_t)k + (size_t)k0) * VW, b, (int)block * VW, n, k, k0, k1);
}
#endif

#ifdef PACK_A
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void gemm_block_pack_a(__global float *restrict dst, __global const float *restrict a, int m, int k,
                       int kp)
{
    const int k0 = (int)get_group_id(0) * kp, k1 = min(k0 + kp, k);
    const size_t tile = get_group_id(1);
    const int m0 = min((int)tile * MR, m - MR);
    __global float *d = dst + (tile * (size_t)k + (size_t)k0) * MR;
    for (int kk = k0; kk < k1; kk++, d += MR)
        for (int i = 0; i < MR; i++)
#ifdef TRANS_A
            d[i] = a[(size_t)kk * (size_t)m + (size_t)(m0 + i)];
#else
            d[i] = a[(size_t)(m0 + i) * (size_t)k + (size_t)kk];
#endif
}
#endif

/* Elements from one row of op(a) to the next, and from one k to the next. */
#ifdef PACK_A
#define A_ROW 1
#define A_COL MR
#elif defined(TRANS_A)
#define A_ROW 1
#define A_COL ((size_t)m)
#else
#define A_ROW ((size_t)k)
#define A_COL 1
#endif

/* acc += column of the tile times row of the panel. */
#define STEP(LOAD)                                                                                 \
    {                                                                                              \
        VF bv[NV];                                                                                 \
        _Pragma("unroll") for (int v = 0; v < NV; v++) bv[v] = LOAD;                               \
        _Pragma("unroll") for (int i = 0; i < MR; i++)                                             \
        {                                                                                          \
            const VF av = (VF)(ap[i * A_ROW]);                                                     \
            _Pragma("unroll") for (int v = 0; v < NV; v++) acc[i][v] = FMA(av, bv[v], acc[i][v]);  \
        }                                                                                          \
    }

/* y[o..] (+)= r, of which the first `left` columns exist. */
static void finish(__global float *y, VF r, size_t o, int c, int left, bool begun,
                   bool last EPI_PARAMS)
{
    if (left >= VW) {
        if (begun)
            r += vf_load(y + o);
        if (last)
            r = epi_c(r, o, c EPI_ARGS);
        vf_store(r, y + o);
    } else if (left > 0) {
        if (begun)
            r += vf_load_n(y + o, left);
        if (last)
            r = epi_c_n(r, o, c, left EPI_ARGS);
        vf_store_n(r, y + o, left);
    }
}

#ifdef PACK_B
#define FIRST_COLUMN(panel) (min((panel) * NV, (n + VW - 1) / VW - NV) * VW)
#else
#define FIRST_COLUMN(panel) ((panel) * PW)
#endif

/* From here on the lines of y are wanted in time: rows of it are far apart, which no processor sees
 * coming. (Measured from 512 on; shorter products were not.) */
#define LONG 128

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void gemm_block(__global float *restrict y, __global const float *restrict a,
                __global const float *restrict b, int m, int n, int k, int kc, int mb,
                int nb EPI_PARAMS)
{
    const int tile0 = (int)get_group_id(0) * mb, tile1 = min(tile0 + mb, (m + MR - 1) / MR);
    const int panel0 = (int)get_group_id(1) * nb, panel1 = min(panel0 + nb, (n + PW - 1) / PW);
    for (int k0 = 0; k0 < k; k0 += kc) {
        const int k1 = k0 + min(k - k0, kc);
#pragma unroll 1
        for (int at = 0; at < (panel1 - panel0) * (tile1 - tile0); at++) {
            const int panel = panel0 + at / (tile1 - tile0), tile = tile0 + at % (tile1 - tile0);
            const int m0 = min(tile * MR, m - MR), n0 = FIRST_COLUMN(panel);
            VF acc[MR][NV];
#pragma unroll
            for (int i = 0; i < MR; i++)
#pragma unroll
                for (int v = 0; v < NV; v++)
                    acc[i][v] = (VF)(0.0f);
            __global float *yp = y + (size_t)m0 * (size_t)n + (size_t)n0;
            if (k1 - k0 >= LONG)
#pragma unroll
                for (int i = 0; i < MR; i++)
#pragma unroll
                    for (int v = 0; v < NV; v++)
                        fetch_line(yp + (size_t)i * (size_t)n + v * VW);
#ifdef PACK_A
            __global const float *ap = a + ((size_t)tile * (size_t)k + (size_t)k0) * MR;
#else
            __global const float *ap = a + (size_t)m0 * A_ROW + (size_t)k0 * A_COL;
#endif
#ifdef PACK_B
            const size_t next = (size_t)k * VW;
            __global const float *bp = b + (size_t)n0 * (size_t)k + (size_t)k0 * VW;
#pragma unroll 1
            for (int kk = k0; kk < k1; kk++, ap += A_COL, bp += VW)
                STEP(vf_load(bp + v * next))
#else
            /* A row of the last panel may run on into the next row of b, but not over b's end. */
            const int whole = clamp(k - (n0 + PW - 1) / n, k0, k1);
            __global const float *bp = b + (size_t)k0 * (size_t)n + (size_t)n0;
            int kk = k0;
#pragma unroll 1
            for (; kk < whole; kk++, ap += A_COL, bp += n)
                STEP(vf_load(bp + v * VW))
#pragma unroll 1
            for (; kk < k1; kk++, ap += A_COL, bp += n)
                STEP(vf_load_n(bp + v * VW, clamp(n - n0 - v * VW, 0, VW)))
#endif
            /* Through memory, so that the stores are a loop: unrolled, they take seconds to compile. */
            VF done[MR * NV];
#pragma unroll
            for (int i = 0; i < MR * NV; i++)
                done[i] = acc[i / NV][i % NV];
#pragma unroll 1
            for (int i = tile * MR - m0; i < MR; i++) {
#pragma unroll 1
                for (int v = panel * NV - n0 / VW; v < NV; v++) {
                    const int c = n0 + v * VW;
                    finish(y, done[i * NV + v], (size_t)(m0 + i) * (size_t)n + (size_t)c, c, n - c,
                           k0 > 0, k1 == k EPI_ARGS);
                }
            }
        }
    }
}
