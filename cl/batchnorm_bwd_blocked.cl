/* batchnorm_bwd on CPUs for blocks of VW channels; a work-item takes the pixels that launch_planes() says. */
#ifdef HAS_SCALE
#define SCALE_PARAM __global const float *restrict scale,
#define SCALED(v) ((v) * channels_load(scale + c, left))
#else
#define SCALE_PARAM
#define SCALED(v) (v)
#endif

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
batchnorm_bwd_blocked(__global float *restrict dx, __global const float *restrict dy,
                      __global const float *restrict x, SCALE_PARAM
                      __global const float *restrict mean, __global const float *restrict variance,
                      __global const float *restrict dscale, __global const float *restrict dshift,
                      float epsilon, float share, PLANE_PARAMS EPI_PARAMS)
{
    for (int b = PLANE_FIRST; b < PLANE_LAST; b++) {
        const int c = b % blocks * VW, left = channels - c;
        const VF r = channels_inverse(variance + c, left, epsilon), k = SCALED(r);
        const VF m = channels_load(mean + c, left);
        const VF slope = channels_load(dscale + c, left) * r * share;
        const VF middle = channels_load(dshift + c, left) * share;
        size_t i = ((size_t)b * area + PIXEL_FIRST) * VW;
        const size_t end = ((size_t)b * area + PIXEL_LAST) * VW;
        for (; i < end; i += VW) {
            const VF u = vf_load(x + i) - m, d = vf_load(dy + i) - middle;
            vf_store(epi_w((d - u * slope) * k, i, 0 EPI_ARGS), dx + i);
        }
    }
}
