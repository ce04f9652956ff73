/* lrn_blocked on CPUs: a work-item takes `pixels` pixels of one block of VW channels. Squares of
 * the blocks before, here and behind lie in one row, along which the window moves. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
lrn_blocked_rows(__global float *restrict y, __global const float *restrict x, int blocks,
                 int below, int above, int area, float share, float beta, float bias, int pixels)
{
    const int first = (int)get_group_id(0) * pixels, last = min(first + pixels, area);
    const int b = (int)get_group_id(1), here = b % blocks;
    __global const float *p = x + ((size_t)b * area + first) * VW;
    const long step = (long)area * VW;
    for (int i = first; i < last; i++, p += VW) {
        float row[3 * VW];
        const VF v = vf_load(p);
        const VF before = here > 0 ? vf_load(p - step) : (VF)(0.0f);
        const VF behind = here + 1 < blocks ? vf_load(p + step) : (VF)(0.0f);
        *(VF_ANY *)row = before * before;
        *(VF_ANY *)(row + VW) = v * v;
        *(VF_ANY *)(row + 2 * VW) = behind * behind;
        VF sum = (VF)(0.0f);
        for (int d = -below; d <= above; d++)
            sum += *(const VF_ANY *)(row + VW + d);
        const VF d = FMA((VF)(share), sum, (VF)(bias));
        vf_store(v * lrn_power(d, (VF)(beta)), y + (p - x));
    }
}
