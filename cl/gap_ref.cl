/* gap: a work-group adds up one feature map, of which BLOCK lie interleaved. With ROW_GROUP 1 (CPUs) in
 * vectors; else each work-item takes every ROW_GROUP-th element, and the sums meet in local memory, always
 * in the same order. */
__kernel __attribute__((reqd_work_group_size(ROW_GROUP, 1, 1)))
void gap_ref(__global FH *restrict y, __global const FH *restrict x, int channels,
             int area EPI_PARAMS)
{
    const size_t row = get_group_id(0);
    __global const FH *p = x + row / BLOCK * BLOCK * (size_t)area + row % BLOCK;
    float v = 0.0f;
#if ROW_GROUP == 1 && BLOCK > 1
    for (int i = 0; i < area; i++)
        v += fh_load(p, i * BLOCK);
#elif ROW_GROUP == 1
    VF a = (VF)(0.0f), b = (VF)(0.0f);
    int i = 0;
    for (; i + 2 * VW <= area; i += 2 * VW) {
        a += vfh_load(p + i);
        b += vfh_load(p + i + VW);
    }
    a += b;
    for (; i < area; i++)
        v += fh_load(p, i);
    for (int j = 0; j < VW; j++)
        v += ((const float *)&a)[j];
#else
    __local float part[ROW_GROUP];
    const int id = (int)get_local_id(0);
    for (int i = id; i < area; i += ROW_GROUP)
        v += fh_load(p, i * BLOCK);
    part[id] = v;
    for (int step = ROW_GROUP / 2; step > 0; step /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (id < step)
            part[id] += part[id + step];
    }
    if (id > 0)
        return;
    v = part[0];
#endif
    fh_store(y, row, epi(v / (float)area, row, (int)(row % (size_t)channels) EPI_ARGS));
}
