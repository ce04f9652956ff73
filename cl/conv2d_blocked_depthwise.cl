/* conv2d_blocked with one filter a channel on CPUs: a work-item makes `each` consecutive output
 * rows of blocks, DEEP_PX pixels at a time. Between the images of y lie `gap` floats of others.
 *
 * Defines: VW; DEEP_PX, DEEP_KW, DEEP_SW, DEEP_DW (prelude); BIAS. */
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
    for (int row = r0; row < r1; row++) {
        const int plane = row / out_h, block = plane % blocks;
        __global const float *xp = x + (size_t)plane * in_h * in_w * VW;
        __global float *to = y + (size_t)(plane / blocks) * gap;
        __global const float *wb = w + block * kh * DEEP_KW * VW;
#ifdef BIAS
        const VF start = vf_load(b + block * VW);
#else
        const VF start = (VF)(0.0f);
#endif
        const struct depthwise_rows from =
            depthwise_rows(xp, wb, row % out_h, in_h, in_w, kh, sh, dh, pt);
        for (int ow = 0; ow < out_w; ow += DEEP_PX) {
            const int first = depthwise_at(ow, out_w);
            VF acc[DEEP_PX];
            depthwise_pixels(acc, from, start, first, in_w, dh, pl);
#pragma unroll
            for (int p = 0; p < DEEP_PX; p++) {
                const size_t at = ((size_t)row * out_w + first + p) * VW;
                if (first + p < out_w)
                    vf_store(epi_w(acc[p], at, 0 EPI_ARGS), to + at);
            }
        }
    }
}
