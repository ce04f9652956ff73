/* gap on CPUs for blocks of VW channels: a work-item adds up one block, in four sums. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
gap_blocked(__global float *restrict y, __global const float *restrict x, int area EPI_PARAMS)
{
    const size_t row = get_group_id(0);
    __global const float *p = x + row * (size_t)area * VW;
    VF a = (VF)(0.0f), b = a, c = a, d = a;
    int i = 0;
    for (; i + 4 <= area; i += 4, p += 4 * VW) {
        a += vf_load(p);
        b += vf_load(p + VW);
        c += vf_load(p + 2 * VW);
        d += vf_load(p + 3 * VW);
    }
    for (; i < area; i++, p += VW)
        a += vf_load(p);
    const VF v = ((a + b) + (c + d)) / (float)area;
    vf_store(epi_w(v, row * VW, 0 EPI_ARGS), y + row * VW);
}
