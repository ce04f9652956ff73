/* conv2d_blocked on CPUs: register tiles of PX pixels by NV output blocks of VW channels.
 *
 * A work-item makes `rows` rows of `split` output blocks of one image (of one group of it). Input
 * blocks come `chunk` at a time, so that their weights stay in the second-level cache: the rows
 * that they need are copied to local memory with zeros around them, which leaves no edge to the
 * loops behind; sums wait in y for those of later chunks. FLAT, a 1x1 filter of stride 1 without
 * padding, needs no copy: the image is one row, and `rows` counts tiles.
 *
 * Between the images of y lie `gap` floats of others.
 *
 * PHASE, for the data gradient of a strided convolution: y is every YS-th pixel of every so many
 * rows of dx, and its filter every w_col-th tap of every so many rows of w.
 *
 * SEPARABLE, a 1x1 filter on the result of one with a filter a channel, which is made where others
 * copy: `rows` whole rows, tiles from one into the next. kh, row_step, dh, pt and pl are that
 * convolution's.
 *
 * Defines: VW; X_BLOCK, VW or 1 where x is plain; PX, NV; SW, columns of the copy from pixel to
 * pixel; FLAT; PHASE, YS; BIAS; SEPARABLE, DEEP_* (prelude), DEEP_BIAS, DEEP_ACT. */

#ifdef BIAS
#define BIAS_PARAM , __global const float *restrict b
#else
#define BIAS_PARAM
#endif
#ifdef FLAT
#define XPTR __global const float *
#else
#define XPTR __local const float *

/* The same of a plain image: numbers for pixels. */
static inline void copy_numbers(__local float *u, __global const float *x, int n, int left,
                                int step, int w)
{
    const int lo = min(left < 0 ? (-left + step - 1) / step : 0, n);
    const int hi = clamp((w - left + step - 1) / step, lo, n);
    int j = 0;
    for (; j < lo; j++)
        u[j] = 0.0f;
    for (; j < hi; j++)
        u[j] = x[left + j * step];
    for (; j < n; j++)
        u[j] = 0.0f;
}
#if X_BLOCK == 1
#define copy_row copy_numbers
#else
#define copy_row copy_pixels
#endif
#endif

#ifdef SEPARABLE
#ifdef DEEP_BIAS
#define DEEP_PARAMS , __global const float *restrict d, __global const float *restrict e
#else
#define DEEP_PARAMS , __global const float *restrict d
#endif

/* Rows [row, last) of one block of the result of the filter w, zeros behind it where a tile is
 * larger. */
static inline void make_rows(__local float *u, __global const float *x, __global const float *w,
                             VF start, int row, int last, int in_h, int in_w, int out_w, int kh,
                             int sh, int dh, int pt, int pl)
{
    const int n = (last - row) * out_w;
    for (int j = n; j < PX; j++)
        vf_store_local((VF)(0.0f), u + j * VW);
    for (; row < last; row++, u += out_w * VW) {
        const struct depthwise_rows from =
            depthwise_rows(x, w, row, in_h, in_w, kh, sh, dh, pt);
        for (int ow = 0; ow < out_w; ow += DEEP_PX) {
            const int at = depthwise_at(ow, out_w);
            VF acc[DEEP_PX];
            depthwise_pixels(acc, from, start, at, in_w, dh, pl);
#pragma unroll
            for (int p = 0; p < DEEP_PX; p++)
                if (at + p < out_w)
                    vf_store_local(DEEP_ACT(acc[p], DEEP_ACT_ALPHA, DEEP_ACT_BETA),
                                   u + (at + p) * VW);
        }
    }
}
#define TAPS_H 1
#define TAPS_W 1
#else
#define DEEP_PARAMS
#define TAPS_H kh
#define TAPS_W kw
#endif

/* What the epilogue will read is fetched while the products are made. */
#if (defined(FLAT) || defined(SEPARABLE)) && defined(EPI_RESIDUAL)
#define AHEAD_PARAM , __global const float *ahead, int ahead_step
#define AHEAD(p, step) , p, step
#else
#define AHEAD_PARAM
#define AHEAD(p, step)
#endif

#ifdef PHASE
#define PHASE_PARAMS , int w_taps, int w_row, int w_col
#define PHASE_ARGS , w_taps, w_row, w_col
#define PHASE_KERNEL_PARAMS , int w_first, int y_area, int y_first, int y_row
#else
#define PHASE_PARAMS
#define PHASE_ARGS
#define PHASE_KERNEL_PARAMS
#define YS 1
#endif

/* acc += the products of nc input blocks. x is where the tile's first pixel begins; `row` and `col`
 * lead from tap to tap. Blocks and taps are one loop: each one more around the sums would take
 * compilers as long again. */
static inline void multiply(VF acc[PX][NV], XPTR x, __global const float *w, int nc, int kh, int kw,
                            int plane, int row, int col, int w_block AHEAD_PARAM PHASE_PARAMS)
{
    const int n = nc * kh * kw;
    int r = 0, s = 0;
#pragma unroll 1
    for (int t = 0; t < n; t++) {
        XPTR p = x + r * row + s * col;
#ifdef PHASE
        __global const float *v_at = w + (r * w_row + s * w_col) * (X_BLOCK * VW);
#else
        __global const float *v_at = w + (size_t)t * (X_BLOCK * VW);
#endif
#pragma unroll 1
        for (int i = 0; i < X_BLOCK; i++, v_at += VW) {
            VF v[NV];
#if defined(FLAT) || defined(SEPARABLE)
            /* The next block's pixels: too short a run for the processor to see it coming. */
#pragma unroll
            for (int k = 0; k < (PX + VW - 1) / VW; k++)
                fetch_line(p + plane + (i + k * VW) * VW);
#ifdef EPI_RESIDUAL
            if (t < NV)
#pragma unroll
                for (int k = 0; k < (PX + VW - 1) / VW; k++)
                    fetch_line(ahead + (size_t)t * ahead_step + (i + k * VW) * VW);
#endif
#endif
#pragma unroll
            for (int o = 0; o < NV; o++) {
                v[o] = vf_load(v_at + o * w_block);
                if (NV <= 2) /* more would cost more than they bring (measured) */
                    fetch_line(v_at + o * w_block + 24 * VW);
            }
#pragma unroll
            for (int k = 0; k < PX; k++)
#pragma unroll
                for (int o = 0; o < NV; o++)
                    acc[k][o] = FMA((VF)(p[k * SW * X_BLOCK + i]), v[o], acc[k][o]);
        }
        if (++s == kw) {
            s = 0;
            if (++r == kh) {
                r = 0;
                x += plane;
#ifdef PHASE
                w += w_taps * (X_BLOCK * VW);
#endif
            }
        }
    }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv2d_blocked_direct(__global float *restrict y, __global const float *restrict x,
                      __global const float *restrict w BIAS_PARAM DEEP_PARAMS, int groups, int in_blocks,
                      int in_h, int in_w, int out_blocks, int out_h, int out_w, int kh, int kw,
                      int row_step, int copy_h, int copy_w, int dh, int dw, int pt, int pl,
                      int rows, int split, int chunk, int gap PHASE_PARAMS PHASE_KERNEL_PARAMS,
                      __local float *restrict u EPI_PARAMS)
{
    const int row0 = (int)get_global_id(0) * rows;
    const int o_first = (int)get_global_id(1) * split, o_last = min(o_first + split, out_blocks);
    const int img = get_global_id(2), group = img % groups;
#ifdef PHASE
    const int area = y_area;
    w += w_first * (X_BLOCK * VW);
#else
    const int area = out_h * out_w, w_taps = TAPS_H * TAPS_W;
#endif
    const int w_block = in_blocks * w_taps * X_BLOCK * VW;
    const size_t y0 = (size_t)img * out_blocks * area * VW;
#ifdef FLAT
    const int row1 = row0 + 1, col0 = row0 * PX, col1 = min(col0 + rows * PX, out_w);
    const int plane = in_w * VW, pitch = 0;
#elif defined(SEPARABLE)
    const int row1 = row0 + 1, row_end = min(row0 + rows, out_h);
    const int col0 = 0, col1 = (row_end - row0) * out_w;
    const int plane = max(col1, PX) * VW, pitch = 0;
#else
    const int row1 = min(row0 + rows, out_h), col0 = 0, col1 = out_w;
    const int lines = (row1 - row0 - 1) * row_step + (kh - 1) * dh + 1;
    const int width = ((out_w + PX - 1) / PX * PX - 1) * SW + (kw - 1) * dw + 1;
    const int pitch = width * X_BLOCK, plane = lines * pitch;
#endif
    x += (size_t)img * in_blocks * in_h * in_w * X_BLOCK;
    y += (size_t)(img / groups) * gap;
    w += (size_t)group * out_blocks * w_block;
    for (int c0 = 0; c0 < in_blocks; c0 += chunk) {
        const int nc = min(chunk, in_blocks - c0);
        __global const float *xc = x + (size_t)c0 * in_h * in_w * X_BLOCK;
        __global const float *wc = w + (size_t)c0 * w_taps * X_BLOCK * VW;
#ifdef SEPARABLE
        for (int c = 0; c < nc; c++) {
#ifdef DEEP_BIAS
            const VF first = vf_load(e + (c0 + c) * VW);
#else
            const VF first = (VF)(0.0f);
#endif
            make_rows(u + c * plane, xc + (size_t)c * in_h * in_w * VW,
                      d + (c0 + c) * kh * DEEP_KW * VW, first, row0, row_end, in_h, in_w, out_w,
                      kh, row_step, dh, pt, pl);
        }
#elif !defined(FLAT)
        for (int c = 0; c < nc; c++) {
            for (int k = 0; k < lines; k++) {
                const int h = row0 * row_step * copy_h - pt + k * copy_h;
                const bool inside = h >= 0 && h < in_h;
                copy_row(u + c * plane + k * pitch,
                         xc + (c * in_h + (inside ? h : 0)) * in_w * X_BLOCK, width, -pl, copy_w,
                         inside ? in_w : 0);
            }
        }
#endif
        for (int row = row0; row < row1; row++) {
            for (int col = col0; col < col1; col += PX) {
#ifdef FLAT
                /* The last tile begins earlier, so that it reads nothing behind the image. */
                const int at = min(col, out_w - PX), lo = col - at, hi = PX, place = at;
                XPTR xt = xc + at * VW;
#elif defined(SEPARABLE)
                const int at = max(min(col, col1 - PX), 0), lo = col - at, hi = min(PX, col1);
                const int place = row0 * out_w + at;
                XPTR xt = u + at * VW;
#else
                const int lo = 0, hi = min(PX, out_w - col);
#ifdef PHASE
                const int place = y_first + row * y_row + col * YS;
#else
                const int place = row * out_w + col;
#endif
                XPTR xt = u + (row - row0) * row_step * pitch + col * SW * X_BLOCK;
#endif
#pragma unroll 1
                for (int o = o_first; o < o_last; o += NV) {
                    /* The last group of blocks begins earlier, and stores only what is left. */
                    const int first = min(o, out_blocks - NV), skip = o - first, n = o_last - first;
                    VF acc[PX][NV], sum[NV][PX];
#ifdef BIAS
                    __global const float *bias = b + (group * out_blocks + first) * VW;
#endif
                    const size_t to = y0 + ((size_t)first * area + place) * VW;
#pragma unroll
                    for (int k = 0; k < NV; k++) {
#ifdef BIAS
                        const VF start = c0 > 0 ? (VF)(0.0f) : vf_load(bias + k * VW);
#else
                        const VF start = (VF)(0.0f);
#endif
#pragma unroll
                        for (int p = 0; p < PX; p++)
                            acc[p][k] = start;
                    }
                    multiply(acc, xt, wc + (size_t)first * w_block, nc, TAPS_H, TAPS_W, plane,
                             dh * pitch, dw * X_BLOCK,
                             w_block AHEAD(residual + to, area * VW) PHASE_ARGS);
                    if (nc == in_blocks && skip == 0 && n >= NV && hi - lo == PX) {
                        /* Most tiles: a comparison for each vector would take as long as 10 to 20
                         * steps of their sums. */
#pragma unroll
                        for (int k = 0; k < NV; k++) {
#pragma unroll
                            for (int p = 0; p < PX; p++) {
                                const size_t at_y = to + ((size_t)k * area + p * YS) * VW;
                                vf_store(epi_w(acc[p][k], at_y, 0 EPI_ARGS), y + at_y);
                            }
                        }
                        continue;
                    }
                    /* The rest stays a loop, over a copy of the sums in memory: unrolled, with a
                     * choice for each, it would take longer to compile than the products. */
#pragma unroll
                    for (int k = 0; k < NV; k++)
#pragma unroll
                        for (int p = 0; p < PX; p++)
                            sum[k][p] = acc[p][k];
#pragma unroll 1
                    for (int k = skip; k < min(n, NV); k++) {
#pragma unroll 1
                        for (int p = lo; p < hi; p++) {
                            const size_t at_y = to + ((size_t)k * area + p * YS) * VW;
                            VF v = sum[k][p];
                            if (c0 > 0)
                                v += vf_load(y + at_y);
                            if (c0 + nc == in_blocks)
                                v = epi_w(v, at_y, 0 EPI_ARGS);
                            vf_store(v, y + at_y);
                        }
                    }
                }
            }
        }
    }
}
