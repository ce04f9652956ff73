#if BLOCK > 1
#define ROW_AT(n, c) (((size_t)(n) * blocks + (c) / BLOCK) * BLOCK * area + (c) % BLOCK)
#define SOME 64 /* added up by themselves, for the sake of accuracy */

static float part_of(__global const float *x, int n, float m, bool square)
{
    float s = 0.0f;
    for (int j = 0; j < n; j++) {
        const float v = x[(size_t)j * BLOCK] - m;
        s += square ? v * v : v;
    }
    return s;
}

/* In blocks of BLOCK channels: a work-item a channel. */
__kernel void batchnorm_stats_ref(__global float *restrict mean, __global float *restrict variance,
                                  __global const float *restrict x, int images, int blocks, int area,
                                  int channels)
{
    const int c = get_global_id(0);
    const float count = (float)images * (float)area;
    if (c >= channels)
        return;
    float m = 0.0f, v = 0.0f;
    for (int n = 0; n < images; n++)
        for (int j = 0; j < area; j += SOME)
            m += part_of(x + ROW_AT(n, c) + (size_t)j * BLOCK, min(SOME, area - j), 0.0f, false);
    m /= count;
    for (int n = 0; n < images; n++)
        for (int j = 0; j < area; j += SOME)
            v += part_of(x + ROW_AT(n, c) + (size_t)j * BLOCK, min(SOME, area - j), m, true);
    mean[c] = m;
    variance[c] = v / count;
}
#else
/* The mean first, then the mean of the squared distances from it: nothing cancels. */
ROW_KERNEL void batchnorm_stats_ref(__global float *restrict mean, __global float *restrict variance,
                                    __global const float *restrict x, int images, int channels,
                                    int area)
{
    __local float tmp[ROW_GROUP];
    const int c = get_group_id(0);
    const float count = (float)images * (float)area;
    ROW s = 0.0f;
    for (int n = 0; n < images; n++) {
        __global const float *row = x + ((size_t)n * channels + c) * area;
        for (int j = ROW_FIRST; j < area; j += ROW_STEP)
            s += row_load(row, j, area, 0.0f);
    }
    const float m = row_sum(s, tmp) / count;
    s = 0.0f;
    for (int n = 0; n < images; n++) {
        __global const float *row = x + ((size_t)n * channels + c) * area;
        for (int j = ROW_FIRST; j < area; j += ROW_STEP) {
            const ROW v = row_load(row, j, area, m) - m;
            s = FMA(v, v, s);
        }
    }
    const float v = row_sum(s, tmp) / count;
    if (get_local_id(0) == 0) {
        mean[c] = m;
        variance[c] = v;
    }
}
#endif
