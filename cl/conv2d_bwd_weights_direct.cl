/* conv2d_bwd_weights/direct, CPU: one work-item a group of work, register tiles of TC x TR x TS
 * filter taps by NV vectors of output channels.
 *
 * A work-item adds up a chunk of units for NV * VW output channels and `block` input channels; a
 * unit is a band of ROWS output rows of one image. The bands of dy are turned so that a pixel's
 * channels lie side by side; the input bands are copied with zeros around them; then every pixel's
 * vector of dy times one number of the input goes to each tap's accumulator. `hold` units are laid
 * out at a time; with more of them in a chunk the sums wait in `part`. Chunks are added in order by
 * a second launch, so that the result depends neither on threads nor on timing.
 *
 * VW NV TC TR TS ROWS             tunables; UNITS, HOLD, ICB come as chunk, hold, block
 * TILES_H TILES_W                 how many TR x TS tiles cover the filter
 * PITCH PLANE                     floats of a copied input row and channel
 * SUM_C                           input channels of a work-item of the second launch
 * KH KW SH SW DH DW PT PL GROUPS  geometry
 */
#define MB (NV * VW)
#define TAPS_H (TILES_H * TR) /* with those that the last tile has too many */
#define TAPS_W (TILES_W * TS)

/* px pixels of channels [m, m + MB) to d[pixel][channel]; beyond the last it is repeated. */
static inline void turn(__local float *d, __local float *t, __global const float *dy, int m,
                        int out_c, int y_plane, int px)
{
    for (int b = 0; b < MB; b += VW) {
        for (int p = 0; p < px; p += VW) {
            VF v[VW];
            if (p + VW <= px) {
#pragma unroll
                for (int i = 0; i < VW; i++)
                    v[i] = vf_load(dy + min(m + b + i, out_c - 1) * y_plane + p);
            } else {
#pragma unroll 1
                for (int i = 0; i < VW; i++)
                    copy_window(t + i * VW, dy + min(m + b + i, out_c - 1) * y_plane + p, px - p, 0,
                                VW);
#pragma unroll
                for (int i = 0; i < VW; i++)
                    v[i] = vf_load_local(t + i * VW);
            }
            vf_transpose(v);
#pragma unroll
            for (int i = 0; i < VW; i++)
                vf_store_local(v[i], d + (p + i) * MB + b);
        }
    }
}

/* A band of output rows. */
struct unit {
    int img, row0, rows;
};
static inline struct unit unit_of(int i, int out_h)
{
    const int bands = (out_h + ROWS - 1) / ROWS;
    struct unit u;
    u.img = i / bands;
    u.row0 = i % bands * ROWS;
    u.rows = min(ROWS, out_h - u.row0);
    return u;
}

/* The input rows of a unit that the taps of TC channels meet, with zeros around. */
static inline void copy_band(__local float *xs, __global const float *x, const struct unit *u,
                             int c0, int in_c, int in_h, int in_w)
{
    for (int c = 0; c < TC; c++) {
        for (int r = 0; r < (u->rows - 1) * SH + (TAPS_H - 1) * DH + 1; r++) {
            const int ih = u->row0 * SH - PT + r;
            const bool inside = ih >= 0 && ih < in_h && c0 + c < in_c;
            copy_window(xs + c * PLANE + r * PITCH,
                        x + (inside ? ((c0 + c) * in_h + ih) * in_w : 0), inside ? in_w : 0, -PL,
                        PITCH);
        }
    }
}

/* acc += dy times x over a unit's pixels; xs begins at the tile's first tap. */
static inline void multiply(VF acc[TC * TR * TS][NV], __local const float *d,
                            __local const float *xs, int rows, int out_w)
{
    for (int oh = 0; oh < rows; oh++) {
        __local const float *xp = xs + oh * SH * PITCH;
#pragma unroll 1
        for (int ow = 0; ow < out_w; ow++, d += MB, xp += SW) {
            VF b[NV];
#pragma unroll
            for (int v = 0; v < NV; v++)
                b[v] = vf_load_local(d + v * VW);
#pragma unroll
            for (int t = 0; t < TC * TR * TS; t++) {
                const float f = xp[t / (TR * TS) * PLANE + t / TS % TR * DH * PITCH + t % TS * DW];
#pragma unroll
                for (int v = 0; v < NV; v++)
                    acc[t][v] = FMA((VF)(f), b[v], acc[t][v]);
            }
        }
    }
}

/* Floats from a tile's first sum to that of its tap t. */
#define PART_OF(t) (((t / (TR * TS) * TAPS_H + t / TS % TR) * TAPS_W + t % TS) * MB)

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv2d_bwd_weights_direct(__global float *restrict part, __global const float *restrict dy,
                          __global const float *restrict x, int units, int in_c, int in_h, int in_w,
                          int out_c, int out_h, int out_w, int chunk, int hold, int block,
                          __local float *restrict d)
{
    const int blocks_c = (in_c + block - 1) / block, rounded_c = (in_c + TC - 1) / TC * TC;
    const int mb = get_global_id(1), group = (int)get_global_id(2) / blocks_c;
    const int c_first = (int)get_global_id(2) % blocks_c * block;
    const int c_last = min(c_first + block, in_c);
    const int u_first = (int)get_global_id(0) * chunk, u_last = min(u_first + chunk, units);
    const int d_unit = (ROWS * out_w + VW) * MB, x_unit = TC * PLANE;
    __local float *xs = d + hold * d_unit;

    part += ((get_global_id(0) * GROUPS + group) * get_global_size(1) + mb) * rounded_c *
            (TAPS_H * TAPS_W * MB);
    for (int u0 = u_first; u0 < u_last; u0 += hold) {
        const int held = min(hold, u_last - u0);
        for (int i = 0; i < held; i++) {
            const struct unit u = unit_of(u0 + i, out_h);
            turn(d + i * d_unit, xs,
                 dy + ((u.img * GROUPS + group) * out_c * out_h + u.row0) * out_w, mb * MB, out_c,
                 out_h * out_w, u.rows * out_w);
        }
        for (int c0 = c_first; c0 < c_last; c0 += TC) {
            for (int i = 0; i < held; i++) {
                const struct unit u = unit_of(u0 + i, out_h);
                copy_band(xs + i * x_unit, x + (u.img * GROUPS + group) * in_c * in_h * in_w, &u,
                          c0, in_c, in_h, in_w);
            }
            for (int tile = 0; tile < TILES_H * TILES_W; tile++) {
                const int r0 = tile / TILES_W * TR, s0 = tile % TILES_W * TS;
                __global float *pt = part + ((c0 * TAPS_H + r0) * TAPS_W + s0) * MB;
                VF acc[TC * TR * TS][NV];
#pragma unroll
                for (int t = 0; t < TC * TR * TS; t++)
#pragma unroll
                    for (int v = 0; v < NV; v++)
                        acc[t][v] = u0 == u_first ? (VF)(0.0f) : vf_load(pt + PART_OF(t) + v * VW);
                for (int i = 0; i < held; i++)
                    multiply(acc, d + i * d_unit, xs + i * x_unit + r0 * DH * PITCH + s0 * DW,
                             unit_of(u0 + i, out_h).rows, out_w);
#pragma unroll
                for (int t = 0; t < TC * TR * TS; t++)
#pragma unroll
                    for (int v = 0; v < NV; v++)
                        vf_store(acc[t][v], pt + PART_OF(t) + v * VW);
            }
        }
    }
}

/* dw[m][c][r][s] = the chunks' sums, in order. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv2d_bwd_weights_direct_sum(__global float *restrict dw, __global const float *restrict part,
                              int chunks, int in_c, int out_c)
{
    const int rounded_c = (in_c + TC - 1) / TC * TC, group = get_global_id(2), k = KH * KW;
    const int c_first = (int)get_global_id(0) * SUM_C, c_last = min(c_first + SUM_C, in_c);
    const int m0 = (int)get_global_id(1) * MB, m_n = min(MB, out_c - m0);
    const size_t one = (size_t)rounded_c * (TAPS_H * TAPS_W * MB);
    const size_t chunk = GROUPS * get_global_size(1) * one;

    part += (group * get_global_size(1) + get_global_id(1)) * one;
    dw += (group * out_c + m0) * in_c * k;
    for (int i = c_first * k; i < c_last * k; i++) {
        __global const float *p =
            part + (i / k * TAPS_H + i / KW % KH) * (TAPS_W * MB) + i % KW * MB;
        for (int b = 0; b < m_n; b += VW) {
            VF v = (VF)(0.0f);
            for (int j = 0; j < chunks; j++)
                v += vf_load(p + j * chunk + b);
            for (int l = 0; l < min(VW, m_n - b); l++)
                dw[(b + l) * in_c * k + i] = ((const float *)&v)[l];
        }
    }
}
