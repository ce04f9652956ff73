#define to_bool(v) ((v) != 0)
#define to_number(v) ((U_C)(v))

__kernel void cast_ref(__global U *restrict y, __global const T *restrict x, int n)
{
    const int i = get_global_id(0);
    if (i < n)
        U_STORE(y, i, CONVERT(LD(x, i)));
}
