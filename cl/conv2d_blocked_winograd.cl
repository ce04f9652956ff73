/* conv2d_blocked by Winograd's F(OUT x OUT, r x r) (Lavin and Gray 2015, section 4) on CPUs, on
 * windows of WINDOW = OUT + r - 1 pixels a side: the input's transform is that of the window's
 * points, 0, 1, -1 and infinity, for 6 pixels also 2 and -2; r is known to the weights only.
 *
 * conv2d_blocked_winograd: a work-item takes TILES tiles of the images and `split` output blocks.
 * It transforms their input to local memory, which is the second-level cache, and then for NV
 * output blocks at a time makes the PLACES products of TILES rows and transforms them back: nothing
 * but x, w and y meets memory.
 *
 * With PASSES the same in three kernels, v and m in global memory, for inputs too deep for local
 * memory: each of the weights is then read once for all tiles that share a place.
 *
 * v is [tiles / TILES][input block][PLACES][ROW tiles][VW] and m the same with output blocks, or
 * the part of it that the work-item has; ROW is odd, for tiles to spread over the sets of the
 * first-level cache.
 *
 * Between the images of y lie `gap` floats of others.
 *
 * Defines: VW, WINDOW (6 or 4), OUT (4 or 2), TILES, NV, BIAS, PASSES. */
#define ROW (TILES | 1)
#define PLACES (WINDOW * WINDOW)
#define BLOCK_FLOATS (PLACES * ROW * VW)

#ifdef BIAS
#define BIAS_PARAM , __global const float *restrict b
#else
#define BIAS_PARAM
#endif
#ifdef PASSES
#define SPACE __global
#define load vf_load
#define store vf_store
#else
#define SPACE __local
#define load vf_load_local
#define store vf_store_local
#endif

#if WINDOW == 6
/* B^T d of one row or column. */
static inline void spread(VF t[6], const VF d[6])
{
    const VF a = FMA((VF)(-4.0f), d[2], d[4]), b = FMA((VF)(-4.0f), d[1], d[3]);
    const VF c = d[4] - d[2], e = 2.0f * (d[3] - d[1]);
    t[0] = FMA((VF)(4.0f), d[0], FMA((VF)(-5.0f), d[2], d[4]));
    t[1] = a + b;
    t[2] = a - b;
    t[3] = c + e;
    t[4] = c - e;
    t[5] = FMA((VF)(4.0f), d[1], FMA((VF)(-5.0f), d[3], d[5]));
}

/* A^T m of one row or column. */
static inline void gather(VF t[OUT], const VF m[6])
{
    const VF a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
    t[0] = m[0] + a + c;
    t[1] = FMA((VF)(2.0f), d, b);
#if OUT == 2
    t[1] += m[5];
#else
    t[2] = FMA((VF)(4.0f), c, a);
    t[3] = FMA((VF)(8.0f), d, b) + m[5];
#endif
}
#else
static inline void spread(VF t[4], const VF d[4])
{
    t[0] = d[0] - d[2];
    t[1] = d[1] + d[2];
    t[2] = d[2] - d[1];
    t[3] = d[1] - d[3];
}

static inline void gather(VF t[2], const VF m[4])
{
    t[0] = m[0] + m[1] + m[2];
    t[1] = m[1] - m[2] - m[3];
}
#endif

/* Where a tile begins: image, row, column of y. */
static inline int3 tile_at(int t, int out_h, int out_w)
{
    const int across = (out_w + OUT - 1) / OUT, down = (out_h + OUT - 1) / OUT;
    const int row = t / across, img = row / down;
    return (int3)(img, (row - img * down) * OUT, (t - row * across) * OUT);
}

/* One tile of one input block: x is the block's image, (h, w) where the window begins. */
static inline void transform_input(SPACE float *v, __global const float *x, int h, int w, int in_h,
                                   int in_w)
{
    VF t[WINDOW][WINDOW], o[WINDOW];
#pragma unroll 1
    for (int j = 0; j < WINDOW; j++) {
        VF d[WINDOW];
        const bool inside = w + j >= 0 && w + j < in_w;
#pragma unroll
        for (int i = 0; i < WINDOW; i++)
            d[i] = inside && h + i >= 0 && h + i < in_h ? vf_load(x + ((h + i) * in_w + w + j) * VW)
                                                        : (VF)(0.0f);
        spread(o, d);
#pragma unroll
        for (int i = 0; i < WINDOW; i++)
            t[i][j] = o[i];
    }
#pragma unroll 1
    for (int i = 0; i < WINDOW; i++) {
        spread(o, t[i]);
#pragma unroll
        for (int j = 0; j < WINDOW; j++)
            store(o[j], v + (i * WINDOW + j) * ROW * VW);
    }
}

/* What is beyond the last tile is not stored, but should be no slow denormal either. */
static inline void clear_input(SPACE float *v)
{
    for (int i = 0; i < PLACES; i++)
        store((VF)(0.0f), v + i * ROW * VW);
}

/* One tile of one output block; y at (h, w) and what lies behind it in the image. */
static inline void transform_output(__global float *y, size_t at, SPACE const float *m, VF start,
                                    int h, int w, int out_h, int out_w EPI_PARAMS)
{
    VF t[OUT][WINDOW], o[OUT];
#pragma unroll 1
    for (int j = 0; j < WINDOW; j++) {
        VF d[WINDOW];
#pragma unroll
        for (int i = 0; i < WINDOW; i++)
            d[i] = load(m + (i * WINDOW + j) * ROW * VW);
        gather(o, d);
#pragma unroll
        for (int i = 0; i < OUT; i++)
            t[i][j] = o[i];
    }
#pragma unroll 1
    for (int i = 0; i < min(OUT, out_h - h); i++) {
        gather(o, t[i]);
#pragma unroll
        for (int j = 0; j < OUT; j++) {
            const size_t k = at + ((size_t)(h + i) * out_w + w + j) * VW;
            if (w + j < out_w)
                vf_store(epi_w(o[j] + start, k, 0 EPI_ARGS), y + k);
        }
    }
}

/* TILES rows of the products of one of the places; w_block leads to the next output block. Stored
 * are those of the output blocks lo to hi - 1. */
static inline void multiply(SPACE float *m, SPACE const float *v, __global const float *w,
                            int in_blocks, size_t w_block, int lo, int hi)
{
    VF acc[TILES][NV];
#pragma unroll
    for (int k = 0; k < TILES; k++)
#pragma unroll
        for (int o = 0; o < NV; o++)
            acc[k][o] = (VF)(0.0f);
#pragma unroll 1
    for (int c = 0; c < in_blocks; c++, v += BLOCK_FLOATS) {
#pragma unroll 1
        for (int i = 0; i < VW; i++, w += VW) {
            VF u[NV];
#pragma unroll
            for (int o = 0; o < NV; o++)
                u[o] = vf_load(w + o * w_block);
#pragma unroll
            for (int k = 0; k < TILES; k++)
#pragma unroll
                for (int o = 0; o < NV; o++)
                    acc[k][o] = FMA((VF)(v[k * VW + i]), u[o], acc[k][o]);
        }
    }
#pragma unroll
    for (int o = 0; o < NV; o++) {
        if (o < lo || o >= hi)
            continue;
#pragma unroll
        for (int k = 0; k < TILES; k++)
            store(acc[k][o], m + (size_t)o * BLOCK_FLOATS + k * VW);
    }
}

#ifdef BIAS
#define START(block) vf_load(b + (block)*VW)
#else
#define START(block) ((VF)(0.0f))
#endif

#ifndef PASSES
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv2d_blocked_winograd(__global float *restrict y, __global const float *restrict x,
                        __global const float *restrict w BIAS_PARAM, int tiles, int groups,
                        int in_blocks, int in_h, int in_w, int out_blocks, int out_h, int out_w,
                        int pt, int pl, int split, int gap, __local float *restrict v EPI_PARAMS)
{
    const int first = (int)get_global_id(0) * TILES, n = min(TILES, tiles - first);
    const int o_first = (int)get_global_id(1) * split, o_last = min(o_first + split, out_blocks);
    const int group = get_global_id(2), in_area = in_h * in_w;
    const size_t w_block = (size_t)PLACES * in_blocks * VW * VW;
    __local float *m = v + in_blocks * BLOCK_FLOATS;
    int3 at[TILES];
    w += (size_t)group * out_blocks * w_block;
    for (int k = 0; k < n; k++)
        at[k] = tile_at(first + k, out_h, out_w);
    for (int c = 0; c < in_blocks; c++) {
        for (int k = 0; k < TILES; k++) {
            __local float *to = v + c * BLOCK_FLOATS + k * VW;
            if (k < n)
                transform_input(
                    to, x + ((size_t)(at[k].x * groups + group) * in_blocks + c) * in_area * VW,
                    at[k].y - pt, at[k].z - pl, in_h, in_w);
            else
                clear_input(to);
        }
    }
    for (int o = o_first; o < o_last; o += NV) {
        /* The last group of blocks begins earlier, and stores only what is left. */
        const int begin = min(o, out_blocks - NV);
        for (int i = 0; i < PLACES; i++)
            multiply(m + i * ROW * VW, v + i * ROW * VW,
                     w + begin * w_block + (size_t)i * in_blocks * VW * VW, in_blocks, w_block, 0,
                     NV);
        for (int j = o - begin; j < min(NV, o_last - begin); j++) {
            const int block = group * out_blocks + begin + j;
            for (int k = 0; k < n; k++)
                transform_output(y + (size_t)at[k].x * gap,
                                 ((size_t)at[k].x * groups * out_blocks + block) * out_h * out_w *
                                     VW,
                                 m + j * BLOCK_FLOATS + k * VW, START(block), at[k].y, at[k].z,
                                 out_h, out_w EPI_ARGS);
        }
    }
}
#else
/* A work-item a group of tiles and an input block of all groups. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv2d_blocked_winograd_input(__global float *restrict v, __global const float *restrict x,
                              int tiles, int blocks, int in_h, int in_w, int out_h, int out_w,
                              int pt, int pl)
{
    const int first = (int)get_global_id(0) * TILES, c = get_global_id(1);
    v += ((size_t)get_global_id(0) * blocks + c) * BLOCK_FLOATS;
    for (int k = 0; k < TILES; k++, v += VW) {
        const int3 at = tile_at(first + k, out_h, out_w);
        if (first + k < tiles)
            transform_input(v, x + ((size_t)at.x * blocks + c) * in_h * in_w * VW, at.y - pt,
                            at.z - pl, in_h, in_w);
        else
            clear_input(v);
    }
}

/* A work-item a group of tiles, `split` output blocks and a place of one group of channels. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv2d_blocked_winograd_products(__global float *restrict m, __global const float *restrict v,
                                 __global const float *restrict w, int groups, int in_blocks,
                                 int out_blocks, int split)
{
    const int o_first = (int)get_global_id(1) * split, o_last = min(o_first + split, out_blocks);
    const int group = (int)get_global_id(2) / PLACES, place = (int)get_global_id(2) % PLACES;
    const size_t row = get_global_id(0) * groups + group;
    const size_t w_block = (size_t)PLACES * in_blocks * VW * VW;
    v += row * in_blocks * BLOCK_FLOATS + place * ROW * VW;
    m += row * out_blocks * BLOCK_FLOATS + place * ROW * VW;
    w += group * out_blocks * w_block + (size_t)place * in_blocks * VW * VW;
    for (int o = o_first; o < o_last; o += NV) {
        const int begin = min(o, out_blocks - NV);
        multiply(m + (size_t)begin * BLOCK_FLOATS, v, w + begin * w_block, in_blocks, w_block,
                 o - begin, o_last - begin);
    }
}

/* A work-item a group of tiles and an output block of all groups. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv2d_blocked_winograd_output(__global float *restrict y,
                               __global const float *restrict m BIAS_PARAM, int tiles, int blocks,
                               int out_h, int out_w, int gap EPI_PARAMS)
{
    const int first = (int)get_global_id(0) * TILES, block = get_global_id(1);
    m += ((size_t)get_global_id(0) * blocks + block) * BLOCK_FLOATS;
    for (int k = 0; k < min(TILES, tiles - first); k++) {
        const int3 at = tile_at(first + k, out_h, out_w);
        transform_output(y + (size_t)at.x * gap, ((size_t)at.x * blocks + block) * out_h * out_w * VW, m + k * VW,
                         START(block), at.y, at.z, out_h, out_w EPI_ARGS);
    }
}
#endif
