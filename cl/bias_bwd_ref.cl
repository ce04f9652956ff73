/* Sums over all but the channels, of dy or (PRODUCT, for scale_bwd) of dy * x. Chunk k of a channel's
 * rows x spatial elements goes to db[k][c]; with one chunk that is the result. */
#ifdef PRODUCT
#define X_PARAM , __global const float *restrict x
#define ADD(s, d, v) FMA(d, v, s)
#else
#define X_PARAM
#define ADD(s, d, v) ((s) + (d))
#endif

#ifdef ROW_GROUP
/* A row (n, c) is contiguous, or in blocks of BLOCK channels. */
ROW_KERNEL void bias_bwd_ref_rows(__global float *restrict db, __global const float *restrict dy X_PARAM,
                                  int rows, int channels, int blocks, int spatial)
{
    __local float tmp[ROW_GROUP];
    const int k = get_group_id(0) / channels;
    const int c = get_group_id(0) - k * channels;
    const int first = k * CHUNK;
    const int last = first + min(CHUNK, rows * spatial - first);
#if ROW_GROUP == 1 && BLOCK == 1
    ROW s = 0.0f;
    for (int t = first; t < last;) {
        const int n = t / spatial, j0 = t - n * spatial;
        const int j1 = min(spatial, j0 + (last - t));
        const size_t row = ((size_t)n * channels + c) * spatial;
        for (int j = j0; j < j1; j += VW)
            s = ADD(s, row_load(dy + row, j, j1, 0.0f), row_load(x + row, j, j1, 0.0f));
        t += j1 - j0;
    }
    const float sum = row_sum(s, tmp);
#else
    float s = 0.0f;
    for (int t = first + (int)get_local_id(0); t < last; t += ROW_GROUP) {
        const int n = t / spatial, j = t - n * spatial;
        const size_t i = (((size_t)n * blocks + c / BLOCK) * spatial + j) * BLOCK + c % BLOCK;
        s = ADD(s, dy[i], x[i]);
    }
#if ROW_GROUP == 1
    const float sum = s;
#else
    const float sum = row_sum(s, tmp);
#endif
#endif
    if (get_local_id(0) == 0)
        db[k * channels + c] = sum;
}
#else

/* Channels lie side by side: CHUNK rows of one channel, or of VW channels, a work-item. */
__kernel void bias_bwd_ref_columns(__global float *restrict db,
                                   __global const float *restrict dy X_PARAM, int rows, int channels)
{
    const int k = get_global_id(1);
    const int first = k * CHUNK, last = first + min(CHUNK, rows - first);
#ifdef VW
    const int c = get_global_id(0) * VW, left = channels - c;
    VF s = 0.0f;
    if (left >= VW) {
        for (int n = first; n < last; n++)
            s = ADD(s, vf_load(dy + (size_t)n * channels + c), vf_load(x + (size_t)n * channels + c));
        vf_store(s, db + k * channels + c);
        return;
    }
    for (int n = first; n < last; n++)
        s = ADD(s, vf_load_n(dy + (size_t)n * channels + c, left),
                vf_load_n(x + (size_t)n * channels + c, left));
    vf_store_n(s, db + k * channels + c, left);
#else
    const int c = get_global_id(0);
    if (c >= channels)
        return;
    float s = 0.0f;
    for (int n = first; n < last; n++)
        s = ADD(s, dy[(size_t)n * channels + c], x[(size_t)n * channels + c]);
    db[k * channels + c] = s;
#endif
}
#endif

/* db[c] = the chunks' sums, in order. With SUM_GROUP (GPUs) a work-group a channel, else a work-item. */
#ifdef SUM_GROUP
__kernel __attribute__((reqd_work_group_size(SUM_GROUP, 1, 1)))
void bias_bwd_ref_sum(__global float *restrict db, __global const float *restrict part, int channels,
                      int chunks)
{
    __local float tmp[SUM_GROUP];
    const int c = get_group_id(0), id = get_local_id(0);
    float s = 0.0f;
    for (int k = id; k < chunks; k += SUM_GROUP)
        s += part[k * channels + c];
    tmp[id] = s;
    for (int h = SUM_GROUP / 2; h > 0; h /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (id < h)
            tmp[id] += tmp[id + h];
    }
    if (id == 0)
        db[c] = tmp[0];
}
#else
__kernel void bias_bwd_ref_sum(__global float *restrict db, __global const float *restrict part,
                               int channels, int chunks)
{
    const int c = get_global_id(0);
    if (c >= channels)
        return;
    float s = 0.0f;
    for (int k = 0; k < chunks; k++)
        s += part[k * channels + c];
    db[c] = s;
}
#endif
