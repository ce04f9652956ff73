#ifndef RANK
#define LONG(high, low) ((long)(high) << 32 | (uint)(low))

/* Nearest: does rest / divisor, from 0 below 1, go up? */
#define up_prefer_floor(rest, divisor) (2 * (rest) > (divisor))
#define up_prefer_ceil(rest, divisor) (2 * (rest) >= (divisor))
#define up_floor(rest, divisor) 0
#define up_ceil(rest, divisor) ((rest) > 0)

/* What tap t weighs where the sample lies r, from 0 below 1, behind the tap before it. Cubic: Keys 1981. */
static inline float tap_weight(int t, float r, float a)
{
    const float s = 1.0f - r;
#if TAPS == 1
    return 1.0f;
#elif TAPS == 2
    return t ? r : s;
#else
    return t == 0   ? a * r * s * s
           : t == 1 ? ((a + 2.0f) * r - (a + 3.0f)) * r * r + 1.0f
           : t == 2 ? ((a + 2.0f) * s - (a + 3.0f)) * s * s + 1.0f
                    : a * s * r * r;
#endif
}

/* For each of n elements TAPS times {offset in x, weight}; offset -1: outside of what is cropped from. */
__kernel void resize_ref_taps(__global int2 *restrict taps, int first, int n, int extent, int stride,
                              float a, int start_high, int start_low, int step_high, int step_low,
                              int divisor_high, int divisor_low)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const long divisor = LONG(divisor_high, divisor_low);
    const long at = LONG(start_high, start_low) + i * LONG(step_high, step_low);
    const long q = at / divisor - (at % divisor < 0);
    const long rest = at - q * divisor;
    const float r = (float)rest / (float)divisor;
    const long from = TAPS == 1 ? q + UP(rest, divisor) : q - (TAPS / 2 - 1);
    const bool outside = CROP && (q < 0 || q > extent - 1 || (q == extent - 1 && rest > 0));
    float weight[TAPS], sum = 0.0f;
    for (int t = 0; t < TAPS; t++) {
        weight[t] = tap_weight(t, r, a);
#if EXCLUDE && TAPS > 1
        if (from + t < 0 || from + t >= extent)
            weight[t] = 0.0f;
#endif
        sum += weight[t];
    }
    for (int t = 0; t < TAPS; t++) {
        const int k = (int)clamp(from + t, 0L, (long)extent - 1);
        const float w = EXCLUDE && sum != 0.0f ? weight[t] / sum : weight[t];
        taps[first + i * TAPS + t] = (int2)(outside ? -1 : k * stride, as_int(w));
    }
}
#else
/* a: strides in x, b: where the taps of a dimension that is in ACTIVE begin. */
__kernel void resize_ref(__global T *restrict y, __global const T *restrict x,
                         __global const int2 *restrict taps, float extrapolation, ND_PARAMS,
                         ND_STRIDES(a), ND_STRIDES(b))
{
    int at[RANK], base = 0;
    const int i = nd_place(at, ND_ARGS);
    const nd_list stride = ND_LIST(a), table = ND_LIST(b);
    bool inside = true;
    CT sum = 0;
    if (i < 0)
        return;
#pragma unroll
    for (int d = 0; d < RANK; d++) {
        if (!(ACTIVE >> d & 1)) {
            base += at[d] * stride.d[d];
        } else {
            at[d] = table.d[d] + at[d] * TAPS;
            inside = inside && (!CROP || taps[at[d]].x >= 0);
        }
    }
    if (!inside) {
        ST(y, i, (CT)extrapolation);
        return;
    }
    for (int t = 0; t < PRODUCTS; t++) {
        int rest = t, from = base;
        float w = 1.0f;
#pragma unroll
        for (int d = RANK - 1; d >= 0; d--) {
            if (!(ACTIVE >> d & 1))
                continue;
            const int2 tap = taps[at[d] + rest % TAPS];
            rest /= TAPS;
            from += tap.x;
            w *= as_float(tap.y);
        }
        sum += TAPS == 1 ? LD(x, from) : (CT)w * LD(x, from);
    }
    ST(y, i, sum);
}
#endif
