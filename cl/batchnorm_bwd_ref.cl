#ifdef HAS_SCALE
#define SCALE_PARAM __global const float *restrict scale,
#else
#define SCALE_PARAM
#endif

/* In blocks of BLOCK channels, of which `present` are there; 1: plain. */
__kernel void batchnorm_bwd_ref(__global float *restrict dx, __global const float *restrict dy,
                                __global const float *restrict x, SCALE_PARAM
                                __global const float *restrict mean,
                                __global const float *restrict variance,
                                __global const float *restrict dscale,
                                __global const float *restrict dshift, float epsilon, float share,
                                int present, CHANNEL_PARAMS EPI_PARAMS)
{
    const int i = get_global_id(0);
    const int b = channel_of(i, CHANNEL_ARGS), c = b * BLOCK + i % BLOCK;
    if (i >= n)
        return;
    float v = 0.0f;
    if (c < present) {
        const float r = 1.0f / sqrt(variance[c] + epsilon);
        v = (dy[i] - dshift[c] * share - (x[i] - mean[c]) * (dscale[c] * r * share)) * r;
#ifdef HAS_SCALE
        v *= scale[c];
#endif
    }
    dx[i] = epi(v, i, b EPI_ARGS);
}
