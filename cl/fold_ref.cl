#ifdef HAS_b
#define B_PARAM __global const float *restrict b,
#else
#define B_PARAM
#endif
#ifdef HAS_scale
#define SCALE_PARAM __global const float *restrict scale,
#else
#define SCALE_PARAM
#endif
#ifdef HAS_shift
#define SHIFT_PARAM __global const float *restrict shift,
#else
#define SHIFT_PARAM
#endif
#ifdef HAS_mean
#define MEAN_PARAM __global const float *restrict mean,
#else
#define MEAN_PARAM
#endif
#ifdef HAS_variance
#define VARIANCE_PARAM __global const float *restrict variance,
#else
#define VARIANCE_PARAM
#endif

/* One work-item a weight, along dimension 0 those of one channel or, where `inner` is 1, all channels;
 * the first of each channel makes the channel's bias too. */
__kernel void fold_ref(__global float *restrict w2, __global float *restrict b2,
                       __global const float *restrict w, B_PARAM SCALE_PARAM SHIFT_PARAM MEAN_PARAM
                       VARIANCE_PARAM float epsilon, int channels, int inner)
{
    const int j = get_global_id(0), row = get_global_id(1);
    if (j >= (ACROSS ? channels : inner))
        return;
    const int c = ACROSS ? j : row % channels;
    const int i = row * (ACROSS ? channels : inner) + j;
    float s = 1.0f;
#ifdef HAS_variance
    s = 1.0f / sqrt(variance[c] + epsilon);
#endif
#ifdef HAS_scale
    s *= scale[c];
#endif
    w2[i] = w[i] * s;
    if (i != c * inner)
        return;
    float v = 0.0f;
#ifdef HAS_b
    v = b[c];
#endif
#ifdef HAS_mean
    v -= mean[c];
#endif
    v *= s;
#ifdef HAS_shift
    v += shift[c];
#endif
    b2[c] = v;
}
