/* gap_bwd on CPUs for blocks of VW channels; a work-item takes the pixels that launch_planes() says. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
gap_bwd_blocked(__global float *restrict dx, __global const float *restrict dy,
                PLANE_PARAMS EPI_PARAMS)
{
    for (int b = PLANE_FIRST; b < PLANE_LAST; b++) {
        const VF v = vf_load(dy + (size_t)b * VW) / (float)area;
        size_t i = ((size_t)b * area + PIXEL_FIRST) * VW;
        const size_t end = ((size_t)b * area + PIXEL_LAST) * VW;
        for (; i < end; i += VW)
            vf_store(epi_w(v, i, 0 EPI_ARGS), dx + i);
    }
}
