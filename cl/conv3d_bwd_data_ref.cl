/* The output that input `at` went into by tap k; -1: none. */
static inline int reached(int at, int k, int dilation, int pad, int stride, int extent)
{
    const int t = at + pad - k * dilation;
    return t >= 0 && t % stride == 0 && t / stride < extent ? t / stride : -1;
}

/* conv3d_bwd_data/ref: one work-item an element of dx; gathers from every output that the element
 * went into. Arguments as in conv3d_ref.cl. */
__kernel void conv3d_bwd_data_ref(__global float *restrict dx, __global const float *restrict dy,
                                  __global const float *restrict w, int n, int groups, int in_c,
                                  int out_c, int in_d, int in_h, int in_w, int out_d, int out_h,
                                  int out_w, int kd, int kh, int kw, int sd, int sh, int sw, int dd,
                                  int dh, int dw, int pd, int ph, int pw EPI_PARAMS)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const int iw = i % in_w, ih = i / in_w % in_h, id = i / (in_w * in_h) % in_d;
    const int plane = i / (in_w * in_h * in_d), c = plane % (in_c * groups);
    const int g = c / in_c, img = plane / (in_c * groups), volume = out_d * out_h * out_w;
    float v = 0.0f;
    for (int m = 0; m < out_c; m++) {
        __global const float *ym = dy + ((img * groups + g) * out_c + m) * volume;
        __global const float *wm = w + ((g * out_c + m) * in_c + c % in_c) * kd * kh * kw;
        for (int q = 0; q < kd; q++) {
            const int od = reached(id, q, dd, pd, sd, out_d);
            if (od < 0)
                continue;
            for (int r = 0; r < kh; r++) {
                const int oh = reached(ih, r, dh, ph, sh, out_h);
                if (oh < 0)
                    continue;
                for (int s = 0; s < kw; s++) {
                    const int ow = reached(iw, s, dw, pw, sw, out_w);
                    if (ow >= 0)
                        v = FMA(ym[(od * out_h + oh) * out_w + ow], wm[(q * kh + r) * kw + s], v);
                }
            }
        }
    }
    dx[i] = epi(v, i, c EPI_ARGS);
}
