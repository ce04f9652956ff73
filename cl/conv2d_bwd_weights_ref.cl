/* conv2d_bwd_weights/ref: one work-item an element of dw; adds over images, rows, columns in that
 * order. Arguments and defines as in conv2d_ref.cl. */

/* The outputs [*lo, *hi) whose tap at `offset` lies inside an input of `extent`. */
static inline void inside(int *lo, int *hi, int offset, int stride, int extent, int out)
{
    const int left = extent - offset; /* columns from the first output's tap on */
    *lo = offset < 0 ? (-offset + stride - 1) / stride : 0;
    *hi = left <= 0 ? 0 : min((left - 1) / stride + 1, out);
}

__kernel void conv2d_bwd_weights_ref(__global float *restrict dw, __global const float *restrict dy,
                                     __global const float *restrict x, int n, int batch, int in_c,
                                     int in_h, int in_w, int out_c, int out_h, int out_w)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const int s = i % KW, r = i / KW % KH, c = i / (KW * KH) % in_c, m = i / (KW * KH) / in_c;
    const int ch = m / out_c * in_c + c;
    int h0, h1, w0, w1;
    inside(&h0, &h1, r * DH - PT, SH, in_h, out_h);
    inside(&w0, &w1, s * DW - PL, SW, in_w, out_w);
    float v = 0.0f;
    for (int img = 0; img < batch; img++) {
        __global const float *xc = x + (img * GROUPS * in_c + ch) * in_h * in_w;
        __global const float *ym = dy + (img * GROUPS * out_c + m) * out_h * out_w;
        for (int oh = h0; oh < h1; oh++)
            for (int ow = w0; ow < w1; ow++)
                v = FMA(ym[oh * out_w + ow],
                        xc[(oh * SH + r * DH - PT) * in_w + ow * SW + s * DW - PL], v);
    }
    dw[i] = v;
}
