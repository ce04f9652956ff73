/* conv2d_blocked_bwd_data with one filter a channel on CPUs: a work-item makes `each` consecutive
 * rows of dx, of each row the pixels that the same columns of the filter meet, a stride apart, one
 * after the other. No inserted zero is multiplied.
 *
 * Defines: VW, KW, SW, DW; STEP: every so many rows of the filter meet the same row of dx, and then
 * rows of dy that lie DOWN apart. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv2d_blocked_bwd_data_depthwise(__global float *restrict dx, __global const float *restrict dy,
                                  __global const float *restrict w, int all_rows, int each,
                                  int blocks, int in_h, int in_w, int out_h, int out_w, int kh,
                                  int sh, int dh, int pt, int pl EPI_PARAMS)
{
    const int r0 = (int)get_global_id(0) * each, r1 = min(r0 + each, all_rows);
    for (int row = r0; row < r1; row++) {
        const int plane = row / in_h, h = row % in_h + pt;
        /* Rows [first, last) of the filter, STEP apart, meet rows oh, oh - DOWN, .. of dy. */
        int first = 0;
        while (first < kh && (h - first * dh) % sh != 0)
            first++;
        while (first < kh && h - first * dh >= out_h * sh)
            first += STEP;
        const int last = min(h / dh + 1, kh), oh = (h - first * dh) / sh;
        __global const float *yp = dy + ((size_t)plane * out_h + oh) * out_w * VW;
        /* The filter is turned. */
        __global const float *end = w + ((size_t)(plane % blocks + 1) * kh * KW - 1) * VW;
#pragma unroll
        for (int q = 0; q < SW; q++)
            for (int m = (pl - q + SW - 1) / SW; m * SW + q - pl < in_w; m++) {
                const size_t at = ((size_t)row * in_w + m * SW + q - pl) * VW;
                VF acc = (VF)(0.0f);
                __global const float *yr = yp;
                for (int r = first; r < last; r += STEP, yr -= DOWN * out_w * VW)
#pragma unroll
                    for (int s = 0; s < KW; s++) {
                        const int ow = m - (s * DW - q) / SW;
                        if (s * DW % SW == q && ow >= 0 && ow < out_w)
                            acc = FMA(vf_load(yr + ow * VW), vf_load(end - (r * KW + s) * VW), acc);
                    }
                vf_store(epi_w(acc, at, 0 EPI_ARGS), dx + at);
            }
    }
}
