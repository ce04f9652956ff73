ROW_KERNEL void standardize_ref(__global float *restrict y, __global const float *restrict x, int n,
                                float epsilon)
{
    __local float tmp[ROW_GROUP];
    const size_t row = get_group_id(0);
    x += row * n;
    y += row * n;

    ROW s = 0.0f;
    for (int j = ROW_FIRST; j < n; j += ROW_STEP)
        s += row_load(x, j, n, 0.0f);
    const float mean = row_sum(s, tmp) / (float)n;

    s = 0.0f;
    for (int j = ROW_FIRST; j < n; j += ROW_STEP) {
        const ROW v = row_load(x, j, n, mean) - mean;
        s = FMA(v, v, s);
    }
    const float scale = 1.0f / sqrt(row_sum(s, tmp) / (float)n + epsilon);

    for (int j = ROW_FIRST; j < n; j += ROW_STEP)
        row_store((row_load(x, j, n, mean) - mean) * scale, y, j, n);
}
