__kernel void running_ref(__global float *restrict s,
#ifdef HAS_X
                          __global const float *restrict x,
#endif
#ifdef PERIOD
                          __global const float *restrict runs,
#endif
                          float keep, float take, float add, int n)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
#ifdef PERIOD
    float v = (int)runs[0] % PERIOD == 0 ? add : keep * s[i] + add;
#else
    float v = keep * s[i] + add;
#endif
#ifdef HAS_X
    v += take * x[i];
#endif
    s[i] = v;
}
