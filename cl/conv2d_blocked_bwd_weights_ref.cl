/* conv2d_blocked_bwd_weights/ref: one work-item an element of dw; adds over images, rows, columns
 * in that order. in_c and out_c are those of one group.
 *
 * Defines: BLOCK channels of dy, X_BLOCK of x together; those of conv2d_ref.cl. */
__kernel void conv2d_blocked_bwd_weights_ref(__global float *restrict dw,
                                             __global const float *restrict x,
                                             __global const float *restrict dy, int n, int batch,
                                             int in_c, int in_h, int in_w, int out_c, int out_h,
                                             int out_w)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const int s = i % KW, r = i / KW % KH, m = i / (KW * KH) / in_c;
    const int c = i / (KW * KH) % in_c + m / out_c * in_c;
    const int x_blocks = (in_c * GROUPS + X_BLOCK - 1) / X_BLOCK;
    const int y_blocks = (out_c * GROUPS + BLOCK - 1) / BLOCK;
    float v = 0.0f;
    for (int img = 0; img < batch; img++) {
        __global const float *xc =
            x + (size_t)(img * x_blocks + c / X_BLOCK) * in_h * in_w * X_BLOCK + c % X_BLOCK;
        __global const float *yc =
            dy + (size_t)(img * y_blocks + m / BLOCK) * out_h * out_w * BLOCK + m % BLOCK;
        for (int oh = 0; oh < out_h; oh++) {
            const int h = oh * SH + r * DH - PT;
            if (h < 0 || h >= in_h)
                continue;
            for (int ow = 0; ow < out_w; ow++) {
                const int t = ow * SW + s * DW - PL;
                if (t >= 0 && t < in_w)
                    v = FMA(yc[(oh * out_w + ow) * BLOCK], xc[(h * in_w + t) * X_BLOCK], v);
            }
        }
    }
    dw[i] = v;
}
