/* pool2d on CPUs for blocks of VW channels: a work-item makes `each` consecutive output rows of
 * blocks. Defines as in pool2d_rows.cl. */
#ifdef AVERAGE
#define START 0.0f
#else
#define START (-INFINITY)
#endif
#define VI CAT(int, VW)

/* How many of k taps, the first at i0, lie in [from, to). */
static inline int taps_in(int i0, int k, int step, int from, int to)
{
    const int first = i0 < from ? (from - i0 + step - 1) / step : 0;
    const int last = i0 < to ? min((to - i0 + step - 1) / step, k) : 0;
    return max(last - first, 0);
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
pool2d_blocked(__global float *restrict y, __global const float *restrict x, int rows, int each,
               int channels, int h, int w, int oh, int ow EPI_PARAMS)
{
    const int r0 = (int)get_group_id(0) * each, r1 = min(r0 + each, rows);
    for (int r = r0; r < r1; r++) {
        const int iy0 = r % oh * SH - PT;
        const int ky0 = iy0 < 0 ? (-iy0 + DH - 1) / DH : 0, ky1 = ky0 + taps_in(iy0, KH, DH, 0, h);
        __global const float *px = x + (size_t)(r / oh) * h * w * VW;
        for (int ox = 0; ox < ow; ox++) {
            const int ix0 = ox * SW - PL;
            const int kx0 = ix0 < 0 ? (-ix0 + DW - 1) / DW : 0,
                      kx1 = kx0 + taps_in(ix0, KW, DW, 0, w);
            const size_t i = ((size_t)r * ow + ox) * VW;
            VF v = (VF)(START);
#ifndef AVERAGE
            VI nan = (VI)(0);
#endif
            for (int ky = ky0; ky < ky1; ky++) {
                __global const float *p = px + ((iy0 + ky * DH) * w + ix0) * VW;
                for (int kx = kx0; kx < kx1; kx++) {
                    const VF t = vf_load(p + kx * DW * VW);
#ifdef AVERAGE
                    v += t;
#else
                    v = t > v ? t : v;
                    nan |= t != t;
#endif
                }
            }
#ifdef AVERAGE
            v /= (float)max(taps_in(iy0, KH, DH, -CT, h + CB) * taps_in(ix0, KW, DW, -CL, w + CR),
                            1);
#else
            v = nan ? (VF)(NAN) : v;
#endif
            vf_store(epi_w(v, i, 0 EPI_ARGS), y + i);
        }
    }
}
