/* One input, to its part of y. */
__kernel void concat_ref(__global T *restrict y, __global const T *restrict x, int offset, ND_PARAMS,
                         ND_STRIDES(a))
{
    int at[RANK];
    const int i = nd_place(at, ND_ARGS);
    if (i >= 0)
        y[offset + nd_offset(at, ND_LIST(a), A_INNER)] = x[i];
}
