/* lrn_blocked_bwd/ref: one work-item an element, which finds the divisors of all windows that it is in. */
static inline float channel_of_pixel(__global const float *image, int c, int blocks, int area, int pixel)
{
    return c < 0 || c >= blocks * BLOCK
               ? 0.0f
               : image[((size_t)(c / BLOCK) * area + pixel) * BLOCK + c % BLOCK];
}

static inline float divisor(__global const float *x, int c, int blocks, int area, int pixel, int below,
                            int above, float share, float bias)
{
    float sum = 0.0f;
    for (int j = c - below; j <= c + above; j++) {
        const float v = channel_of_pixel(x, j, blocks, area, pixel);
        sum = FMA(v, v, sum);
    }
    return FMA(share, sum, bias);
}

__kernel void lrn_blocked_bwd_ref(__global float *restrict dx, __global const float *restrict dy,
                                  __global const float *restrict x, int blocks, int below, int above,
                                  int area, float share, float beta, float bias, int n)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const int row = i / (area * BLOCK), pixel = i / BLOCK % area,
              c = row % blocks * BLOCK + i % BLOCK;
    const size_t image = (size_t)(row - row % blocks) * area * BLOCK;
    float sum = 0.0f;
    for (int j = max(c - above, 0); j <= min(c + below, blocks * BLOCK - 1); j++) {
        const float d = divisor(x + image, j, blocks, area, pixel, below, above, share, bias);
        sum += channel_of_pixel(dy + image, j, blocks, area, pixel) *
               channel_of_pixel(x + image, j, blocks, area, pixel) * lrn_power(d, beta) / d;
    }
    const float d = divisor(x + image, c, blocks, area, pixel, below, above, share, bias);
    dx[i] = dy[i] * lrn_power(d, beta) - 2.0f * share * beta * x[i] * sum;
}
