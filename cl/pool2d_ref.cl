/* pool2d from the definition: a work-item an output. Defines as in pool2d_rows.cl, of which PB and PR
 * count only for an average, and no EDGE_X, EDGE_Y, ROWS; BLOCK channels lie together. */
__kernel void pool2d_ref(__global FH *restrict y, __global const FH *restrict x, int planes,
                         int channels, int h, int w, int oh, int ow EPI_PARAMS)
{
    const size_t i = get_global_id(0), area = (size_t)oh * (size_t)ow;
    if (i >= (size_t)planes * area * BLOCK)
        return;
    const size_t pixel = i / BLOCK;
    const int plane = (int)(pixel / area), o = (int)(pixel - (size_t)plane * area);
    const int iy0 = o / ow * SH - PT, ix0 = o % ow * SW - PL;
    __global const FH *px = x + (size_t)plane * (size_t)h * (size_t)w * BLOCK + i % BLOCK;
#ifdef AVERAGE
    float v = 0.0f;
    int rows = 0, cols = 0;
    for (int ky = 0; ky < KH; ky++)
        rows += iy0 + ky * DH >= -CT && iy0 + ky * DH < h + CB;
    for (int kx = 0; kx < KW; kx++)
        cols += ix0 + kx * DW >= -CL && ix0 + kx * DW < w + CR;
#else
    float v = -INFINITY;
#endif
    for (int ky = 0; ky < KH; ky++) {
        const int iy = iy0 + ky * DH;
        if (iy < 0 || iy >= h)
            continue;
        for (int kx = 0; kx < KW; kx++) {
            const int ix = ix0 + kx * DW;
            if (ix < 0 || ix >= w)
                continue;
            const float t = fh_load(px, ((size_t)iy * (size_t)w + (size_t)ix) * BLOCK);
#ifdef AVERAGE
            v += t;
#else
            v = t > v || isnan(t) ? t : v;
#endif
        }
    }
#ifdef AVERAGE
    /* a window of padding alone has a sum of 0 and divides by 1 */
    v /= (float)max(rows * cols, 1);
#endif
    fh_store(y, i, epi(v, i, plane % channels EPI_ARGS));
}
