/* pool2d on CPUs: a work-item makes `each` consecutive output rows, VW outputs at a time.
 *
 * Stride 1 reads VW neighbours a tap; stride 2 reads 2 VW and keeps every other one, so two taps share
 * a pair of loads. A vector may run over the end of its row, in x and in y: what it puts there is
 * wrong, lies inside the work-item's own rows, and is overwritten by the row that follows.
 *
 * Defines: KH KW SH SW DH DW (SW 1 or 2); PT PL, the padding before; EDGE_X, EDGE_Y where some window
 * leaves the image in that direction; AVERAGE, with CT CL CB CR the padding that counts. */
#define IOTA4 (int4)(0, 1, 2, 3)
#define IOTA8 (int8)(0, 1, 2, 3, 4, 5, 6, 7)
#define IOTA16 (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define IOTA CAT(IOTA, VW)
#define VI CAT(int, VW)

#ifdef AVERAGE
#define START 0.0f
#define TAKE(v, t) ((v) + (t))
#else
#define START (-INFINITY)
#define TAKE(v, t) ((t) > (v) ? (t) : (v)) /* one instruction; NaN is looked after beside it */
#endif

/* Elements of x from a vector's first tap to the end of what its last one loads. */
#if SW == 1
#define SPAN ((KW - 1) * DW + VW)
#else
#define SPAN (((KW - 1) * DW & ~1) + 2 * VW)
#endif

#ifdef AVERAGE
/* How many of k taps, the first at i0, lie in [from, to). */
static int count(int i0, int k, int step, int from, int to)
{
    int n = 0;
    for (int j = 0; j < k; j++)
        n += i0 + j * step >= from && i0 + j * step < to;
    return n;
}
#endif

static float one(__global const float *plane, int oy, int ox, int h, int w)
{
    float v = START;
    bool nan = false;
    for (int ky = 0; ky < KH; ky++) {
        const int iy = oy * SH - PT + ky * DH;
        if (iy < 0 || iy >= h)
            continue;
        for (int kx = 0; kx < KW; kx++) {
            const int ix = ox * SW - PL + kx * DW;
            if (ix < 0 || ix >= w)
                continue;
            const float t = plane[(size_t)iy * (size_t)w + (size_t)ix];
            v = TAKE(v, t);
            nan |= t != t;
        }
    }
#ifdef AVERAGE
    const int n = count(oy * SH - PT, KH, DH, -CT, h + CB) * count(ox * SW - PL, KW, DW, -CL, w + CR);
    return v / (float)max(n, 1);
#else
    return nan ? NAN : v;
#endif
}

/* Tap number kx of VW windows that lie side by side, the first of which begins at p. */
static VF tap(__global const float *p, int kx)
{
#if SW == 1
    return vf_load(p + kx * DW);
#else
    const int at = kx * DW & ~1;
    const VF a = vf_load(p + at), b = vf_load(p + at + VW);
    VF r;
    if (kx * DW & 1) {
        r.lo = a.odd;
        r.hi = b.odd;
    } else {
        r.lo = a.even;
        r.hi = b.even;
    }
    return r;
#endif
}

static VF many(__global const float *p, int iy0, int ky0, int ky1, int ix0, int h, int w)
{
    VF v = (VF)(START);
    VI nan = (VI)(0);
#pragma unroll
    for (int ky = 0; ky < KH; ky++) {
#ifdef EDGE_Y
        if (ky < ky0 || ky >= ky1)
            continue;
#endif
#pragma unroll
        for (int kx = 0; kx < KW; kx++) {
            VF t = tap(p + (long)(ky * DH) * w, kx);
#ifdef EDGE_X
            const VI ix = (VI)(ix0 + kx * DW) + IOTA * SW;
            t = ((ix >= 0) & (ix < w)) ? t : (VF)(START);
#endif
            v = TAKE(v, t);
            nan |= t != t;
        }
    }
#ifndef AVERAGE
    return nan ? (VF)(NAN) : v;
#else
#ifdef EDGE_Y
    const int rows = count(iy0, KH, DH, -CT, h + CB);
#else
    const int rows = KH;
#endif
#ifdef EDGE_X
    VF cols = (VF)(0.0f); /* float: oclgrind makes 255 of a comparison that becomes a number */
#pragma unroll
    for (int kx = 0; kx < KW; kx++) {
        const VI ix = (VI)(ix0 + kx * DW) + IOTA * SW;
        cols += ((ix >= -CL) & (ix < w + CR)) ? (VF)(1.0f) : (VF)(0.0f);
    }
    return v / fmax(cols * (float)rows, (VF)(1.0f));
#else
    return v / (float)max(rows * KW, 1);
#endif
#endif
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void pool2d_rows(__global float *restrict y, __global const float *restrict x, int rows, int each,
                 int channels, int h, int w, int oh, int ow EPI_PARAMS)
{
    const int r0 = (int)get_group_id(0) * each, r1 = min(r0 + each, rows);
    const size_t end = (size_t)r1 * (size_t)ow;
    const long total = (long)(rows / oh) * h * w;
    int plane = r0 / oh, oy = r0 % oh, c = plane % channels;
    for (int r = r0; r < r1; r++) {
        __global const float *px = x + (long)plane * h * w;
        const int iy0 = oy * SH - PT;
#ifdef EDGE_Y
        const int ky0 = max((-iy0 + DH - 1) / DH, 0);
        const int ky1 = min(KH, (h - iy0 + DH - 1) / DH);
#else
        const int ky0 = 0, ky1 = KH;
#endif
        for (int ox0 = 0; ox0 < ow; ox0 += VW) {
            const int ix0 = ox0 * SW - PL, n = min(ow - ox0, VW);
            const size_t i = (size_t)r * (size_t)ow + (size_t)ox0;
            const long at = ((long)plane * h + iy0) * w + ix0;
            VF v;
            if (at + (long)(ky0 * DH) * w >= 0 && at + (long)((ky1 - 1) * DH) * w + SPAN <= total) {
                v = many(x + at, iy0, ky0, ky1, ix0, h, w);
            } else {
                v = (VF)(0.0f);
                for (int l = 0; l < n; l++)
                    ((float *)&v)[l] = one(px, oy, ox0 + l, h, w);
            }
            if (i + VW <= end)
                vf_store(epi_w(v, i, c EPI_ARGS), y + i);
            else
                vf_store_n(epi_w_n(v, i, c, n EPI_ARGS), y + i, n);
        }
        if (++oy == oh) {
            oy = 0;
            plane++;
            c = c + 1 == channels ? 0 : c + 1;
        }
    }
}
