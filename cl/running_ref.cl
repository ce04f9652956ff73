__kernel void running_ref(__global float *restrict s,
#ifdef HAS_X
                          __global const float *restrict x,
#endif
                          float keep, float take, float add, int n)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    float v = keep * s[i] + add;
#ifdef HAS_X
    v += take * x[i];
#endif
    s[i] = v;
}
