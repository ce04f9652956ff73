/* pool3d and pool3d_index: a work-item an output.
 *
 * AVERAGE  the mean; a window counts its taps in [from, to) of each direction, those outside the
 *          volume being 0
 * INDEX    the place of the maximum in place of the maximum
 * LOWEST   below everything in T
 * MORE     whether one is more than the other: NaN is more than any number
 */
#define more_real(t, v) ((t) > (v) || (isnan(t) && !isnan(v)))
#define more_whole(t, v) ((t) > (v))

#ifdef INDEX
#define OUT long
#define MORE_PARAMS , int step_d, int step_h, int step_w
#elif defined(AVERAGE)
#define OUT T
#define MORE_PARAMS , int from_d, int from_h, int from_w, int to_d, int to_h, int to_w
#else
#define OUT T
#define MORE_PARAMS
#endif

#ifdef AVERAGE
/* Of the taps begin, begin + step .., count in number, how many lie in [from, to). */
static inline int taps_within(int begin, int count, int step, int from, int to)
{
    int n = 0;
    for (int k = 0; k < count; k++)
        n += begin + k * step >= from && begin + k * step < to;
    return n;
}
#endif

__kernel void pool3d_ref(__global OUT *restrict y, __global const T *restrict x, int n, int in_d,
                         int in_h, int in_w, int out_d, int out_h, int out_w, int kd, int kh,
                         int kw, int sd, int sh, int sw, int dd, int dh, int dw, int pd, int ph,
                         int pw MORE_PARAMS)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const int plane = i / (out_w * out_h * out_d);
    const int d0 = i / (out_w * out_h) % out_d * sd - pd, h0 = i / out_w % out_h * sh - ph;
    const int w0 = i % out_w * sw - pw, first = plane * in_d * in_h * in_w;
#ifdef AVERAGE
    CT v = 0;
#else
    CT v = LOWEST;
    int place = -1;
#endif
    for (int a = 0; a < kd; a++) {
        const int d = d0 + a * dd;
        for (int b = 0; b < kh; b++) {
            const int h = h0 + b * dh;
            if (d < 0 || d >= in_d || h < 0 || h >= in_h)
                continue;
            for (int c = 0; c < kw; c++) {
                const int w = w0 + c * dw;
                if (w < 0 || w >= in_w)
                    continue;
                const CT t = LD(x, first + (d * in_h + h) * in_w + w);
#ifdef AVERAGE
                v += t;
#else
                if (place < 0 || MORE(t, v)) { /* of equal ones the first stays */
                    v = t;
#ifdef INDEX
                    place = first + d * step_d + h * step_h + w * step_w;
#else
                    place = 0;
#endif
                }
#endif
            }
        }
    }
#ifdef AVERAGE
    const int count = taps_within(d0, kd, dd, from_d, to_d) *
                      taps_within(h0, kh, dh, from_h, to_h) * taps_within(w0, kw, dw, from_w, to_w);
    ST(y, i, v / max(count, 1));
#elif defined(INDEX)
    y[i] = place;
#else
    ST(y, i, v);
#endif
}
