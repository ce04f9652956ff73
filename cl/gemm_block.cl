/* gemm on CPUs: a work-item multiplies `mb` tiles of MR rows with one panel of PW = NV * VW columns of b,
 * each tile in MR * NV vector registers (after Goto and van de Geijn 2008, without the threads).
 *
 * The panel comes from b as it lies, or with PACK_B from a copy [panel][k][PW] that gemm_block_pack_b
 * made, zeros behind the last column; with TRANS_B (b is N x K) it has to. Rows of a come from a as it
 * lies, or with PACK_A from [tile][k][MR]. The last tile moves up so that it has MR rows, and leaves
 * alone those that the one before it owns: MR <= m.
 * k is cut into pieces of `kc`, so that a piece of the panel stays in cache for `mb` tiles; sums wait in
 * y. A work-item packs `kp` of the k. */
#define PW (NV * VW)

#ifdef PACK_B
#ifdef TRANS_B
/* x[i][j] -> x[j][i]: each of log2(VW) rounds shuffles the first half with the second like cards. */
static void transpose(VF x[VW])
{
    VF t[VW];
#pragma unroll
    for (int round = 1; round < VW; round *= 2) {
#pragma unroll
        for (int i = 0; i < VW / 2; i++) {
            t[2 * i].even = x[i].lo;
            t[2 * i].odd = x[i + VW / 2].lo;
            t[2 * i + 1].even = x[i].hi;
            t[2 * i + 1].odd = x[i + VW / 2].hi;
        }
#pragma unroll
        for (int i = 0; i < VW; i++)
            x[i] = t[i];
    }
}

/* VW columns from c on: k in [k0, k1) of b to rows of dst. */
static void pack_columns(__global float *dst, __global const float *b, int c, int n, int k, int k0,
                         int k1)
{
    for (int kk = k0; kk < k1; kk += VW, dst += (size_t)VW * PW) {
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
        transpose(x);
        if (left == VW) {
#pragma unroll
            for (int i = 0; i < VW; i++)
                vf_store(x[i], dst + i * PW);
        } else {
#pragma unroll 1
            for (int i = 0; i < left; i++)
                vf_store(x[i], dst + i * PW);
        }
    }
}
#else
static void pack_columns(__global float *dst, __global const float *b, int c, int n, int k, int k0,
                         int k1)
{
    for (int kk = k0; kk < k1; kk++, dst += PW) {
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
    const size_t panel = get_group_id(1);
    __global float *d = dst + (panel * (size_t)k + (size_t)k0) * PW;
#pragma unroll 1
    for (int v = 0; v < NV; v++)
        pack_columns(d + v * VW, b, (int)panel * PW + v * VW, n, k, k0, k1);
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

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void gemm_block(__global float *restrict y, __global const float *restrict a,
                __global const float *restrict b, int m, int n, int k, int kc,
                int mb EPI_PARAMS)
{
    const size_t panel = get_group_id(1);
    const int n0 = (int)panel * PW;
    for (int k0 = 0; k0 < k; k0 += kc) {
        const int k1 = k0 + min(k - k0, kc);
        for (int t = 0; t < mb; t++) {
            const int tile = (int)get_group_id(0) * mb + t, first = tile * MR;
            if (first >= m)
                break;
            const int m0 = min(first, m - MR);
            VF acc[MR][NV];
#pragma unroll
            for (int i = 0; i < MR; i++)
#pragma unroll
                for (int v = 0; v < NV; v++)
                    acc[i][v] = (VF)(0.0f);
#ifdef PACK_A
            __global const float *ap = a + ((size_t)tile * (size_t)k + (size_t)k0) * MR;
#else
            __global const float *ap = a + (size_t)m0 * A_ROW + (size_t)k0 * A_COL;
#endif
#ifdef PACK_B
            __global const float *bp = b + (panel * (size_t)k + (size_t)k0) * PW;
#pragma unroll 1
            for (int kk = k0; kk < k1; kk++, ap += A_COL, bp += PW)
                STEP(vf_load(bp + v * VW))
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
            for (int i = first - m0; i < MR; i++) {
#pragma unroll 1
                for (int v = 0; v < NV; v++) {
                    const int c = n0 + v * VW;
                    finish(y, done[i * NV + v], (size_t)(m0 + i) * (size_t)n + (size_t)c, c, n - c,
                           k0 > 0, k1 == k EPI_ARGS);
                }
            }
        }
    }
}
