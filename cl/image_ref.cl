/* CHANNELS of x, OUT of y, 1 or 3 each. What is between them has as many as both have. */
#define PLANES (CHANNELS < OUT ? CHANNELS : OUT)

/* Element i of what becomes `to` elements of `from`: the pixel in whose span its middle lies, and how far in. */
static inline int middle(int i, int from, int to, float *rest)
{
    const long at = (2 * (long)i + 1) * from, divisor = 2 * (long)to;
    const long q = at / divisor;
    *rest = (float)(at - q * divisor) / (float)divisor;
    return (int)q;
}

/* Of the pixel d behind that one. slope: 1 / the filter's reach. */
static inline float weight(int d, float rest, float slope)
{
    return fmax(1.0f - fabs((float)d + (0.5f - rest)) * slope, 0.0f);
}

/* Rows from `row` on, each resized: t is rows x PLANES x width. Luma as ITU-R BT.601 has it. */
__kernel void image_ref_rows(__global float *restrict t, __global const uchar *restrict x, int row,
                             int rows, int stride, int column, int width, int crop, int from, int to,
                             int reach, float slope)
{
    const int i = get_global_id(0), j = get_global_id(1);
    if (i >= width || j >= rows)
        return;
    __global const uchar *p = x + ((row + j) * stride + column) * CHANNELS;
    float rest, sum = 0.0f, v[CHANNELS] = {0.0f};
    const int q = middle(crop + i, from, to, &rest);
    for (int k = max(q - reach, 0); k <= min(q + reach, from - 1); k++) {
        const float w = weight(k - q, rest, slope);
        sum += w;
        for (int c = 0; c < CHANNELS; c++)
            v[c] += w * (float)p[k * CHANNELS + c];
    }
    t += j * PLANES * width + i;
#if CHANNELS > PLANES
    t[0] = (0.299f * v[0] + 0.587f * v[1] + 0.114f * v[2]) / sum;
#else
    for (int c = 0; c < PLANES; c++)
        t[c * width] = v[c] / sum;
#endif
}

/* Then the columns. `last`: 2 where channels change their order, else 0. */
__kernel void image_ref(__global float *restrict y, __global const float *restrict t, int row, int height,
                        int width, int crop, int from, int to, int reach, float slope, int last, float mul0,
                        float add0, float mul1, float add1, float mul2, float add2)
{
    const int i = get_global_id(0), j = get_global_id(1);
    if (i >= width || j >= height)
        return;
    const float mul[3] = {mul0, mul1, mul2}, add[3] = {add0, add1, add2};
    float rest, sum = 0.0f, v[PLANES] = {0.0f};
    const int q = middle(crop + j, from, to, &rest);
    for (int k = max(q - reach, 0); k <= min(q + reach, from - 1); k++) {
        const float w = weight(k - q, rest, slope);
        if (w <= 0.0f)
            continue;
        sum += w;
        for (int c = 0; c < PLANES; c++)
            v[c] += w * t[((k - row) * PLANES + c) * width + i];
    }
    for (int c = 0; c < OUT; c++) {
        const int d = abs(last - c);
        y[(c * height + j) * width + i] = FMA(v[d < PLANES ? d : 0] / sum, mul[c], add[c]);
    }
}
