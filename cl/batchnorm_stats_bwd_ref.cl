#ifdef HAS_DMEAN
#define DMEAN_PARAM __global const float *restrict dmean,
#else
#define DMEAN_PARAM
#endif
#ifdef HAS_DVARIANCE
#define DVARIANCE_PARAM __global const float *restrict dvariance,
#else
#define DVARIANCE_PARAM
#endif

__kernel void batchnorm_stats_bwd_ref(__global float *restrict dx, __global const float *restrict x,
                                      __global const float *restrict mean, DMEAN_PARAM DVARIANCE_PARAM
                                      float share, CHANNEL_PARAMS)
{
    const int i = get_global_id(0);
    const int c = channel_of(i, CHANNEL_ARGS);
    if (i >= n)
        return;
    float v = 0.0f;
#ifdef HAS_DVARIANCE
    v = 2.0f * (x[i] - mean[c]) * dvariance[c];
#endif
#ifdef HAS_DMEAN
    v += dmean[c];
#endif
    dx[i] = v * share;
}
