/* reorder on CPUs: a work-item takes `pixels` pixels of one block of VW channels.
 *
 * Defines: VW, TO_BLOCKS or TO_PLAIN. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
reorder_rows(__global float *restrict y, __global const float *restrict x, int channels, int blocks,
             int area, int pixels)
{
    const int first = (int)get_group_id(0) * pixels, last = min(first + pixels, area);
    const int b = (int)get_group_id(1), c = b % blocks * VW, n = min(VW, channels - c);
    const size_t plain = ((size_t)(b / blocks) * channels + c) * area,
                 blocked = (size_t)b * area * VW;
#ifdef TO_BLOCKS
    for (int p = first; p < last; p++) {
        VF v = (VF)(0.0f);
        if (n == VW)
#pragma unroll
            for (int j = 0; j < VW; j++)
                ((float *)&v)[j] = x[plain + (size_t)j * area + p];
        else
            for (int j = 0; j < n; j++)
                ((float *)&v)[j] = x[plain + (size_t)j * area + p];
        vf_store(v, y + blocked + (size_t)p * VW);
    }
#else
    for (int j = 0; j < n; j++)
        for (int p = first; p < last; p++)
            y[plain + (size_t)j * area + p] = x[blocked + (size_t)p * VW + j];
#endif
}
