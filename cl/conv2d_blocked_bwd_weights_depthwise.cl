/* conv2d_blocked_bwd_weights with one filter a channel, on CPUs: a work-item adds up `chunk` units,
 * bands of `rows` output rows of an image, for one block of channels; a second launch adds up those
 * sums in order.
 *
 * Defines: VW, KW, SW, DW. */

/* acc += the products of one row; x is its row r taps down. Columns [lo, hi) have all their taps.
 */
static inline void add_row(VF acc[KW], __global const float *x, __global const float *dy, int lo,
                           int hi, int in_w, int out_w, int pl)
{
    for (int c = 0; c < out_w;) {
        const int left = c * SW - pl;
        if (c >= lo && c < hi) {
            __global const float *p = x + left * VW;
            for (; c < hi; c++, p += SW * VW) {
                const VF d = vf_load(dy + c * VW);
#pragma unroll
                for (int s = 0; s < KW; s++)
                    acc[s] = FMA(vf_load(p + s * DW * VW), d, acc[s]);
            }
        } else {
            const VF d = vf_load(dy + c * VW);
#pragma unroll
            for (int s = 0; s < KW; s++)
                if (left + s * DW >= 0 && left + s * DW < in_w)
                    acc[s] = FMA(vf_load(x + (left + s * DW) * VW), d, acc[s]);
            c++;
        }
    }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void conv2d_blocked_bwd_weights_depthwise(
    __global float *restrict part, __global const float *restrict x,
    __global const float *restrict dy, int units, int chunk, int rows, int in_h, int in_w,
    int out_h, int out_w, int kh, int sh, int dh, int pt, int pl)
{
    const int u0 = (int)get_global_id(0) * chunk, u1 = min(u0 + chunk, units);
    const int block = get_global_id(1), blocks = get_global_size(1);
    const int bands = (out_h + rows - 1) / rows;
    const int lo = min((pl + SW - 1) / SW, out_w);
    const int room = in_w + pl - (KW - 1) * DW - 1,
              hi = room < 0 ? lo : clamp(room / SW + 1, lo, out_w);
    part += (get_global_id(0) * blocks + block) * (size_t)(kh * KW * VW);
    for (int r = 0; r < kh; r++) {
        VF acc[KW];
#pragma unroll
        for (int s = 0; s < KW; s++)
            acc[s] = (VF)(0.0f);
        for (int u = u0; u < u1; u++) {
            const int row0 = u % bands * rows, row1 = min(row0 + rows, out_h);
            const size_t plane = (size_t)(u / bands) * blocks + block;
            for (int row = row0; row < row1; row++) {
                const int h = row * sh + r * dh - pt;
                if (h >= 0 && h < in_h)
                    add_row(acc, x + (plane * in_h + h) * in_w * VW,
                            dy + (plane * out_h + row) * out_w * VW, lo, hi, in_w, out_w, pl);
            }
        }
#pragma unroll
        for (int s = 0; s < KW; s++)
            vf_store(acc[s], part + (r * KW + s) * VW);
    }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv2d_blocked_bwd_weights_depthwise_sum(__global float *restrict dw,
                                         __global const float *restrict part, int parts,
                                         int channels, int taps)
{
    const int c = (int)get_global_id(0) * VW, n = min(VW, channels - c);
    const size_t step = get_global_size(0) * taps * VW;
    for (int t = 0; t < taps; t++) {
        VF v = (VF)(0.0f);
        for (int i = 0; i < parts; i++)
            v += vf_load(part + i * step + ((size_t)c * taps + t * VW));
        for (int l = 0; l < n; l++)
            dw[(size_t)(c + l) * taps + t] = ((const float *)&v)[l];
    }
}
