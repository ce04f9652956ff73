/* conv2d_blocked by F(4x4, 3x3) (Lavin and Gray 2015, section 4) on CPUs: a work-item takes TILES
 * tiles of 4 x 4 results of one image and `split` output blocks. It transforms their input to local
 * memory, which is the second-level cache, and then for NV output blocks at a time makes the 36
 * products of TILES rows and transforms them back: nothing but x, w and y meets memory.
 *
 * Local memory: v [input block][36][ROW tiles][VW], m [NV][36][ROW tiles][VW]; ROW is odd, for
 * tiles to spread over the sets of the first-level cache.
 *
 * Defines: VW, TILES, NV, BIAS. */
#define ROW (TILES | 1)

#ifdef BIAS
#define BIAS_PARAM , __global const float *restrict b
#else
#define BIAS_PARAM
#endif

/* B^T d of one row or column. */
static inline void spread(VF t[6], VF d0, VF d1, VF d2, VF d3, VF d4, VF d5)
{
    const VF a = FMA((VF)(-4.0f), d2, d4), b = FMA((VF)(-4.0f), d1, d3);
    const VF c = d4 - d2, e = 2.0f * (d3 - d1);
    t[0] = FMA((VF)(4.0f), d0, FMA((VF)(-5.0f), d2, d4));
    t[1] = a + b;
    t[2] = a - b;
    t[3] = c + e;
    t[4] = c - e;
    t[5] = FMA((VF)(4.0f), d1, FMA((VF)(-5.0f), d3, d5));
}

/* A^T m of one row or column. */
static inline void gather(VF t[4], VF m0, VF m1, VF m2, VF m3, VF m4, VF m5)
{
    const VF a = m1 + m2, b = m1 - m2, c = m3 + m4, d = m3 - m4;
    t[0] = m0 + a + c;
    t[1] = FMA((VF)(2.0f), d, b);
    t[2] = FMA((VF)(4.0f), c, a);
    t[3] = FMA((VF)(8.0f), d, b) + m5;
}

/* One tile of one input block: x is the block's image, (h, w) where the window begins. */
static inline void transform_input(__local float *v, __global const float *x, int h, int w,
                                   int in_h, int in_w)
{
    VF t[6][6], o[6];
#pragma unroll 1
    for (int j = 0; j < 6; j++) {
        VF d[6];
        const bool inside = w + j >= 0 && w + j < in_w;
#pragma unroll
        for (int i = 0; i < 6; i++)
            d[i] = inside && h + i >= 0 && h + i < in_h ? vf_load(x + ((h + i) * in_w + w + j) * VW)
                                                        : (VF)(0.0f);
        spread(o, d[0], d[1], d[2], d[3], d[4], d[5]);
#pragma unroll
        for (int i = 0; i < 6; i++)
            t[i][j] = o[i];
    }
#pragma unroll 1
    for (int i = 0; i < 6; i++) {
        spread(o, t[i][0], t[i][1], t[i][2], t[i][3], t[i][4], t[i][5]);
#pragma unroll
        for (int j = 0; j < 6; j++)
            vf_store_local(o[j], v + (i * 6 + j) * ROW * VW);
    }
}

/* One tile of one output block; y at (h, w) and what lies behind it in the image. */
static inline void transform_output(__global float *y, size_t at, __local const float *m, VF start,
                                    int h, int w, int out_h, int out_w EPI_PARAMS)
{
    VF t[4][6], o[4];
#pragma unroll 1
    for (int j = 0; j < 6; j++) {
        gather(o, vf_load_local(m + j * ROW * VW), vf_load_local(m + (6 + j) * ROW * VW),
               vf_load_local(m + (12 + j) * ROW * VW), vf_load_local(m + (18 + j) * ROW * VW),
               vf_load_local(m + (24 + j) * ROW * VW), vf_load_local(m + (30 + j) * ROW * VW));
#pragma unroll
        for (int i = 0; i < 4; i++)
            t[i][j] = o[i];
    }
#pragma unroll 1
    for (int i = 0; i < min(4, out_h - h); i++) {
        gather(o, t[i][0], t[i][1], t[i][2], t[i][3], t[i][4], t[i][5]);
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const size_t k = at + ((size_t)(h + i) * out_w + w + j) * VW;
            if (w + j < out_w)
                vf_store(epi_w(o[j] + start, k, 0 EPI_ARGS), y + k);
        }
    }
}

/* TILES rows of the products of one of the 36 places; w_block leads to the next output block. */
static inline void multiply(__local float *m, __local const float *v, __global const float *w,
                            int in_blocks, size_t w_block)
{
    VF acc[TILES][NV];
#pragma unroll
    for (int k = 0; k < TILES; k++)
#pragma unroll
        for (int o = 0; o < NV; o++)
            acc[k][o] = (VF)(0.0f);
#pragma unroll 1
    for (int c = 0; c < in_blocks; c++, v += 36 * ROW * VW) {
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
    for (int k = 0; k < TILES; k++)
#pragma unroll
        for (int o = 0; o < NV; o++)
            vf_store_local(acc[k][o], m + (o * 36 * ROW + k) * VW);
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv2d_blocked_winograd(__global float *restrict y, __global const float *restrict x,
                        __global const float *restrict w BIAS_PARAM, int groups, int in_blocks,
                        int in_h, int in_w, int out_blocks, int out_h, int out_w, int pt, int pl,
                        int split, __local float *restrict v EPI_PARAMS)
{
    const int across = (out_w + 3) / 4, tiles = across * ((out_h + 3) / 4);
    const int first = (int)get_global_id(0) * TILES, n = min(TILES, tiles - first);
    const int o_first = (int)get_global_id(1) * split, o_last = min(o_first + split, out_blocks);
    const int img = get_global_id(2), group = img % groups, area = in_h * in_w;
    const size_t w_block = (size_t)36 * in_blocks * VW * VW;
    __local float *m = v + in_blocks * 36 * ROW * VW;
    x += (size_t)img * in_blocks * area * VW;
    w += (size_t)group * out_blocks * w_block;
    for (int c = 0; c < in_blocks; c++) {
        for (int k = 0; k < TILES; k++) {
            __local float *to = v + (c * 36 * ROW + k) * VW;
            const int t = first + k;
            /* What is beyond the last tile is not stored, but should be no slow denormal either. */
            if (k < n)
                transform_input(to, x + (size_t)c * area * VW, t / across * 4 - pt,
                                t % across * 4 - pl, in_h, in_w);
            else
                for (int i = 0; i < 36; i++)
                    vf_store_local((VF)(0.0f), to + i * ROW * VW);
        }
    }
    for (int o = o_first; o < o_last; o += NV) {
        /* The last group of blocks begins earlier, and stores only what is left. */
        const int begin = min(o, out_blocks - NV);
        for (int i = 0; i < 36; i++)
            multiply(m + i * ROW * VW, v + i * ROW * VW,
                     w + begin * w_block + (size_t)i * in_blocks * VW * VW, in_blocks, w_block);
        for (int j = o - begin; j < min(NV, o_last - begin); j++) {
            const size_t at = ((size_t)img * out_blocks + begin + j) * out_h * out_w * VW;
#ifdef BIAS
            const VF start = vf_load(b + (group * out_blocks + begin + j) * VW);
#else
            const VF start = (VF)(0.0f);
#endif
            for (int k = 0; k < n; k++)
                transform_output(y, at, m + (j * 36 * ROW + k) * VW, start,
                                 (first + k) / across * 4, (first + k) % across * 4, out_h,
                                 out_w EPI_ARGS);
        }
    }
}
