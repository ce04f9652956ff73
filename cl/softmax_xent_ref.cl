ROW_KERNEL void softmax_xent_ref(__global float *restrict loss, __global const float *restrict x,
                                 __global const int *restrict labels, int classes
#ifdef SMOOTHING
                                 , float smoothing
#endif
)
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

#ifdef SMOOTHING
    ROW below = 0.0f; /* what the logits lack to the largest */
    for (int j = ROW_FIRST; j < classes; j += ROW_STEP)
        below += top - row_load(x, j, classes, top);
    const float even = row_sum(below, tmp) / classes;
#endif

    if (get_local_id(0) == 0) {
        const int label = labels[row];
        const bool known = label >= 0 && label < classes;
#ifdef SMOOTHING
        const float off = known ? (1.0f - smoothing) * (top - x[label]) + smoothing * even : NAN;
#else
        const float off = known ? top - x[label] : NAN;
#endif
        loss[row] = log(sum) + off;
    }
}
