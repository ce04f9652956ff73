/* unpool/ref: a work-item a channel of an image. Indices count over the whole of y; those outside of
 * the channel are passed over. */
__kernel void unpool_ref(__global T *restrict y, __global const T *restrict x,
                         __global const long *restrict index, int planes, int in_size, int out_size)
{
    const int plane = get_global_id(0);
    if (plane >= planes)
        return;
    const int from = plane * in_size;
    const long to = (long)plane * out_size;
    for (int i = 0; i < out_size; i++)
        ST(y, to + i, (CT)0);
    for (int i = 0; i < in_size; i++) {
        const long at = index[from + i];
        if (at >= to && at < to + out_size)
            ST(y, at, LD(x, from + i));
    }
}
