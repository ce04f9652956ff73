/* conv2d_blocked with one filter a channel on CPUs: a work-item makes `each` consecutive output
 * rows of blocks, PX pixels at a time where all their columns lie in the image, one by one at its
 * sides. Between the images of y lie `gap` floats of others.
 *
 * Defines: VW, PX, KW, SW, DW, BIAS. */
#ifdef BIAS
#define BIAS_PARAM , __global const float *restrict b
#else
#define BIAS_PARAM
#endif

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv2d_blocked_depthwise(__global float *restrict y, __global const float *restrict x,
                         __global const float *restrict w BIAS_PARAM, int all_rows, int each,
                         int blocks, int in_h, int in_w, int out_h, int out_w, int kh, int sh,
                         int dh, int pt, int pl, int gap EPI_PARAMS)
{
    const int r0 = (int)get_global_id(0) * each, r1 = min(r0 + each, all_rows);
    /* Pixels [lo, hi) have all their columns. */
    const int lo = min((pl + SW - 1) / SW, out_w);
    const int room = in_w + pl - (KW - 1) * DW - 1,
              hi = room < 0 ? lo : clamp(room / SW + 1, lo, out_w);
    for (int row = r0; row < r1; row++) {
        const int plane = row / out_h, block = plane % blocks, h = row % out_h * sh - pt;
        const int first = h < 0 ? (-h + dh - 1) / dh : 0;
        const int last = h < in_h ? min((in_h - h + dh - 1) / dh, kh) : 0;
        __global const float *xp = x + ((size_t)plane * in_h + h) * in_w * VW;
        __global float *to = y + (size_t)(plane / blocks) * gap;
        __global const float *wb = w + block * kh * KW * VW;
#ifdef BIAS
        const VF start = vf_load(b + block * VW);
#else
        const VF start = (VF)(0.0f);
#endif
        for (int ow = 0; ow < out_w;) {
            const size_t at = ((size_t)row * out_w + ow) * VW;
            const int col = ow * SW - pl;
            if (ow >= lo && ow + PX <= hi) {
                VF acc[PX];
#pragma unroll
                for (int p = 0; p < PX; p++)
                    acc[p] = start;
                for (int r = first; r < last; r++) {
                    __global const float *xr = xp + (r * dh * in_w + col) * VW;
#pragma unroll
                    for (int s = 0; s < KW; s++) {
                        const VF v = vf_load(wb + (r * KW + s) * VW);
#pragma unroll
                        for (int p = 0; p < PX; p++)
                            acc[p] = FMA(vf_load(xr + (p * SW + s * DW) * VW), v, acc[p]);
                    }
                }
#pragma unroll
                for (int p = 0; p < PX; p++)
                    vf_store(epi_w(acc[p], at + p * VW, 0 EPI_ARGS), to + at + p * VW);
                ow += PX;
            } else {
                VF acc = start;
                for (int r = first; r < last; r++)
                    for (int s = 0; s < KW; s++)
                        if (col + s * DW >= 0 && col + s * DW < in_w)
                            acc = FMA(vf_load(xp + (r * dh * in_w + col + s * DW) * VW),
                                      vf_load(wb + (r * KW + s) * VW), acc);
                vf_store(epi_w(acc, at, 0 EPI_ARGS), to + at);
                ow++;
            }
        }
    }
}
