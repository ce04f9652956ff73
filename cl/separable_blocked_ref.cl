/* separable_blocked/ref: one work-item an element of y. Between the images of y lie `gap` floats of
 * others.
 *
 * Defines: BLOCK; BIAS; DEEP_BIAS, DEEP_ACT; those of conv2d_ref.cl, of the depthwise convolution. */

#ifdef BIAS
#define BIAS_PARAM , __global const float *restrict b
#else
#define BIAS_PARAM
#endif
#ifdef DEEP_BIAS
#define DEEP_BIAS_PARAM , __global const float *restrict e
#else
#define DEEP_BIAS_PARAM
#endif

__kernel void separable_blocked_ref(__global float *restrict y, __global const float *restrict x,
                                    __global const float *restrict w BIAS_PARAM,
                                    __global const float *restrict d DEEP_BIAS_PARAM, int n,
                                    int in_blocks, int in_h, int in_w, int out_blocks, int out_h,
                                    int out_w, int gap EPI_PARAMS)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const int lane = i % BLOCK, ow = i / BLOCK % out_w, oh = i / BLOCK / out_w % out_h;
    const int block = i / BLOCK / out_w / out_h % out_blocks,
              img = i / BLOCK / out_w / out_h / out_blocks;
    float v = 0.0f;
    for (int c = 0; c < in_blocks * BLOCK; c++) {
        const size_t plane = (size_t)img * in_blocks + c / BLOCK;
        float t = 0.0f;
        for (int r = 0; r < KH; r++) {
            for (int s = 0; s < KW; s++) {
                const int h = oh * SH + r * DH - PT, q = ow * SW + s * DW - PL;
                if (h >= 0 && h < in_h && q >= 0 && q < in_w)
                    t = FMA(x[((plane * in_h + h) * in_w + q) * BLOCK + c % BLOCK],
                            d[((c / BLOCK * KH + r) * KW + s) * BLOCK + c % BLOCK], t);
            }
        }
#ifdef DEEP_BIAS
        t += e[c];
#endif
        t = DEEP_ACT(t, DEEP_ACT_ALPHA, DEEP_ACT_BETA);
        v = FMA(t, w[((size_t)block * in_blocks * BLOCK + c) * BLOCK + lane], v);
    }
#ifdef BIAS
    v += b[block * BLOCK + lane];
#endif
    y[i + (size_t)img * gap] = epi(v, i, block EPI_ARGS);
}
