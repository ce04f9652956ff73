__kernel void lrn_bwd_ref_factors(__global float *restrict dx, __global float *restrict factor,
                                  __global const float *restrict dy, __global const float *restrict x,
                                  int below, int above, int area, float share, float beta, float bias,
                                  CHANNEL_PARAMS)
{
    const int i = get_global_id(0);
    const int c = channel_of(i, CHANNEL_ARGS);
    if (i >= n)
        return;
    float sum = 0.0f;
    for (int d = -min(below, c); d <= min(above, channels - 1 - c); d++) {
        const float v = x[i + d * area];
        sum = FMA(v, v, sum);
    }
    const float d = FMA(share, sum, bias), v = dy[i] * lrn_power(d, beta);
    dx[i] = v;
    factor[i] = v * x[i] / d;
}

/* The windows that have channel c begin `above` below it. */
__kernel void lrn_bwd_ref(__global float *restrict dx, __global const float *restrict factor,
                          __global const float *restrict x, int below, int above, int area, float share,
                          float beta, float bias, CHANNEL_PARAMS)
{
    const int i = get_global_id(0);
    const int c = channel_of(i, CHANNEL_ARGS);
    if (i >= n)
        return;
    float sum = 0.0f;
    for (int d = -min(above, c); d <= min(below, channels - 1 - c); d++)
        sum += factor[i + d * area];
    dx[i] -= 2.0f * share * beta * x[i] * sum;
}
