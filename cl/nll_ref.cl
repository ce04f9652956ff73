#ifdef WEIGHT
#define WEIGHT_PARAM __global const float *restrict weight,
#define WEIGHT_OF(t) weight[t]
#else
#define WEIGHT_PARAM
#define WEIGHT_OF(t) 1.0f
#endif
#ifdef IGNORE
#define IGNORED(t) ((t) == ignored)
#else
#define IGNORED(t) false
#endif

/* A target that is no class gives NaN. */
__kernel void nll_ref(__global float *restrict y, __global const float *restrict x,
                      __global const T *restrict target, WEIGHT_PARAM int classes, int ignored, int n,
                      int area)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const T t = target[i];
    float v = NAN;
    if (IGNORED(t))
        v = 0.0f;
    else if (t >= 0 && t < classes)
#ifdef WEIGHTS_ONLY
        v = WEIGHT_OF(t);
#else
        v = -WEIGHT_OF(t) * x[(i / area * classes + (int)t) * area + i % area];
#endif
    y[i] = v;
}
