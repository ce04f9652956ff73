/* pool2d_bwd on CPUs for blocks of VW channels: a work-item makes `each` rows of one plane of dx. It goes through
 * all windows that reach into them, in row-major order, so no two write to one place; a window that reaches into
 * rows of two is looked at by both.
 *
 * Defines: those of pool2d_blocked.cl, and
 *   DIRECT   every element lies in exactly one window: store instead of clear, load, add, store
 *   FINISH   there is an epilogue */
#define VI CAT(int, VW)

/* How many of k taps, the first at i0, lie in [from, to). */
static inline int taps_in(int i0, int k, int step, int from, int to)
{
    const int first = i0 < from ? (from - i0 + step - 1) / step : 0;
    const int last = i0 < to ? min((to - i0 + step - 1) / step, k) : 0;
    return max(last - first, 0);
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
pool2d_bwd_blocked(__global float *restrict dx, __global const float *restrict dy,
                   __global const float *restrict x, int each, int channels, int h, int w, int oh,
                   int ow EPI_PARAMS)
{
    const int r0 = (int)get_group_id(0) * each, r1 = min(r0 + each, h);
    const size_t plane = (size_t)get_group_id(1) * h * w;
    __global float *d = dx + plane * VW;
    __global const float *px = x + plane * VW;
    __global const float *g = dy + (size_t)get_group_id(1) * oh * ow * VW;
#ifndef DIRECT
    for (int i = r0 * w; i < r1 * w; i++)
        vf_store((VF)(0.0f), d + (size_t)i * VW);
#endif
    const int least = r0 + PT - (KH - 1) * DH; /* the first window that reaches row r0 begins there or below */
    const int oy0 = least > 0 ? (least + SH - 1) / SH : 0, oy1 = min((r1 - 1 + PT) / SH + 1, oh);
    for (int oy = oy0; oy < oy1; oy++) {
        const int iy0 = oy * SH - PT;
#ifdef EDGE_Y
        const int ky0 = iy0 < 0 ? (-iy0 + DH - 1) / DH : 0, ky1 = ky0 + taps_in(iy0, KH, DH, 0, h);
#else
        const int ky0 = 0, ky1 = KH;
#endif
        for (int ox = 0; ox < ow; ox++) {
            const int ix0 = ox * SW - PL;
#ifdef EDGE_X
            const int kx0 = ix0 < 0 ? (-ix0 + DW - 1) / DW : 0,
                      kx1 = kx0 + taps_in(ix0, KW, DW, 0, w);
#else
            const int kx0 = 0, kx1 = KW;
#endif
            VF v = vf_load(g + ((size_t)oy * ow + ox) * VW);
#ifdef AVERAGE
            v /= (float)max(taps_in(iy0, KH, DH, -CT, h + CB) * taps_in(ix0, KW, DW, -CL, w + CR),
                            1);
#else
            VF most = (VF)(-INFINITY);
            VI best = (VI)(-1);
            for (int ky = ky0; ky < ky1; ky++) {
                __global const float *p = px + (size_t)((iy0 + ky * DH) * w + ix0) * VW;
                for (int kx = kx0; kx < kx1; kx++) {
                    const VF t = vf_load(p + kx * DW * VW);
                    const VI better = (best < 0) | (t > most) | ((t != t) & (most == most));
                    most = better ? t : most;
                    best = better ? (VI)(ky * KW + kx) : best;
                }
            }
#endif
            for (int ky = ky0; ky < ky1; ky++) {
                const int row = iy0 + ky * DH;
                if (row < r0 || row >= r1)
                    continue;
                for (int kx = kx0; kx < kx1; kx++) {
                    const size_t i = (size_t)(row * w + ix0 + kx * DW) * VW;
#ifdef AVERAGE
                    const VF to = v;
#else
                    const VF to = best == ky * KW + kx ? v : (VF)(0.0f);
#endif
#ifdef DIRECT
                    vf_store(epi_w(to, plane * VW + i, 0 EPI_ARGS), d + i);
#else
                    vf_store(vf_load(d + i) + to, d + i);
#endif
                }
            }
        }
    }
#if defined(FINISH) && !defined(DIRECT)
    for (int j = r0 * w; j < r1 * w; j++) {
        const size_t i = (size_t)j * VW;
        vf_store(epi_w(vf_load(d + i), plane * VW + i, 0 EPI_ARGS), d + i);
    }
#endif
}
