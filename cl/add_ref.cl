/* No restrict: y may be a. */
__kernel void add_ref(__global float *y, __global const float *a, __global const float *b,
                      CHANNEL_PARAMS EPI_PARAMS)
{
    const int i = get_global_id(0);
    const int c = channel_of(i, CHANNEL_ARGS);
    if (i < n)
        y[i] = epi(a[i] + b[i], i, c EPI_ARGS);
}
