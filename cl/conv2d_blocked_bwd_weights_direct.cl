/* conv2d_blocked_bwd_weights on CPUs: register tiles of TC input channels (of a plain x: rows of
 * its filter) by TS taps of a row by NV vectors of output channels.
 *
 * A unit is a band of `rows` output rows of one image. A work-item adds up `chunk` units for some
 * blocks of input channels and some of output channels, `hold` units at a time: the rows of x that
 * they meet are copied to local memory with zeros around them, then each pixel's vectors of dy
 * times TC * TS numbers of x go to the sums of a tile, over all pixels of those units, which the
 * first-level cache holds. Between two times the sums wait in `part`. FLAT, a 1x1 filter of stride
 * 1 without padding, reads x in place.
 *
 * One work-item may have all units of its channels: it writes dw itself (WHOLE). Otherwise a second
 * launch adds up what the `parts` of the units gave, in order: the result depends neither on
 * threads nor on timing.
 *
 * A block of x is XC channels: VW, or where x is plain (X_BLOCK 1) all of them.
 * Defines: VW, X_BLOCK, XC, TC, TS, NV; SW, columns of the copy from pixel to pixel; DW; of a plain
 * x KH, and floats of a copied channel, PLANE, and between rows of the filter, LINE; FLAT, WHOLE.
 */
#ifdef FLAT
#define XPTR __global const float *
#else
#define XPTR __local const float *
#endif
/* Where x is of a tile's channel q, and which of the sums is that of channel q, row r, column s. */
#if X_BLOCK == 1
#define CHANNEL(q) ((q) / KH * PLANE + (q) % KH * LINE)
#define SUM_OF(q, r, s) ((((q) % KH * kw + (s)) * XC + (q) / KH) * VW)
#else
#define CHANNEL(q) (q)
#define SUM_OF(q, r, s) ((((r)*kw + (s)) * XC + (q)) * VW)
#endif

/* The sums of the tile at channel q, row r, column s: as they wait in `part`, or zeros. */
static inline void load_sums(VF acc[TC * TS][NV], __global const float *part, bool none, int q,
                             int r, int s, int kw, int block)
{
#pragma unroll
    for (int i = 0; i < TC * TS; i++)
#pragma unroll
        for (int v = 0; v < NV; v++)
            acc[i][v] =
                none ? (VF)(0.0f) : vf_load(part + v * block + SUM_OF(q + i % TC, r, s + i / TC));
}

static inline void store_sums(VF acc[TC * TS][NV], __global float *part, int q, int r, int s,
                              int kw, int block)
{
#pragma unroll
    for (int i = 0; i < TC * TS; i++)
#pragma unroll
        for (int v = 0; v < NV; v++)
            vf_store(acc[i][v], part + v * block + SUM_OF(q + i % TC, r, s + i / TC));
}

/* acc += dy times x over rows of cols pixels. */
static inline void multiply(VF acc[TC * TS][NV], XPTR x, __global const float *dy, int dy_block,
                            int rows, int cols, int row_step)
{
#pragma unroll 1
    for (int r = 0; r < rows; r++, x += row_step) {
        XPTR p = x;
#pragma unroll 1
        for (int c = 0; c < cols; c++, p += SW * X_BLOCK, dy += VW) {
            VF d[NV];
#pragma unroll
            for (int v = 0; v < NV; v++)
                d[v] = vf_load(dy + v * dy_block);
#pragma unroll
            for (int i = 0; i < TC * TS; i++)
#pragma unroll
                for (int v = 0; v < NV; v++)
                    acc[i][v] =
                        FMA((VF)(p[CHANNEL(i % TC) + i / TC * DW * X_BLOCK]), d[v], acc[i][v]);
        }
    }
}

/* Rows of dw: nm filters of n = channels * taps numbers, from sums of XC x VW a tap; `parts` of
 * them, part_step apart. `row` leads from filter to filter. */
static inline void unpack(__global float *dw, __global const float *part, int parts,
                          size_t part_step, int n, int taps, int nm, int row)
{
    int c = 0, t = 0;
    for (int k = 0; k < n; k += VW) {
        VF v[VW];
        for (int j = 0; j < VW; j++) {
            __global const float *p = part + (t * XC + c) * VW;
            v[j] = vf_load(p);
            for (int q = 1; q < parts; q++)
                v[j] += vf_load(p + q * part_step);
            if (k + j + 1 < n && ++t == taps) {
                t = 0;
                c++;
            }
        }
        vf_transpose(v);
        for (int j = 0; j < nm; j++) {
            if (k + VW <= n)
                vf_store(v[j], dw + (size_t)j * row + k);
            else
                vf_store_n(v[j], dw + (size_t)j * row + k, n - k);
        }
    }
}

#ifdef WHOLE
#define DW_PARAM __global float *restrict dw,
#else
#define DW_PARAM
#endif
#ifndef FLAT
/* `lines` rows of x, every copy_h-th from row `first` on; of a plain image all channels. */
static inline void copy_x(__local float *u, __global const float *x, int lines, int first, int in_c,
                          int in_h, int in_w, int width, int copy_h, int copy_w, int pl)
{
#if X_BLOCK == 1
    for (int c = 0; c < in_c; c++, u += PLANE, x += (size_t)in_h * in_w)
#endif
        for (int k = 0; k < lines; k++) {
            const int h = first + k * copy_h;
            const bool inside = h >= 0 && h < in_h;
            __global const float *row = x + (size_t)(inside ? h : 0) * in_w * X_BLOCK;
#if X_BLOCK == 1
            copy_window(u + k * width, row, inside ? in_w : 0, -pl, width);
#else
            copy_pixels(u + k * width * VW, row, width, -pl, copy_w, inside ? in_w : 0);
#endif
        }
}
#endif

/* in_c and out_c are those of a group. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void conv2d_blocked_bwd_weights_direct(
    DW_PARAM __global float *restrict part, __global const float *restrict x,
    __global const float *restrict dy, int units, int chunk, int hold, int rows, int in_c, int in_h,
    int in_w, int out_c, int out_h, int out_w, int kh, int kw, int row_step, int copy_h, int copy_w,
    int dh, int pt, int pl, int c_each, int m_each, int c_step, int m_step,
    __local float *restrict u)
{
    const int c_blocks = (in_c + XC - 1) / XC, m_blocks = (out_c + VW - 1) / VW;
    const int c_items = (c_blocks + c_each - 1) / c_each;
    const int u_first = (int)get_global_id(0) * chunk, u_last = min(u_first + chunk, units);
    const int m_first = (int)get_global_id(1) * m_each, m_last = min(m_first + m_each, m_blocks);
    const int group = (int)get_global_id(2) / c_items;
    const int groups = (int)get_global_size(2) / c_items;
    const int c_first = (int)get_global_id(2) % c_items * c_each;
    const int c_last = min(c_first + c_each, c_blocks);
    const int taps = kh * kw, tile = taps * XC * VW, area = in_h * in_w * X_BLOCK;
    const int bands = (out_h + rows - 1) / rows, dy_block = out_h * out_w * VW;
    const int x_blocks = X_BLOCK == 1 ? in_c : c_blocks;
#if X_BLOCK == 1
    const int channels = in_c * KH;
#else
    const int channels = min(XC, in_c);
#endif
#ifdef FLAT
    const int pitch = out_w * VW;
#else
    const int width = (out_w - 1) * SW + (kw - 1) * DW + 1, pitch = width * X_BLOCK;
#if X_BLOCK == 1
    const int unit = in_c * PLANE;
#else
    const int unit = ((min(rows, out_h) - 1) * row_step + (kh - 1) * dh + 1) * pitch;
#endif
#endif
#ifdef WHOLE
    if (c_step == 0) /* a tile is finished before the next: all in one place */
        part += ((size_t)get_global_id(2) * get_global_size(1) + get_global_id(1)) * NV * tile;
    else
        part += (size_t)group * c_blocks * m_blocks * tile;
#else
    part += ((size_t)get_global_id(0) * groups + group) * c_blocks * m_blocks * tile;
#endif
    for (int u0 = u_first; u0 < u_last; u0 += hold) {
        const int held = min(hold, u_last - u0);
        for (int c = c_first; c < c_last; c++) {
#ifndef FLAT
            for (int i = 0; i < held; i++) {
                const int img = (u0 + i) / bands, row0 = (u0 + i) % bands * rows;
                copy_x(u + i * unit,
                       x + ((size_t)(img * groups + group) * x_blocks + (X_BLOCK == 1 ? 0 : c)) *
                               area,
                       (min(rows, out_h - row0) - 1) * row_step + (kh - 1) * dh + 1,
                       row0 * row_step * copy_h - pt, in_c, in_h, in_w, width, copy_h, copy_w, pl);
            }
#endif
            for (int m = m_first; m < m_last; m += NV) {
                __global float *sums = part + (size_t)c * c_step + (size_t)m * m_step;
                for (int r = 0; r < (X_BLOCK == 1 ? 1 : kh); r++) {
                    for (int s = 0; s < kw; s += TS) {
                        for (int q = 0; q < channels; q += TC) {
                            VF acc[TC * TS][NV];
                            load_sums(acc, sums, u0 == u_first, q, r, s, kw, tile);
                            for (int i = 0; i < held; i++) {
                                const int img = (u0 + i) / bands, row0 = (u0 + i) % bands * rows;
                                const int n = min(rows, out_h - row0);
                                const size_t plane = (size_t)(img * groups + group);
                                __global const float *d =
                                    dy + (plane * m_blocks + m) * dy_block + row0 * out_w * VW;
#ifdef FLAT
                                multiply(acc, x + (plane * c_blocks + c) * area + row0 * pitch + q,
                                         d, dy_block, 1, n * out_w, 0);
#else
                                multiply(acc,
                                         u + i * unit + r * dh * pitch + s * DW * X_BLOCK +
                                             CHANNEL(q),
                                         d, dy_block, n, out_w, row_step * pitch);
#endif
                            }
                            store_sums(acc, sums, q, r, s, kw, tile);
                        }
                    }
                }
#ifdef WHOLE
                if (u0 + held == u_last)
                    for (int v = 0; v < NV; v++) {
                        const int at = (m + v) * VW;
                        unpack(dw + ((size_t)(group * out_c + at) * in_c + c * XC) * taps,
                               sums + v * tile, 1, 0, min(XC, in_c - c * XC) * taps, taps,
                               min(VW, out_c - at), in_c * taps);
                    }
#endif
            }
        }
    }
}

/* A work-item unpacks one tile of one group. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv2d_blocked_bwd_weights_direct_sum(__global float *restrict dw,
                                      __global const float *restrict part, int parts, int in_c,
                                      int out_c, int taps)
{
    const int m = (int)get_global_id(0), c = (int)get_global_id(1), group = (int)get_global_id(2);
    const int m_blocks = get_global_size(0), c_blocks = get_global_size(1);
    const size_t tile = (size_t)taps * XC * VW, at = ((size_t)group * c_blocks + c) * m_blocks + m;
    unpack(dw + ((size_t)(group * out_c + m * VW) * in_c + c * XC) * taps, part + at * tile, parts,
           get_global_size(2) * c_blocks * m_blocks * tile, min(XC, in_c - c * XC) * taps, taps,
           min(VW, out_c - m * VW), in_c * taps);
}
