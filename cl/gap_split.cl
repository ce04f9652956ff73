/* gap/split: CHUNK elements of a feature map a work-group; then one work-group a map adds up the chunks' sums. */
ROW_KERNEL void gap_split(__global float *restrict part, __global const FH *restrict x, int area,
                          int chunks)
{
    __local float tmp[ROW_GROUP];
    const int row = get_group_id(0) / chunks, k = get_group_id(0) - row * chunks;
    const int last = min(area, (k + 1) * CHUNK);
    float s = 0.0f;
    for (int j = k * CHUNK + ROW_FIRST; j < last; j += ROW_STEP)
        s += fh_load(x, (size_t)row * area + j);
    s = row_sum(s, tmp);
    if (get_local_id(0) == 0)
        part[get_group_id(0)] = s;
}

ROW_KERNEL void gap_split_sum(__global FH *restrict y, __global const float *restrict part,
                              int channels, int area, int chunks EPI_PARAMS)
{
    __local float tmp[ROW_GROUP];
    const int row = get_group_id(0);
    float s = 0.0f;
    for (int k = ROW_FIRST; k < chunks; k += ROW_STEP)
        s += part[row * chunks + k];
    s = row_sum(s, tmp);
    if (get_local_id(0) == 0)
        fh_store(y, row, epi(s / (float)area, row, row % channels EPI_ARGS));
}
