/* batchnorm on CPUs for blocks of VW channels; a work-item takes the pixels that launch_planes() says. No
 * restrict: y may be x. */
#ifdef HAS_SCALE
#define SCALE_PARAM __global const float *scale,
#define SCALED(v) ((v) * channels_load(scale + c, left))
#else
#define SCALE_PARAM
#define SCALED(v) (v)
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

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
batchnorm_blocked(__global float *y, __global const float *x, SCALE_PARAM SHIFT_PARAM MEAN_PARAM
                  __global const float *variance, float epsilon, PLANE_PARAMS EPI_PARAMS)
{
    for (int b = PLANE_FIRST; b < PLANE_LAST; b++) {
        const int c = b % blocks * VW, left = channels - c;
        const VF r = SCALED(channels_inverse(variance + c, left, epsilon));
#ifdef HAS_MEAN
        const VF m = channels_load(mean + c, left);
#else
        const VF m = (VF)(0.0f);
#endif
#ifdef HAS_SHIFT
        const VF d = channels_load(shift + c, left);
#else
        const VF d = (VF)(0.0f);
#endif
        size_t i = ((size_t)b * area + PIXEL_FIRST) * VW;
        const size_t end = ((size_t)b * area + PIXEL_LAST) * VW;
        for (; i < end; i += VW)
            vf_store(epi_w(FMA(vf_load(x + i) - m, r, d), i, 0 EPI_ARGS), y + i);
    }
}
