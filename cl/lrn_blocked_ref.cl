/* lrn_blocked/ref: one work-item an element. */
__kernel void lrn_blocked_ref(__global float *restrict y, __global const float *restrict x,
                              int blocks, int below, int above, int area, float share, float beta,
                              float bias, int n)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const int row = i / (area * BLOCK), pixel = i / BLOCK % area,
              c = row % blocks * BLOCK + i % BLOCK;
    __global const float *image = x + (size_t)(row - row % blocks) * area * BLOCK;
    float sum = 0.0f;
    for (int j = max(c - below, 0); j <= min(c + above, blocks * BLOCK - 1); j++) {
        const float v = image[((size_t)(j / BLOCK) * area + pixel) * BLOCK + j % BLOCK];
        sum = FMA(v, v, sum);
    }
    y[i] = x[i] * lrn_power(FMA(share, sum, bias), beta);
}
