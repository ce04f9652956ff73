ROW_KERNEL void standardize_bwd_ref(__global float *restrict dx, __global const float *restrict dy,
                                    __global const float *restrict x, int n, float epsilon)
{
    __local float tmp[ROW_GROUP];
    const size_t row = get_group_id(0);
    x += row * n;
    dy += row * n;
    dx += row * n;

    ROW s = 0.0f, t = 0.0f;
    for (int j = ROW_FIRST; j < n; j += ROW_STEP) {
        s += row_load(x, j, n, 0.0f);
        t += row_load(dy, j, n, 0.0f);
    }
    const float mean = row_sum(s, tmp) / (float)n, middle = row_sum(t, tmp) / (float)n;

    s = 0.0f;
    t = 0.0f;
    for (int j = ROW_FIRST; j < n; j += ROW_STEP) {
        const ROW v = row_load(x, j, n, mean) - mean;
        s = FMA(v, v, s);
        t = FMA(v, row_load(dy, j, n, 0.0f), t);
    }
    const float scale = 1.0f / sqrt(row_sum(s, tmp) / (float)n + epsilon);
    const float slope = row_sum(t, tmp) / (float)n * scale * scale;

    for (int j = ROW_FIRST; j < n; j += ROW_STEP) {
        const ROW v = row_load(x, j, n, mean) - mean;
        row_store((row_load(dy, j, n, middle) - middle - v * slope) * scale, dx, j, n);
    }
}
