/* conv3d/ref: one work-item an element of y. Products are added in the order channel, slice, row,
 * column. in_c and out_c are those of one group. Filter, stride, dilation and padding are arguments:
 * one program serves all convolutions of volumes. */
__kernel void conv3d_ref(__global float *restrict y, __global const float *restrict x,
                         __global const float *restrict w, int n, int groups, int in_c, int out_c,
                         int in_d, int in_h, int in_w, int out_d, int out_h, int out_w, int kd,
                         int kh, int kw, int sd, int sh, int sw, int dd, int dh, int dw, int pd,
                         int ph, int pw EPI_PARAMS)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const int ow = i % out_w, oh = i / out_w % out_h, od = i / (out_w * out_h) % out_d;
    const int plane = i / (out_w * out_h * out_d), m = plane % (out_c * groups);
    const int g = m / out_c, img = plane / (out_c * groups), volume = in_d * in_h * in_w;
    float v = 0.0f;
    for (int c = 0; c < in_c; c++) {
        __global const float *xc = x + ((img * groups + g) * in_c + c) * volume;
        __global const float *wc = w + (m * in_c + c) * kd * kh * kw;
        for (int q = 0; q < kd; q++) {
            const int id = od * sd + q * dd - pd;
            if (id < 0 || id >= in_d)
                continue;
            for (int r = 0; r < kh; r++) {
                const int ih = oh * sh + r * dh - ph;
                if (ih < 0 || ih >= in_h)
                    continue;
                for (int s = 0; s < kw; s++) {
                    const int iw = ow * sw + s * dw - pw;
                    if (iw >= 0 && iw < in_w)
                        v = FMA(xc[(id * in_h + ih) * in_w + iw], wc[(q * kh + r) * kw + s], v);
                }
            }
        }
    }
    y[i] = epi(v, i, m EPI_ARGS);
}
