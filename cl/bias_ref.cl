/* No restrict: y may be x. */
__kernel void bias_ref(__global FH *y, __global const FH *x, __global const float *b,
                       CHANNEL_PARAMS EPI_PARAMS)
{
    const int i = get_global_id(0);
    const int c = channel_of(i, CHANNEL_ARGS);
    if (i < n)
        fh_store(y, i, epi(fh_load(x, i) + b[c], i, c EPI_ARGS));
}
