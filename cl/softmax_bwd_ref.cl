/* PART(dy, y): what is added up over the classes. */
#ifdef LOG
#define PART(dy, y, s) ((s) + (dy))
#define RESULT(dy, y, s) FMA(-exp(y), s, dy)
#else
#define PART(dy, y, s) FMA(dy, y, s)
#define RESULT(dy, y, s) ((y) * ((dy) - (s)))
#endif

#ifdef ROW_GROUP
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
        s = PART(row_load(dy, j, classes, 0.0f), row_load(y, j, classes, 0.0f), s);
    const float sum = row_sum(s, tmp);

    for (int j = ROW_FIRST; j < classes; j += ROW_STEP) {
        const ROW d = row_load(dy, j, classes, 0.0f), v = row_load(y, j, classes, 0.0f);
        row_store(RESULT(d, v, (ROW)(sum)), dx, j, classes);
    }
}
#else
__kernel void softmax_bwd_ref_columns(__global float *restrict dx, __global const float *restrict dy,
                                      __global const float *restrict y, int classes, int behind, int n)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const size_t at = (size_t)(i / behind) * classes * behind + i % behind;
    dx += at;
    dy += at;
    y += at;
    float sum = 0.0f;
    for (int j = 0; j < classes; j++)
        sum = PART(dy[j * behind], y[j * behind], sum);
    for (int j = 0; j < classes; j++)
        dx[j * behind] = RESULT(dy[j * behind], y[j * behind], sum);
}
#endif
