/* No restrict: y may be x. */
__kernel void unary_ref(__global float *y, __global const float *x, int n)
{
    const int i = get_global_id(0);
    if (i < n) {
        const float v = x[i];
        y[i] = FUNCTION(v, FUNCTION_ALPHA, FUNCTION_BETA);
    }
}
