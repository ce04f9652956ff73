ROW_KERNEL void softmax_xent_ref(__global float *restrict loss, __global const float *restrict x,
                                 __global const int *restrict labels, int classes)
{
    __local float tmp[ROW_GROUP];
    const size_t row = get_group_id(0);
    x += row * classes;

    ROW m = -INFINITY;
    for (int j = ROW_FIRST; j < classes; j += ROW_STEP)
        m = fmax(m, row_load(x, j, classes, -INFINITY));
    const float top = row_max(m, tmp);

    ROW s = 0.0f;
    for (int j = ROW_FIRST; j < classes; j += ROW_STEP)
        s += exp(row_load(x, j, classes, -INFINITY) - top);
    const float sum = row_sum(s, tmp);

    if (get_local_id(0) == 0) {
        const int label = labels[row];
        loss[row] = label >= 0 && label < classes ? log(sum) + (top - x[label]) : NAN;
    }
}
