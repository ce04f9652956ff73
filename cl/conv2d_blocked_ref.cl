/* conv2d_blocked/ref: one work-item an element of y. in_c and out_c are those of one group;
 * between the images of y lie `gap` floats of others.
 *
 * Defines: DIRECT, DEPTHWISE or WINOGRAD, the form of w; BLOCK channels of y, X_BLOCK of x
 * together; BIAS; for WINOGRAD its OUT and WINDOW; those of conv2d_ref.cl. */

#ifdef BIAS
#define BIAS_PARAM , __global const float *restrict b
#else
#define BIAS_PARAM
#endif

static inline float at(__global const float *x, int c, int h, int w, int in_h, int in_w)
{
    if (h < 0 || h >= in_h || w < 0 || w >= in_w)
        return 0.0f;
    return x[((size_t)(c / X_BLOCK * in_h + h) * in_w + w) * X_BLOCK + c % X_BLOCK];
}

#ifdef WINOGRAD
/* Rows of the transforms: B^T for the image, A^T for the result (Lavin and Gray 2015). */
#if WINDOW == 6
__constant float BT[6][6] = {{4, 0, -5, 0, 1, 0},  {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0},
                             {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}};
#if OUT == 4
__constant float AT[4][6] = {
    {1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}};
#else
__constant float AT[2][6] = {{1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 1}};
#endif
#else
__constant float BT[4][4] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
__constant float AT[2][4] = {{1, 1, 1, 0}, {0, 1, -1, -1}};
#endif
#define PLACES (WINDOW * WINDOW)

/* Element (i, j) of B^T d B, d the window of x from (h, w) on. */
static inline float spread(__global const float *x, int c, int h, int w, int in_h, int in_w, int i,
                           int j)
{
    float v = 0.0f;
    for (int r = 0; r < WINDOW; r++) {
        float row = 0.0f;
        for (int s = 0; s < WINDOW; s++)
            row = FMA(BT[j][s], at(x, c, h + r, w + s, in_h, in_w), row);
        v = FMA(BT[i][r], row, v);
    }
    return v;
}
#endif

__kernel void conv2d_blocked_ref(__global float *restrict y, __global const float *restrict x,
                                 __global const float *restrict w BIAS_PARAM, int n, int in_c,
                                 int in_h, int in_w, int out_c, int out_h, int out_w,
                                 int gap EPI_PARAMS)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const int lane = i % BLOCK, ow = i / BLOCK % out_w, oh = i / BLOCK / out_w % out_h;
    const int blocks = out_c * GROUPS / BLOCK, block = i / BLOCK / out_w / out_h % blocks;
    const int img = i / BLOCK / out_w / out_h / blocks, group = (block * BLOCK + lane) / out_c;
    __global const float *xg = x + (size_t)img * GROUPS * in_c * in_h * in_w;
    float v = 0.0f;
#ifdef WINOGRAD
    const int h = oh / OUT * OUT - PT, s = ow / OUT * OUT - PL;
    for (int j = 0; j < PLACES; j++) {
        float m = 0.0f;
        for (int c = 0; c < in_c; c++)
            m = FMA(spread(xg, group * in_c + c, h, s, in_h, in_w, j / WINDOW, j % WINDOW),
                    w[(((size_t)block * PLACES + j) * in_c + c) * BLOCK + lane], m);
        v = FMA(AT[oh % OUT][j / WINDOW] * AT[ow % OUT][j % WINDOW], m, v);
    }
#else
    for (int c = 0; c < in_c; c++) {
        for (int r = 0; r < KH; r++) {
            for (int s = 0; s < KW; s++) {
                const float t = at(xg, group * in_c + c, oh * SH + r * DH - PT,
                                   ow * SW + s * DW - PL, in_h, in_w);
#ifdef DEPTHWISE
                const size_t k = ((size_t)block * KH + r) * KW + s;
#else
                const size_t row = (size_t)block * (in_c / X_BLOCK) + c / X_BLOCK;
                const size_t k = ((row * KH + r) * KW + s) * X_BLOCK + c % X_BLOCK;
#endif
                v = FMA(t, w[k * BLOCK + lane], v);
            }
        }
    }
#endif
#ifdef BIAS
    v += b[block * BLOCK + lane];
#endif
    y[i + (size_t)img * gap] = epi(v, i, block EPI_ARGS);
}
