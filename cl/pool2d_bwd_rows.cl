/* pool2d_bwd on CPUs: a work-item owns `each` images of one channel, so it may scatter: each window in
 * row-major order adds its gradient to the element, or the elements, that it came from. VW windows
 * side by side are handled together where all that they load lies in x.
 *
 * Defines: those of pool2d_rows.cl, and
 *   DIRECT   windows do not overlap nor leave the image: store instead of load, add, store
 *   VECTOR   handle windows together at all
 *   FINISH   there is an epilogue */
#define IOTA4 (int4)(0, 1, 2, 3)
#define IOTA8 (int8)(0, 1, 2, 3, 4, 5, 6, 7)
#define IOTA16 (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define IOTA CAT(IOTA, VW)
#define VI CAT(int, VW)

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

/* One window's gradient g. */
static void one(__global float *d, __global const float *x, float g, int iy0, int ix0, int h, int w)
{
#ifdef AVERAGE
    const int n = count(iy0, KH, DH, -CT, h + CB) * count(ix0, KW, DW, -CL, w + CR);
    g /= (float)max(n, 1);
#else
    long best = -1;
    float v = 0.0f;
#endif
    for (int ky = 0; ky < KH; ky++) {
        const int iy = iy0 + ky * DH;
        if (iy < 0 || iy >= h)
            continue;
        for (int kx = 0; kx < KW; kx++) {
            const int ix = ix0 + kx * DW;
            if (ix < 0 || ix >= w)
                continue;
            const long i = (long)iy * w + ix;
#ifdef AVERAGE
            d[i] += g;
#else
            const float t = x[i];
            if (best < 0 || t > v || (isnan(t) && !isnan(v))) {
                v = t;
                best = i;
            }
#endif
        }
    }
#ifndef AVERAGE
    if (best >= 0)
        d[best] += g;
#endif
}

#ifdef VECTOR
#if SW == 1
#define SPAN ((KW - 1) * DW + VW)
#else
#define SPAN (((KW - 1) * DW & ~1) + 2 * VW)
#endif

#ifndef AVERAGE
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
#endif

/* d[0..VW) += g, or = g; only the first n of them where n is less. */
static void put(VF g, __global float *d, long n, bool direct)
{
    if (n >= VW)
        vf_store(direct ? g : vf_load(d) + g, d);
    else if (n > 0)
        vf_store_n(direct ? g : vf_load_n(d, (int)n) + g, d, (int)n);
}

/* The gradients g of the windows that begin at d, x and to their right; lanes without a window are 0.
 * `room`: elements from d to the end of its image. */
static void many(__global float *d, __global const float *x, VF g, int iy0, int ix0, int h, int w,
                 long room, bool direct)
{
#ifdef EDGE_X
#define INSIDE(kx) (((VI)(ix0 + (kx) * DW) + IOTA * SW >= 0) & ((VI)(ix0 + (kx) * DW) + IOTA * SW < w))
#endif
#ifdef AVERAGE
#ifdef EDGE_X
    VF n = (VF)(0.0f); /* float: oclgrind makes 255 of a comparison that becomes a number */
#pragma unroll
    for (int kx = 0; kx < KW; kx++) {
        const VI ix = (VI)(ix0 + kx * DW) + IOTA * SW;
        n += ((ix >= -CL) & (ix < w + CR)) ? (VF)(1.0f) : (VF)(0.0f);
    }
    g /= fmax(n * (float)count(iy0, KH, DH, -CT, h + CB), (VF)(1.0f));
#else
    g /= (float)max(KW * count(iy0, KH, DH, -CT, h + CB), 1);
#endif
#else
    VF v = (VF)(-INFINITY);
    VI nan = (VI)(0);
#pragma unroll
    for (int ky = 0; ky < KH; ky++) {
#ifdef EDGE_Y
        if (iy0 + ky * DH < 0 || iy0 + ky * DH >= h)
            continue;
#endif
#pragma unroll
        for (int kx = 0; kx < KW; kx++) {
            VF t = tap(x + (long)(ky * DH) * w, kx);
#ifdef EDGE_X
            t = INSIDE(kx) ? t : (VF)(-INFINITY);
#endif
            v = t > v ? t : v;
            nan |= t != t;
        }
    }
    v = nan ? (VF)(NAN) : v;
    /* Backwards, so that the first one remains. (No mask is negated: oclgrind cannot.) */
    VF best = (VF)(-1.0f);
#pragma unroll
    for (int ky = KH - 1; ky >= 0; ky--) {
#ifdef EDGE_Y
        if (iy0 + ky * DH < 0 || iy0 + ky * DH >= h)
            continue;
#endif
#pragma unroll
        for (int kx = KW - 1; kx >= 0; kx--) {
            const VF t = tap(x + (long)(ky * DH) * w, kx);
            VI hit = (t == v) | (t != t);
#ifdef EDGE_X
            hit &= INSIDE(kx);
#endif
            best = hit ? (VF)((float)(ky * KW + kx)) : best;
        }
    }
#endif
    /* From right to left, so that an element gets the gradient of the window further left first. */
#pragma unroll
    for (int ky = 0; ky < KH; ky++) {
#ifdef EDGE_Y
        if (iy0 + ky * DH < 0 || iy0 + ky * DH >= h)
            continue;
#endif
#pragma unroll
        for (int at = (KW - 1) * DW / SW * SW; at >= 0; at -= SW) {
            VF to[SW];
#pragma unroll
            for (int s = 0; s < SW; s++) {
                const int kx = (at + s) / DW;
                to[s] = (VF)(0.0f);
                if ((at + s) % DW == 0 && kx < KW) {
#ifndef AVERAGE
                    to[s] = best == (float)(ky * KW + kx) ? g : (VF)(0.0f);
#elif defined(EDGE_X)
                    to[s] = INSIDE(kx) ? g : (VF)(0.0f);
#else
                    to[s] = g;
#endif
                }
            }
            const long p = (long)(ky * DH) * w + at;
#if SW == 1
            put(to[0], d + p, room - p, direct);
#else
            VF a, b;
            a.even = to[0].lo;
            a.odd = to[1].lo;
            b.even = to[0].hi;
            b.odd = to[1].hi;
            put(a, d + p, room - p, direct);
            put(b, d + p + VW, room - p - VW, direct);
#endif
        }
    }
}
#endif

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void pool2d_bwd_rows(__global float *restrict dx, __global const float *restrict dy,
                     __global const float *restrict x, int planes, int each, int channels, int h,
                     int w, int oh, int ow EPI_PARAMS)
{
    const int first = (int)get_group_id(0) * each, last = min(first + each, planes);
    const long area = (long)h * w;
    for (int plane = first; plane < last; plane++) {
        __global float *d = dx + plane * area;
        __global const float *px = x + plane * area;
        for (long i = 0; i < area; i++)
            d[i] = 0.0f;
        for (int oy = 0; oy < oh; oy++) {
            const int iy0 = oy * SH - PT;
            __global const float *g = dy + ((size_t)plane * (size_t)oh + (size_t)oy) * (size_t)ow;
            int ox = 0;
#ifdef VECTOR
            /* rows of the window that lie in the image */
            const int top = max((-iy0 + DH - 1) / DH, 0);
            const int bottom = min(KH, (h - iy0 + DH - 1) / DH) - 1;
            for (; ox < ow; ox += VW) {
                const int ix0 = ox * SW - PL, n = min(ow - ox, VW);
                const long at = (long)iy0 * w + ix0;
                if (at + (long)(top * DH) * w < 0 ||
                    plane * area + at + (long)(bottom * DH) * w + SPAN > planes * area)
                    break;
                const VF gv = n == VW ? vf_load(g + ox) : vf_load_n(g + ox, n);
#ifdef DIRECT
                const bool direct = ow <= VW || ix0 + SW * VW <= w;
#else
                const bool direct = false;
#endif
                /* What a direct store puts behind an image is cleared when its turn comes. */
                const long room = (direct ? (last - plane) * area : area) - at;
                if (room >= (long)((KH - 1) * DH) * w + SPAN) /* known to be plenty: no test at each store */
                    many(d + at, px + at, gv, iy0, ix0, h, w, LONG_MAX, direct);
                else
                    many(d + at, px + at, gv, iy0, ix0, h, w, room, direct);
            }
#endif
            for (; ox < ow; ox++)
                one(d, px, g[ox], iy0, ox * SW - PL, h, w);
        }
#ifdef FINISH
        const int c = plane % channels;
        const size_t base = (size_t)plane * (size_t)area;
        long i = 0;
        for (; i + VW <= area; i += VW)
            vf_store(epi_w(vf_load(d + i), base + (size_t)i, c EPI_ARGS), d + i);
        for (; i < area; i++)
            d[i] = epi(d[i], base + (size_t)i, c EPI_ARGS);
#endif
    }
}
