#ifdef WEIGHT
#define WEIGHT_PARAM __global const float *restrict weight,
#define WEIGHT_OF(t) weight[t]
#else
#define WEIGHT_PARAM
#define WEIGHT_OF(t) 1.0f
#endif
#ifdef IGNORE
#define MEANT(t, c) ((t) == (c) && (t) != ignored)
#else
#define MEANT(t, c) ((t) == (c))
#endif

__kernel void nll_bwd_ref(__global float *restrict dx, __global const float *restrict dy,
                          __global const T *restrict target, WEIGHT_PARAM int classes, int ignored,
                          int n, int area)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const int row = i / area, c = row % classes, j = row / classes * area + i % area;
    const T t = target[j];
    dx[i] = MEANT(t, c) ? -WEIGHT_OF(c) * dy[j] : 0.0f;
}
