/* BLOCK channels lie together, 1: plain.
 * pool2d_bwd: a work-item an element of dx gathers from the windows that cover it, in row-major order,
 * so no two write to one place. A maximum's gradient goes to the first element of its window that has
 * the value of the maximum; the first NaN, where there is one. Defines as in pool2d_ref.cl. */
#ifndef AVERAGE
/* Is x[iy][ix] the first maximum of the window that begins at (iy0, ix0)? */
static bool first_max(__global const float *px, int iy, int ix, int iy0, int ix0, int h, int w)
{
    const float mine = px[((size_t)iy * (size_t)w + (size_t)ix) * BLOCK];
    bool before = true;
    for (int ky = 0; ky < KH; ky++) {
        const int jy = iy0 + ky * DH;
        if (jy < 0 || jy >= h)
            continue;
        for (int kx = 0; kx < KW; kx++) {
            const int jx = ix0 + kx * DW;
            if (jx < 0 || jx >= w)
                continue;
            if (jy == iy && jx == ix) {
                before = false;
                continue;
            }
            const float t = px[((size_t)jy * (size_t)w + (size_t)jx) * BLOCK];
            if (before ? isnan(t) || t >= mine : !isnan(mine) && (isnan(t) || t > mine))
                return false;
        }
    }
    return true;
}
#endif

__kernel void pool2d_bwd_ref(__global float *restrict dx, __global const float *restrict dy,
                             __global const float *restrict x, int planes, int channels, int h, int w,
                             int oh, int ow EPI_PARAMS)
{
    const size_t i = get_global_id(0), area = (size_t)h * (size_t)w;
    if (i >= (size_t)planes * area * BLOCK)
        return;
    const int plane = (int)(i / BLOCK / area), at = (int)(i / BLOCK - (size_t)plane * area);
    const int iy = at / w, ix = at % w, lane = (int)(i % BLOCK);
    __global const float *pdy = dy + (size_t)plane * (size_t)oh * (size_t)ow * BLOCK + lane;
    float v = 0.0f;
    for (int ky = KH - 1; ky >= 0; ky--) {
        const int ty = iy + PT - ky * DH, oy = ty / SH;
        if (ty < 0 || ty % SH != 0 || oy >= oh)
            continue;
        for (int kx = KW - 1; kx >= 0; kx--) {
            const int tx = ix + PL - kx * DW, ox = tx / SW;
            if (tx < 0 || tx % SW != 0 || ox >= ow)
                continue;
            const int iy0 = oy * SH - PT, ix0 = ox * SW - PL;
            const float g = pdy[((size_t)oy * (size_t)ow + (size_t)ox) * BLOCK];
#ifdef AVERAGE
            int rows = 0, cols = 0;
            for (int j = 0; j < KH; j++)
                rows += iy0 + j * DH >= -CT && iy0 + j * DH < h + CB;
            for (int j = 0; j < KW; j++)
                cols += ix0 + j * DW >= -CL && ix0 + j * DW < w + CR;
            v += g / (float)(rows * cols);
#else
            const __global float *px = x + (size_t)plane * area * BLOCK + lane;
            v += first_max(px, iy, ix, iy0, ix0, h, w) ? g : 0.0f;
#endif
        }
    }
    dx[i] = epi(v, i, plane % channels EPI_ARGS);
}
