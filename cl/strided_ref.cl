__kernel void strided_ref(__global T *restrict y, __global const T *restrict x, int offset, ND_PARAMS,
                          ND_STRIDES(a))
{
    int at[RANK];
    const int i = nd_place(at, ND_ARGS);
    if (i >= 0)
        y[i] = x[offset + nd_offset(at, ND_LIST(a), A_INNER)];
}
