/* The label's rank is the number of logits before it: larger ones, and equal ones of lower classes. */
ROW_KERNEL void in_top_k_ref(__global float *restrict y, __global const float *restrict x,
                             __global const int *restrict labels, int classes, int k)
{
    __local float tmp[ROW_GROUP];
    const size_t row = get_group_id(0);
    const int label = labels[row];
    const bool inside = label >= 0 && label < classes;
    x += row * classes;

    const float mine = inside ? x[label] : NAN;
    ROW before = 0.0f;
    for (int j = ROW_FIRST; j < classes; j += ROW_STEP) {
        const ROW v = row_load(x, j, classes, -INFINITY);
        before += v > mine ? (ROW)(1.0f) : v == mine ? row_below(label, j) : (ROW)(0.0f);
    }
    const float rank = row_sum(before, tmp);
    if (get_local_id(0) == 0)
        y[row] = inside && !isnan(mine) && rank < (float)k ? 1.0f : 0.0f;
}
