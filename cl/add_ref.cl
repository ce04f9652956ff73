/* No restrict: y may be a. */
__kernel void add_ref(__global FH *y, __global const FH *a, __global const FH *b,
                      CHANNEL_PARAMS EPI_PARAMS)
{
    const int i = get_global_id(0);
    const int c = channel_of(i, CHANNEL_ARGS);
    if (i < n)
        fh_store(y, i, epi(fh_load(a, i) + fh_load(b, i), i, c EPI_ARGS));
}
