#ifdef HAS_SCALE
#define SCALE_PARAM __global const float *scale,
#else
#define SCALE_PARAM
#endif
#ifdef HAS_SHIFT
#define SHIFT_PARAM __global const float *shift,
#else
#define SHIFT_PARAM
#endif
#ifdef HAS_MEAN
#define MEAN_PARAM __global const float *mean,
#else
#define MEAN_PARAM
#endif

/* In blocks of BLOCK channels, of which `present` are there; 1: plain. No restrict: y may be x. */
__kernel void batchnorm_ref(__global FH *y, __global const FH *x, SCALE_PARAM SHIFT_PARAM
                            MEAN_PARAM __global const float *variance, float epsilon, int present,
                            CHANNEL_PARAMS EPI_PARAMS)
{
    const int i = get_global_id(0);
    const int b = channel_of(i, CHANNEL_ARGS), c = b * BLOCK + i % BLOCK;
    if (i >= n)
        return;
    float v = 0.0f;
    if (c < present) {
        v = fh_load(x, i);
#ifdef HAS_MEAN
        v -= mean[c];
#endif
        v *= 1.0f / sqrt(variance[c] + epsilon);
#ifdef HAS_SCALE
        v *= scale[c];
#endif
#ifdef HAS_SHIFT
        v += shift[c];
#endif
    }
    fh_store(y, i, epi(v, i, b EPI_ARGS));
}
