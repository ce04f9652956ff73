/* The mean first, then the mean of the squared distances from it: nothing cancels. */
ROW_KERNEL void batchnorm_stats_ref(__global float *restrict mean, __global float *restrict variance,
                                    __global const float *restrict x, int images, int channels,
                                    int area)
{
    __local float tmp[ROW_GROUP];
    const int c = get_group_id(0);
    const float count = (float)images * (float)area;
    ROW s = 0.0f;
    for (int n = 0; n < images; n++) {
        __global const float *row = x + ((size_t)n * channels + c) * area;
        for (int j = ROW_FIRST; j < area; j += ROW_STEP)
            s += row_load(row, j, area, 0.0f);
    }
    const float m = row_sum(s, tmp) / count;
    s = 0.0f;
    for (int n = 0; n < images; n++) {
        __global const float *row = x + ((size_t)n * channels + c) * area;
        for (int j = ROW_FIRST; j < area; j += ROW_STEP) {
            const ROW v = row_load(row, j, area, m) - m;
            s = FMA(v, v, s);
        }
    }
    const float v = row_sum(s, tmp) / count;
    if (get_local_id(0) == 0) {
        mean[c] = m;
        variance[c] = v;
    }
}
