ROW_KERNEL void softmax_bwd_ref(__global float *restrict dx, __global const float *restrict dy,
                                __global const float *restrict y, int classes)
{
    __local float tmp[ROW_GROUP];
    const size_t row = get_group_id(0);
    dx += row * classes;
    dy += row * classes;
    y += row * classes;

    ROW s = 0.0f;
    for (int j = ROW_FIRST; j < classes; j += ROW_STEP)
        s = FMA(row_load(dy, j, classes, 0.0f), row_load(y, j, classes, 0.0f), s);
    const float dot = row_sum(s, tmp);

    for (int j = ROW_FIRST; j < classes; j += ROW_STEP)
        row_store(row_load(y, j, classes, 0.0f) * (row_load(dy, j, classes, 0.0f) - dot), dx, j,
                  classes);
}
