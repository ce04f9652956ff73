/* Sums over all but the channels on CPUs, for blocks of VW channels: of dy, and (PRODUCT, for batchnorm_sums) of
 * dy (x - mean). Part k goes to [k][channel]; ALONE: there is one part, and it is the result. */
#ifdef PRODUCT
#define SUM_PARAMS __global float *restrict ds, __global float *restrict db
#define X_PARAMS                                                                                   \
    , __global const float *restrict x, __global const float *restrict mean,                       \
        __global const float *restrict variance, float epsilon
#define PART_PARAMS __global const float *restrict part_s, __global const float *restrict part_b
#define FACTOR_PARAMS , __global const float *restrict variance, float epsilon
#else
#define SUM_PARAMS __global float *restrict db
#define X_PARAMS
#define PART_PARAMS __global const float *restrict part_b
#define FACTOR_PARAMS
#endif

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
bias_bwd_blocked(SUM_PARAMS, __global const float *restrict dy X_PARAMS, PART_OF_PARAMS)
{
    const int b = get_group_id(0), part = get_group_id(1);
    const int c = b * VW, left = channels - c;
    VF t[4] = {(VF)(0.0f), (VF)(0.0f), (VF)(0.0f), (VF)(0.0f)};
#ifdef PRODUCT
    VF s[4] = {(VF)(0.0f), (VF)(0.0f), (VF)(0.0f), (VF)(0.0f)};
    const VF m = channels_load(mean + c, left);
#endif
    for (int i = PART_IMAGE_FIRST; i < PART_IMAGE_LAST; i++) {
        const size_t plane = ((size_t)i * blocks + b) * area;
        size_t at = (plane + PART_PIXEL_FIRST) * VW;
        const size_t end = (plane + PART_PIXEL_LAST) * VW;
        for (; at + 4 * VW <= end; at += 4 * VW)
#pragma unroll
            for (int j = 0; j < 4; j++) {
                const VF d = vf_load(dy + at + j * VW);
                t[j] += d;
#ifdef PRODUCT
                s[j] = FMA(d, vf_load(x + at + j * VW) - m, s[j]);
#endif
            }
        for (; at < end; at += VW) {
            const VF d = vf_load(dy + at);
            t[0] += d;
#ifdef PRODUCT
            s[0] = FMA(d, vf_load(x + at) - m, s[0]);
#endif
        }
    }
    const VF sum = (t[0] + t[1]) + (t[2] + t[3]);
#ifdef PRODUCT
    const VF product = (s[0] + s[1]) + (s[2] + s[3]);
#endif
#ifdef ALONE
    channels_store(sum, db + c, left);
#ifdef PRODUCT
    channels_store(product * channels_inverse(variance + c, left, epsilon), ds + c, left);
#endif
#else
    const size_t to = ((size_t)part * blocks + b) * VW;
    vf_store(sum, db + to);
#ifdef PRODUCT
    vf_store(product, ds + to);
#endif
#endif
}

/* The parts' sums, in order. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
bias_bwd_blocked_sum(SUM_PARAMS, PART_PARAMS FACTOR_PARAMS, int blocks, int channels, int parts)
{
    const int b = get_group_id(0), c = b * VW, left = channels - c;
    VF t = (VF)(0.0f);
    for (int k = 0; k < parts; k++)
        t += vf_load(part_b + ((size_t)k * blocks + b) * VW);
    channels_store(t, db + c, left);
#ifdef PRODUCT
    VF s = (VF)(0.0f);
    for (int k = 0; k < parts; k++)
        s += vf_load(part_s + ((size_t)k * blocks + b) * VW);
    channels_store(s * channels_inverse(variance + c, left, epsilon), ds + c, left);
#endif
}
