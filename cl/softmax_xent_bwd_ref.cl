ROW_KERNEL void softmax_xent_bwd_ref(__global float *restrict dx, __global const float *restrict x,
                                     __global const int *restrict labels,
                                     __global const float *restrict dloss, int classes
#ifdef SMOOTHING
                                     , float smoothing
#endif
)
{
    __local float tmp[ROW_GROUP];
    const size_t row = get_group_id(0);
    const int label = labels[row];
    const float d = label >= 0 && label < classes ? dloss[row] : NAN;
    x += row * classes;
    dx += row * classes;

    ROW m = -INFINITY;
    for (int j = ROW_FIRST; j < classes; j += ROW_STEP)
        m = fmax(m, row_load(x, j, classes, -INFINITY));
    const float top = row_max(m, tmp);

    ROW s = 0.0f;
    for (int j = ROW_FIRST; j < classes; j += ROW_STEP)
        s += exp(row_load(x, j, classes, -INFINITY) - top);
    const float scale = 1.0f / row_sum(s, tmp);

    for (int j = ROW_FIRST; j < classes; j += ROW_STEP) {
        const ROW p = exp(row_load(x, j, classes, -INFINITY) - top) * scale;
#ifdef SMOOTHING
        const ROW t = (1.0f - smoothing) * row_one_at(label, j) + smoothing / classes;
#else
        const ROW t = row_one_at(label, j);
#endif
        row_store(d * (p - t), dx, j, classes);
    }
}
