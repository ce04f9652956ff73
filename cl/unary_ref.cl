#define whole_relu(x, a, b) ((x) > 0 ? (x) : (CT)0)
#define whole_clip(x, a, b) ((x) < (CT)(a) ? (CT)(a) : (x) > (CT)(b) ? (CT)(b) : (x))
#define whole_neg(x, a, b) ((CT)(-(x)))
/* By the sign: from a choice of x and -x compilers make a function that simulators do not know. */
#define whole_abs(x, a, b) ((CT)((x) * whole_sign(x, a, b)))
#define whole_sign(x, a, b) ((CT)((x) > 0) - (CT)((x) < 0))

/* No restrict: y may be x. */
__kernel void unary_ref(__global T *y, __global const T *x, int n)
{
    const int i = get_global_id(0);
    if (i < n) {
        const CT v = LD(x, i);
        ST(y, i, FUNCTION(v, FUNCTION_ALPHA, FUNCTION_BETA));
    }
}
