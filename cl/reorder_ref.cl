/* reorder/ref: one work-item an element of y; TO_BLOCKS or TO_PLAIN, BLOCK channels together. */
__kernel void reorder_ref(__global float *restrict y, __global const float *restrict x,
                          int channels, int blocks, int area, int n)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
#ifdef TO_BLOCKS
    const int lane = i % BLOCK, pixel = i / BLOCK % area, b = i / BLOCK / area;
    const int c = b % blocks * BLOCK + lane;
    y[i] = c < channels ? x[((size_t)(b / blocks) * channels + c) * area + pixel] : 0.0f;
#else
    const int pixel = i % area, c = i / area % channels, img = i / area / channels;
    const size_t b = (size_t)img * blocks + c / BLOCK;
    y[i] = x[(b * area + pixel) * BLOCK + c % BLOCK];
#endif
}
