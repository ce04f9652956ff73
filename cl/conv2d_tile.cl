/* conv2d/tile: a work-group has BAND_H x BAND_W pixels of ITEM_C channels, a work-item ITEM_H pixels of a column of
 * all of these. DEPTH channels of x at a time, their windows and filters lie in local memory, each element read
 * once a group. Defines as in conv2d_ref.cl.
 */
#define ITEMS (BAND_W * BAND_H / ITEM_H)
#define PATCH_H ((BAND_H - 1) * SH + (KH - 1) * DH + 1)
#define PATCH_W ((BAND_W - 1) * SW + (KW - 1) * DW + 1)
#define PATCH (PATCH_H * PATCH_W)
#define TAPS (KH * KW)

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1)))
void conv2d_tile(__global FH *restrict y, __global const FH *restrict x,
                 __global const FH *restrict w, int in_c, int in_h, int in_w, int out_c,
                 int out_h, int out_w, int across EPI_PARAMS)
{
    __local float patch[DEPTH * PATCH];
    __local float4 filter[DEPTH * TAPS * ITEM_C / 4];
    const int item = get_local_id(0), tile = get_group_id(0);
    const int h0 = tile / across * BAND_H, w0 = tile % across * BAND_W;
    const int m0 = (int)get_group_id(1) * ITEM_C, image = get_group_id(2); /* times the group */
    const int row = item / BAND_W * ITEM_H, column = item % BAND_W;
    float4 acc[ITEM_H][ITEM_C / 4];
    for (int i = 0; i < ITEM_H; i++)
        for (int j = 0; j < ITEM_C / 4; j++)
            acc[i][j] = (float4)(0.0f);
    x += image * in_c * in_h * in_w;
    w += image % GROUPS * out_c * in_c * TAPS;
    for (int c0 = 0; c0 < in_c; c0 += DEPTH) {
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int e = item; e < DEPTH * PATCH; e += ITEMS) {
            const int c = c0 + e / PATCH, h = h0 * SH - PT + e % PATCH / PATCH_W;
            const int t = w0 * SW - PL + e % PATCH_W;
            const bool there = c < in_c && h >= 0 && h < in_h && t >= 0 && t < in_w;
            patch[e] = there ? fh_load(x, (c * in_h + h) * in_w + t) : 0.0f;
        }
        for (int e = item; e < DEPTH * TAPS * ITEM_C; e += ITEMS) {
            const int m = m0 + e % ITEM_C, tap = c0 * TAPS + e / ITEM_C;
            const bool there = m < out_c && tap < in_c * TAPS;
            ((__local float *)filter)[e] = there ? fh_load(w, m * in_c * TAPS + tap) : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int c = 0; c < DEPTH; c++) {
            for (int r = 0; r < KH; r++) {
#pragma unroll
                for (int s = 0; s < KW; s++) {
                    const __local float *from =
                        patch + c * PATCH + (row * SH + r * DH) * PATCH_W + column * SW + s * DW;
                    const __local float4 *k = filter + ((c * KH + r) * KW + s) * (ITEM_C / 4);
#pragma unroll
                    for (int i = 0; i < ITEM_H; i++) {
#pragma unroll
                        for (int j = 0; j < ITEM_C / 4; j++)
                            acc[i][j] = FMA((float4)(from[i * SH * PATCH_W]), k[j], acc[i][j]);
                    }
                }
            }
        }
    }
#pragma unroll
    for (int i = 0; i < ITEM_H; i++) {
        const int h = h0 + row + i, t = w0 + column;
#pragma unroll
        for (int j = 0; j < ITEM_C; j++) {
            const int m = m0 + j, ch = image % GROUPS * out_c + m;
            const int at = ((image * out_c + m) * out_h + h) * out_w + t;
            if (h < out_h && t < out_w && m < out_c)
                fh_store(y, at, epi(((const float *)&acc[i][j / 4])[j % 4], at, ch EPI_ARGS));
        }
    }
}
