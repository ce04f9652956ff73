/* No restrict: dx may be dy. */
__kernel void unary_bwd_ref(__global float *dx, __global const float *dy, __global const float *y,
                            int n)
{
    const int i = get_global_id(0);
    if (i < n) {
        const float d = dy[i], r = y[i];
        dx[i] = FUNCTION(d, r, FUNCTION_ALPHA, FUNCTION_BETA);
    }
}
