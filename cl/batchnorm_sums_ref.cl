/* Chunk k of a channel's rows x spatial elements goes to dscale[k][c] and dshift[k][c], as sums of dy (x - mean)
 * and of dy; one chunk is the result but for the factor. In blocks of BLOCK channels; 1: plain. */
ROW_KERNEL void batchnorm_sums_ref(__global float *restrict dscale, __global float *restrict dshift,
                                   __global const float *restrict dy, __global const float *restrict x,
                                   __global const float *restrict mean, int rows, int channels,
                                   int blocks, int spatial)
{
    __local float tmp[ROW_GROUP];
    const int k = get_group_id(0) / channels;
    const int c = get_group_id(0) - k * channels;
    const int first = k * CHUNK;
    const int last = first + min(CHUNK, rows * spatial - first);
    const float m = mean[c];
#if ROW_GROUP == 1 && BLOCK == 1
    VF s = 0.0f, t = 0.0f;
    for (int i = first; i < last;) {
        const int n = i / spatial, j0 = i - n * spatial;
        const int j1 = min(spatial, j0 + (last - i));
        const size_t row = ((size_t)n * blocks + c) * spatial;
        for (int j = j0; j < j1; j += VW) {
            const VF d = row_load(dy + row, j, j1, 0.0f);
            s = FMA(d, row_load(x + row, j, j1, m) - m, s);
            t += d;
        }
        i += j1 - j0;
    }
    const float ds = row_sum(s, tmp), db = row_sum(t, tmp);
#else
    float s = 0.0f, t = 0.0f;
    for (int i = first + (int)get_local_id(0); i < last; i += ROW_GROUP) {
        const int n = i / spatial, j = i - n * spatial;
        const size_t at =
            (((size_t)n * blocks + c / BLOCK) * spatial + j) * BLOCK + c % BLOCK;
        s = FMA(dy[at], x[at] - m, s);
        t += dy[at];
    }
#if ROW_GROUP == 1
    const float ds = s, db = t;
#else
    const float ds = row_sum(s, tmp), db = row_sum(t, tmp);
#endif
#endif
    if (get_local_id(0) == 0) {
        dscale[k * channels + c] = ds;
        dshift[k * channels + c] = db;
    }
}

/* The chunks' sums, always in the same order, a channel a row; dscale is of (x - mean) / sqrt(variance + epsilon). */
ROW_KERNEL void batchnorm_sums_ref_sum(__global float *restrict dscale, __global float *restrict dshift,
                                     __global const float *restrict part_scale,
                                     __global const float *restrict part_shift,
                                     __global const float *restrict variance, float epsilon,
                                     int channels, int chunks)
{
    const int c = get_group_id(0);
    float s = 0.0f, t = 0.0f;
    for (int k = get_local_id(0); k < chunks; k += ROW_GROUP) {
        s += part_scale[k * channels + c];
        t += part_shift[k * channels + c];
    }
#if ROW_GROUP > 1
    __local float tmp[ROW_GROUP];
    s = row_sum(s, tmp);
    t = row_sum(t, tmp);
#endif
    if (get_local_id(0) == 0) {
        dscale[c] = s / sqrt(variance[c] + epsilon);
        dshift[c] = t;
    }
}
