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

/* One work-item a channel: its factor and its bias. */
__kernel void fold_ref_channels(__global float *restrict factor, __global float *restrict b2,
                                B_PARAM SCALE_PARAM SHIFT_PARAM MEAN_PARAM VARIANCE_PARAM
                                float epsilon, int channels)
{
    const int c = get_global_id(0);
    if (c >= channels)
        return;
    float s = 1.0f, v = 0.0f;
#ifdef HAS_variance
    s = 1.0f / sqrt(variance[c] + epsilon);
#endif
#ifdef HAS_scale
    s *= scale[c];
#endif
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
    factor[c] = s;
    b2[c] = v;
}

/* One work-item a weight of the `outer` x channels x inner. */
__kernel void fold_ref_weights(__global float *restrict w2, __global const float *restrict w,
                               __global const float *restrict factor, int channels, int inner)
{
    const size_t j = get_global_id(0), c = get_global_id(1), row = get_global_id(2) * channels + c;
    if (j < (size_t)inner)
        w2[row * inner + j] = w[row * inner + j] * factor[c];
}

/* The same where the channels are the last axis. */
__kernel void fold_ref_columns(__global float *restrict w2, __global const float *restrict w,
                               __global const float *restrict factor, int channels)
{
    const size_t c = get_global_id(0), row = get_global_id(1);
    if (c < (size_t)channels)
        w2[row * channels + c] = w[row * channels + c] * factor[c];
}
