/* conv2d_bwd_data/ref: one work-item an element of dx; gathers from every output that the element
 * went into. Arguments and defines as in conv2d_ref.cl. */
__kernel void conv2d_bwd_data_ref(__global float *restrict dx, __global const float *restrict dy,
                                  __global const float *restrict w, int n, int in_c, int in_h,
                                  int in_w, int out_c, int out_h, int out_w EPI_PARAMS)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const int iw = i % in_w, ih = i / in_w % in_h, c = i / (in_w * in_h) % (in_c * GROUPS);
    const int img = i / (in_w * in_h) / (in_c * GROUPS), g = c / in_c;
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
