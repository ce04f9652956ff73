/* lrn_blocked_bwd on CPUs: a work-item takes `pixels` pixels of an image, of each all BLOCKS blocks of VW channels.
 * Squares, and then the factors of the other sum, lie in rows with a block of zeros before and behind. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
lrn_blocked_bwd_rows(__global float *restrict dx, __global const float *restrict dy,
                     __global const float *restrict x, int blocks, int below, int above, int area,
                     float share, float beta, float bias, int pixels)
{
    const int first = (int)get_group_id(0) * pixels, last = min(first + pixels, area);
    const size_t image = (size_t)get_group_id(1) * BLOCKS * area * VW, step = (size_t)area * VW;
    float square[(BLOCKS + 2) * VW], factor[(BLOCKS + 2) * VW];
    *(VF_ANY *)square = *(VF_ANY *)factor = (VF)(0.0f);
    *(VF_ANY *)(square + (BLOCKS + 1) * VW) = *(VF_ANY *)(factor + (BLOCKS + 1) * VW) = (VF)(0.0f);
    for (int i = first; i < last; i++) {
        const size_t at = image + (size_t)i * VW;
        for (int b = 0; b < BLOCKS; b++) {
            const VF v = vf_load(x + at + b * step);
            *(VF_ANY *)(square + (b + 1) * VW) = v * v;
        }
        for (int b = 0; b < BLOCKS; b++) {
            VF sum = (VF)(0.0f);
            for (int d = -below; d <= above; d++)
                sum += *(const VF_ANY *)(square + (b + 1) * VW + d);
            const VF d = FMA((VF)(share), sum, (VF)(bias));
            const VF v = vf_load(dy + at + b * step) * lrn_power(d, (VF)(beta));
            *(VF_ANY *)(factor + (b + 1) * VW) = v * vf_load(x + at + b * step) / d;
            vf_store(v, dx + at + b * step);
        }
        /* The windows that have a channel begin `above` below it. */
        for (int b = 0; b < BLOCKS; b++) {
            VF sum = (VF)(0.0f);
            for (int d = -above; d <= below; d++)
                sum += *(const VF_ANY *)(factor + (b + 1) * VW + d);
            const VF v = 2.0f * share * beta * vf_load(x + at + b * step) * sum;
            vf_store(vf_load(dx + at + b * step) - v, dx + at + b * step);
        }
    }
}
