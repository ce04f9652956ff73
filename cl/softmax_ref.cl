/* RESULT(x, top, sum): the probability exp(x - top) / sum, or its logarithm. */
#ifdef LOG
#define FACTOR(sum) log(sum)
#define RESULT(x, top, factor) ((x) - (top) - (factor))
#else
#define FACTOR(sum) (1.0f / (sum))
#define RESULT(x, top, factor) (exp((x) - (top)) * (factor))
#endif

#ifdef ROW_GROUP
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
    const float factor = FACTOR(row_sum(s, tmp));

    for (int j = ROW_FIRST; j < classes; j += ROW_STEP)
        row_store(RESULT(row_load(x, j, classes, -INFINITY), top, factor), y, j, classes);
}
#else
/* Classes that stand `behind` elements apart: one work-item for all of them, n in all. */
__kernel void softmax_ref_columns(__global float *restrict y, __global const float *restrict x,
                                  int classes, int behind, int n)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const size_t at = (size_t)(i / behind) * classes * behind + i % behind;
    x += at;
    y += at;
    float top = -INFINITY, sum = 0.0f;
    for (int j = 0; j < classes; j++)
        top = fmax(top, x[j * behind]);
    for (int j = 0; j < classes; j++)
        sum += exp(x[j * behind] - top);
    const float factor = FACTOR(sum);
    for (int j = 0; j < classes; j++)
        y[j * behind] = RESULT(x[j * behind], top, factor);
}
#endif
