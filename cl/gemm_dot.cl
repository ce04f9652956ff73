/* gemm on CPUs for few rows and b as N x K, where both operands are contiguous along k: every element
 * is a dot product with vectors along k, and b, by far the largest of the three, is read once as it is.
 *
 * With KC, k goes in pieces of so many, whose part of a is copied to where it lies in one piece, in the
 * order in which it is read: rows a multiple of 4 KB apart push each other out of the first-level cache.
 * The sums of BLOCK columns wait as vectors meanwhile. Each group of columns fetches the lines of the next
 * one, which are not where a processor expects them.
 *
 * Defines: ROWS, all the rows of a; MR rows, NR columns at a time; BLOCK columns, a multiple of NR; COLS
 * columns a work-item, a multiple of BLOCK; KC, a multiple of VW. */
#define TILES ((ROWS + MR - 1) / MR)

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

/* The last tile of rows moves up so that it has MR rows. */
static int first_row(int tile)
{
    return min(tile * MR, ROWS - MR);
}

/* Elements i.. of row r of a tile whose first row, or whose copy, is at ap. */
#ifdef KC
#define A_PART(LOAD) ap[r]
#define A_NEXT MR
typedef const VF *rows_of_a;
#else
#define A_PART(LOAD) LOAD(ap + (size_t)r * (size_t)k)
#define A_NEXT 0
typedef __global const float *rows_of_a;
#endif

#define STEP(LOAD)                                                                                 \
    {                                                                                              \
        VF bv[NR];                                                                                 \
        _Pragma("unroll") for (int c = 0; c < NR; c++) bv[c] = LOAD(bp[c]);                        \
        _Pragma("unroll") for (int r = 0; r < MR; r++)                                             \
        {                                                                                          \
            const VF av = A_PART(LOAD);                                                            \
            _Pragma("unroll") for (int c = 0; c < NR; c++) acc[r][c] = FMA(av, bv[c], acc[r][c]);  \
        }                                                                                          \
    }
#define WHOLE(p) vf_load((p) + i)
#define PART(p) vf_load_n((p) + i, k1 - i)

/* Adds the products of k0 <= i < k1 for MR rows and NR columns from j on to sums[row][column]; fetches as
 * much of NR rows of b from `next` on where that is not NULL. */
static void add_tile(VF *sums, rows_of_a ap, __global const float *b, int j, int n, int k, int k0,
                     int k1, __global const float *next)
{
    __global const float *bp[NR];
    VF acc[MR][NR];
    int i = k0;
#pragma unroll
    for (int c = 0; c < NR; c++)
        bp[c] = b + (size_t)min(j + c, n - 1) * (size_t)k;
#pragma unroll
    for (int r = 0; r < MR; r++)
#pragma unroll
        for (int c = 0; c < NR; c++)
            acc[r][c] = k0 > 0 ? sums[r * NR + c] : (VF)(0.0f);
    if (next) {
#pragma unroll 1
        for (; i + VW <= k1; i += VW, ap += A_NEXT, next += VW) {
#pragma unroll
            for (int c = 0; c < NR; c++)
                fetch_line(next + (size_t)c * (size_t)k);
            STEP(WHOLE)
        }
    } else {
#pragma unroll 1
        for (; i + VW <= k1; i += VW, ap += A_NEXT)
            STEP(WHOLE)
    }
    if (i < k1)
        STEP(PART)
#pragma unroll
    for (int r = 0; r < MR; r++)
#pragma unroll
        for (int c = 0; c < NR; c++)
            sums[r * NR + c] = acc[r][c];
}

#ifdef KC
/* Columns [k0, k1) of all tiles of a: to[tile][vector][row], with zeros behind k1. */
static void copy_rows(VF *to, __global const float *a, int k, int k0, int k1)
{
    for (int t = 0; t < TILES; t++) {
        __global const float *ap = a + (size_t)first_row(t) * (size_t)k;
        for (int i = k0; i < k1; i += VW)
            for (int r = 0; r < MR; r++)
                *to++ = i + VW <= k1 ? WHOLE(ap + (size_t)r * (size_t)k) : PART(ap + (size_t)r * (size_t)k);
    }
}
#else
#define KC k
#define copy_rows(to, a, k, k0, k1)
#define ALL_OF_K
#endif

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void gemm_dot(__global float *restrict y, __global const float *restrict a,
              __global const float *restrict b, int n, int k EPI_PARAMS)
{
    const int n0 = (int)get_group_id(0) * COLS, n1 = min(n0 + COLS, n);
    for (int j0 = n0; j0 < n1; j0 += BLOCK) {
        const int j1 = min(j0 + BLOCK, n1);
        VF sums[BLOCK / NR][TILES][MR * NR];
#ifndef ALL_OF_K
        VF piece[TILES * KC / VW * MR];
#endif
        for (int k0 = 0; k0 < k; k0 += KC) {
            const int k1 = k0 + min(k - k0, KC);
            copy_rows(piece, a, k, k0, k1);
            for (int j = j0; j < j1; j += NR) {
                const bool wraps = j + NR >= j1 && k1 < k;
                __global const float *next = b + (size_t)(wraps ? j0 : j + NR) * (size_t)k + (wraps ? k1 : k0);
                for (int t = 0; t < TILES; t++)
#ifdef ALL_OF_K
                    add_tile(sums[(j - j0) / NR][t], a + (size_t)first_row(t) * (size_t)k, b, j, n, k, k0,
                             k1, t == 0 ? next : 0);
#else
                    add_tile(sums[(j - j0) / NR][t], piece + t * MR * ((k1 - k0 + VW - 1) / VW), b, j, n, k,
                             k0, k1, t == 0 ? next : 0);
#endif
            }
        }
        for (int j = j0; j < j1; j++) {
            for (int r = 0; r < ROWS; r++) {
                const int t = r / MR, at = (r - first_row(t)) * NR + (j - j0) % NR;
                const size_t o = (size_t)r * (size_t)n + (size_t)j;
                y[o] = epi(sum(sums[(j - j0) / NR][t][at]), o, j EPI_ARGS);
            }
        }
    }
}
