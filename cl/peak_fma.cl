/* As many multiply-adds as the device can do: ACCS independent chains a work-item, so that none waits. */
#define V CAT2(float, VW)
#define CAT2(a, b) CAT1(a, b)
#define CAT1(a, b) a##b

__kernel void peak_fma(__global float *restrict y, float a, float b, int rounds)
{
    V acc[ACCS];
    const float start = (float)get_global_id(0);
    __attribute__((opencl_unroll_hint)) for (int k = 0; k < ACCS; k++)
        acc[k] = (V)(start + (float)k);
    for (int i = 0; i < rounds; i++) {
        __attribute__((opencl_unroll_hint)) for (int k = 0; k < ACCS; k++)
            acc[k] = fma(acc[k], (V)(a), (V)(b));
    }
    V sum = (V)(0.0f);
    for (int k = 0; k < ACCS; k++)
        sum += acc[k];
    y[get_global_id(0)] = sum.s0 + sum.s1 + sum.s2 + sum.s3;
}
