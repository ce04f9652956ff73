ROW_KERNEL void softmax_ref(__global float *restrict y, __global const float *restrict x, int classes)
{
    __local float tmp[ROW_GROUP];
    const size_t row = get_group_id(0);
    x += row * classes;
    y += row * classes;

    ROW m = -INFINITY;
    for (int j = ROW_FIRST; j < classes; j += ROW_STEP)
        m = fmax(m, row_load(x, j, classes, -INFINITY));
    const float top = row_max(m, tmp);

    ROW s = 0.0f;
    for (int j = ROW_FIRST; j < classes; j += ROW_STEP)
        s += exp(row_load(x, j, classes, -INFINITY) - top);
    const float scale = 1.0f / row_sum(s, tmp);

    for (int j = ROW_FIRST; j < classes; j += ROW_STEP)
        row_store(exp(row_load(x, j, classes, -INFINITY) - top) * scale, y, j, classes);
}
