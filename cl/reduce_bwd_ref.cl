#define slope_sum(x, y) 1.0f
#define slope_mean(x, y) share
/* Several that are equal: the whole gradient to each. */
#define slope_max(x, y) ((x) == (y) ? 1.0f : 0.0f)
#define slope_min(x, y) ((x) == (y) ? 1.0f : 0.0f)
#define slope_prod(x, y) ((y) / (x))
#define slope_l1(x, y) ((x) > 0.0f ? 1.0f : (x) < 0.0f ? -1.0f : 0.0f)
#define slope_l2(x, y) ((x) / (y))
#define slope_sum_square(x, y) (2.0f * (x))
#define slope_log_sum(x, y) exp(-(y))
#define slope_log_sum_exp(x, y) exp((x) - (y))

__kernel void reduce_bwd_ref(__global float *restrict dx, __global const float *restrict dy,
                             __global const float *restrict x, __global const float *restrict y,
                             float share, ND_PARAMS, ND_STRIDES(a))
{
    int at[RANK];
    const int i = nd_place(at, ND_ARGS);
    if (i < 0)
        return;
    const int j = nd_offset(at, ND_LIST(a), A_INNER);
    dx[i] = dy[j] * FUNCTION(x[i], y[j]);
}
