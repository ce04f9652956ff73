/* conv2d_bwd_data/ref: one work-item an element of dx; gathers from every output that the element went
 * into. out_c, out_h, out_w: dy's extents, channels of one group. Defines as in conv2d_ref.cl. */
__kernel void conv2d_bwd_data_ref(__global float *restrict dx, __global const float *restrict dy,
                                  __global const float *restrict w, int channels, int spatial, int n,
                                  int in_w, int out_c, int out_h, int out_w EPI_PARAMS)
{
    int c;
    const int i = channel_element(&c, channels, spatial, n);
    if (i < 0)
        return;
    const int ih = i % spatial / in_w, iw = i % spatial % in_w;
    const int in_c = channels / GROUPS, g = c / in_c, img = i / spatial / channels;
    __global const float *yg = dy + (img * GROUPS + g) * out_c * out_h * out_w;
    __global const float *wc = w + (g * out_c * in_c + c % in_c) * KH * KW;
    float v = 0.0f;
    for (int m = 0; m < out_c; m++) {
        for (int r = 0; r < KH; r++) {
            const int h = ih + PT - r * DH, oh = h / SH;
            if (h < 0 || h % SH != 0 || oh >= out_h)
                continue;
            for (int s = 0; s < KW; s++) {
                const int t = iw + PL - s * DW, ow = t / SW;
                if (t >= 0 && t % SW == 0 && ow < out_w)
                    v = FMA(yg[(m * out_h + oh) * out_w + ow], wc[(m * in_c * KH + r) * KW + s], v);
            }
        }
    }
    dx[i] = epi(v, i, c EPI_ARGS);
}
