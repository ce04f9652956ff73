/* batchnorm_stats on CPUs for blocks of VW channels. Of SOME pixels at a time, which stay in the cache, first the
 * mean, then the squared distances from it; means and squares of two sets become those of both as Chan, Golub and
 * LeVeque 1979 do it. Part k leaves both in [k][channel]; ALONE: there is one part. */
#define SOME 256

/* The set (m, s) of `have` pixels and another one of `more`. */
#define JOIN(m, s, have, m2, s2, more)                                                             \
    do {                                                                                           \
        const float all_ = (have) + (more);                                                        \
        const VF d_ = (m2) - (m);                                                                  \
        m += d_ * ((more) / all_);                                                                 \
        s += (s2) + d_ * d_ * ((have) * ((more) / all_));                                          \
        have = all_;                                                                               \
    } while (0)

static inline VF mean_of(__global const float *x, int n)
{
    VF a = (VF)(0.0f), b = a, c = a, d = a;
    int i = 0;
    for (; i + 4 <= n; i += 4, x += 4 * VW) {
        a += vf_load(x);
        b += vf_load(x + VW);
        c += vf_load(x + 2 * VW);
        d += vf_load(x + 3 * VW);
    }
    for (; i < n; i++, x += VW)
        a += vf_load(x);
    return ((a + b) + (c + d)) / (float)n;
}

static inline VF squares_of(__global const float *x, int n, VF m)
{
    VF a = (VF)(0.0f), b = a, c = a, d = a;
    int i = 0;
    for (; i + 4 <= n; i += 4, x += 4 * VW) {
        const VF e = vf_load(x) - m, f = vf_load(x + VW) - m;
        const VF g = vf_load(x + 2 * VW) - m, h = vf_load(x + 3 * VW) - m;
        a = FMA(e, e, a);
        b = FMA(f, f, b);
        c = FMA(g, g, c);
        d = FMA(h, h, d);
    }
    for (; i < n; i++, x += VW) {
        const VF e = vf_load(x) - m;
        a = FMA(e, e, a);
    }
    return (a + b) + (c + d);
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
batchnorm_stats_blocked(__global float *restrict mean, __global float *restrict variance,
                        __global const float *restrict x, PART_OF_PARAMS)
{
    const int b = get_group_id(0), part = get_group_id(1);
    VF m = (VF)(0.0f), s = (VF)(0.0f);
    float have = 0.0f;
    for (int i = PART_IMAGE_FIRST; i < PART_IMAGE_LAST; i++) {
        const int last = PART_PIXEL_LAST;
        for (int p = PART_PIXEL_FIRST; p < last; p += SOME) {
            const int some = min(SOME, last - p);
            __global const float *px = x + (((size_t)i * blocks + b) * area + p) * VW;
            const VF here = mean_of(px, some), square = squares_of(px, some, here);
            JOIN(m, s, have, here, square, (float)some);
        }
    }
#ifdef ALONE
    channels_store(m, mean + b * VW, channels - b * VW);
    channels_store(s / have, variance + b * VW, channels - b * VW);
#else
    vf_store(m, mean + ((size_t)part * blocks + b) * VW);
    vf_store(s, variance + ((size_t)part * blocks + b) * VW);
#endif
}

/* The parts together, in order. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
batchnorm_stats_blocked_join(__global float *restrict mean, __global float *restrict variance,
                             __global const float *restrict part_mean,
                             __global const float *restrict part_square, PART_OF_PARAMS, int parts)
{
    const int b = get_group_id(0);
    VF m = (VF)(0.0f), s = (VF)(0.0f);
    float have = 0.0f;
    for (int part = 0; part < parts; part++) {
        const size_t at = ((size_t)part * blocks + b) * VW;
        const float more = (float)(PART_IMAGE_LAST - PART_IMAGE_FIRST) *
                           (float)(PART_PIXEL_LAST - PART_PIXEL_FIRST);
        const VF here = vf_load(part_mean + at), square = vf_load(part_square + at);
        JOIN(m, s, have, here, square, more);
    }
    channels_store(m, mean + b * VW, channels - b * VW);
    channels_store(s / have, variance + b * VW, channels - b * VW);
}
