/* conv2d/ref: one work-item an element of y, any geometry. Products are added in the order channel,
 * row, column. in_c and out_c are those of one group.
 *
 * KH KW SH SW DH DW PT PL GROUPS  filter, stride, dilation, padding above and to the left, groups
 */
__kernel void conv2d_ref(__global FH *restrict y, __global const FH *restrict x,
                         __global const FH *restrict w, int n, int in_c, int in_h, int in_w,
                         int out_c, int out_h, int out_w EPI_PARAMS)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const int ow = i % out_w, oh = i / out_w % out_h, m = i / (out_w * out_h) % (out_c * GROUPS);
    const int img = i / (out_w * out_h) / (out_c * GROUPS), g = m / out_c;
    __global const FH *xg = x + (img * GROUPS + g) * in_c * in_h * in_w;
    __global const FH *wm = w + m * in_c * KH * KW;
    float v = 0.0f;
    for (int c = 0; c < in_c; c++) {
        for (int r = 0; r < KH; r++) {
            const int ih = oh * SH + r * DH - PT;
            if (ih < 0 || ih >= in_h)
                continue;
            for (int s = 0; s < KW; s++) {
                const int iw = ow * SW + s * DW - PL;
                if (iw >= 0 && iw < in_w)
                    v = FMA(fh_load(xg, (c * in_h + ih) * in_w + iw),
                            fh_load(wm, (c * KH + r) * KW + s), v);
            }
        }
    }
    fh_store(y, i, epi(v, i, m EPI_ARGS));
}
