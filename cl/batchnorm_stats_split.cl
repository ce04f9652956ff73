/* batchnorm_stats/split: CHUNK elements of a channel a work-group, read once: their mean and the sum of squared
 * distances from it. Then one work-group a channel joins the chunks' (Chan, Golub and LeVeque 1983, equation 2.1),
 * mean first. Always in the same order. */
#define KEPT (CHUNK / ROW_GROUP)

ROW_KERNEL void batchnorm_stats_split(__global float *restrict part, __global const float *restrict x,
                                      int images, int channels, int area, int chunks)
{
    __local float tmp[ROW_GROUP];
    const int k = get_group_id(0) / channels, c = get_group_id(0) - k * channels;
    const int first = k * CHUNK, n = min(CHUNK, images * area - first);
    float v[KEPT], s = 0.0f;
#pragma unroll
    for (int j = 0; j < KEPT; j++) {
        const int t = j * ROW_GROUP + ROW_FIRST, at = first + t, img = at / area;
        v[j] = t < n ? x[((size_t)img * channels + c) * area + (at - img * area)] : 0.0f;
        s += v[j];
    }
    const float mean = row_sum(s, tmp) / (float)n;
    s = 0.0f;
#pragma unroll
    for (int j = 0; j < KEPT; j++) {
        const float d = j * ROW_GROUP + ROW_FIRST < n ? v[j] - mean : 0.0f;
        s = FMA(d, d, s);
    }
    s = row_sum(s, tmp);
    if (get_local_id(0) == 0) {
        part[c * chunks + k] = mean;
        part[(channels + c) * chunks + k] = s;
    }
}

ROW_KERNEL void batchnorm_stats_split_join(__global float *restrict mean,
                                           __global float *restrict variance,
                                           __global const float *restrict part, int images,
                                           int channels, int area, int chunks)
{
    __local float tmp[ROW_GROUP];
    const int c = get_group_id(0), count = images * area;
    __global const float *means = part + c * chunks, *squares = part + (channels + c) * chunks;
    float s = 0.0f;
    for (int k = ROW_FIRST; k < chunks; k += ROW_STEP)
        s = FMA(means[k], (float)min(CHUNK, count - k * CHUNK), s);
    const float m = row_sum(s, tmp) / (float)count;
    s = 0.0f;
    for (int k = ROW_FIRST; k < chunks; k += ROW_STEP) {
        const float d = means[k] - m;
        s += FMA(d * d, (float)min(CHUNK, count - k * CHUNK), squares[k]);
    }
    const float v = row_sum(s, tmp) / (float)count;
    if (get_local_id(0) == 0) {
        mean[c] = m;
        variance[c] = v;
    }
}
