__kernel void lrn_ref(__global FH *restrict y, __global const FH *restrict x, int below,
                      int above, int area, float share, float beta, float bias, CHANNEL_PARAMS)
{
    const int i = get_global_id(0);
    const int c = channel_of(i, CHANNEL_ARGS);
    if (i >= n)
        return;
    float sum = 0.0f;
    for (int d = -min(below, c); d <= min(above, channels - 1 - c); d++) {
        const float v = fh_load(x, i + d * area);
        sum = FMA(v, v, sum);
    }
    fh_store(y, i, fh_load(x, i) * lrn_power(FMA(share, sum, bias), beta));
}
