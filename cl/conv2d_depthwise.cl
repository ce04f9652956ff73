/* conv2d/depthwise: one channel of x for each of y. A work-item computes ROWS pixels of a column and reads each
 * element it needs once; neighbours are neighbours in a row. Defines as in conv2d_ref.cl; out_c is how many channels
 * of y one of x has.
 */
#define SPAN ((ROWS - 1) * SH + (KH - 1) * DH + 1)

__kernel void conv2d_depthwise(__global FH *restrict y, __global const FH *restrict x,
                               __global const FH *restrict w, int in_h, int in_w, int out_c,
                               int out_h, int out_w, int bands, int rows EPI_PARAMS)
{
    const int i = get_global_id(0), across = i / out_w, ow = i - across * out_w;
    const int row = across / bands, oh = (across - row * bands) * ROWS; /* row: of images and channels of y */
    const int ch = row % (GROUPS * out_c);
    float k[KH * KW], v[ROWS];
    if (row >= rows)
        return;
    for (int j = 0; j < KH * KW; j++)
        k[j] = fh_load(w, ch * (KH * KW) + j);
    for (int j = 0; j < ROWS; j++)
        v[j] = 0.0f;
    x += row / out_c * in_h * in_w;
    y += row * out_h * out_w;
#pragma unroll
    for (int q = 0; q < SPAN; q++) {
        const int h = oh * SH - PT + q;
#pragma unroll
        for (int s = 0; s < KW; s++) {
            const int t = ow * SW - PL + s * DW;
            const bool there = h >= 0 && h < in_h && t >= 0 && t < in_w;
            const float u = there ? fh_load(x, h * in_w + t) : 0.0f;
#pragma unroll
            for (int j = 0; j < ROWS; j++) {
                const int r = q - j * SH;
                if (r >= 0 && r % DH == 0 && r / DH < KH)
                    v[j] = FMA(u, k[r / DH * KW + s], v[j]);
            }
        }
    }
#pragma unroll
    for (int j = 0; j < ROWS; j++) {
        const int at = (oh + j) * out_w + ow;
        if (oh + j < out_h)
            fh_store(y, at, epi(v[j], (size_t)row * out_h * out_w + at, ch EPI_ARGS));
    }
}
