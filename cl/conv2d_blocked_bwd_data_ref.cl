/* conv2d_blocked_bwd_data/ref: one work-item an element of dx; gathers from every output that the
 * element went into. in_c and out_c are those of one group.
 *
 * Defines: DEPTHWISE; BLOCK channels of dx, Y_BLOCK of dy together; those of conv2d_ref.cl. */
__kernel void conv2d_blocked_bwd_data_ref(__global float *restrict dx,
                                          __global const float *restrict dy,
                                          __global const float *restrict w, int n, int in_c,
                                          int in_h, int in_w, int out_c, int out_h,
                                          int out_w EPI_PARAMS)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const int lane = i % BLOCK, iw = i / BLOCK % in_w, ih = i / BLOCK / in_w % in_h;
    const int blocks = in_c * GROUPS / BLOCK, block = i / BLOCK / in_w / in_h % blocks;
    const int img = i / BLOCK / in_w / in_h / blocks, group = (block * BLOCK + lane) / in_c;
    float v = 0.0f;
    for (int m = 0; m < out_c; m++) {
        const int ch = group * out_c + m;
        __global const float *yc =
            dy +
            (size_t)(img * (GROUPS * out_c / Y_BLOCK) + ch / Y_BLOCK) * out_h * out_w * Y_BLOCK +
            ch % Y_BLOCK;
        for (int r = 0; r < KH; r++) {
            const int h = ih + PT - r * DH, oh = h / SH;
            if (h < 0 || h % SH != 0 || oh >= out_h)
                continue;
            for (int s = 0; s < KW; s++) {
                const int t = iw + PL - s * DW, ow = t / SW;
                if (t < 0 || t % SW != 0 || ow >= out_w)
                    continue;
                const int tap = KH * KW - 1 - (r * KW + s); /* the filter is turned */
#ifdef DEPTHWISE
                const size_t k = (size_t)block * KH * KW + tap;
#else
                const size_t row = (size_t)block * (out_c / Y_BLOCK) + m / Y_BLOCK;
                const size_t k = (row * (KH * KW) + tap) * Y_BLOCK + m % Y_BLOCK;
#endif
                v = FMA(yc[(oh * out_w + ow) * Y_BLOCK], w[k * BLOCK + lane], v);
            }
        }
    }
    dx[i] = epi(v, i, block EPI_ARGS);
}
