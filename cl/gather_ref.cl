/* y: outer x indices x inner, x: outer x extent x inner. An index outside [-extent, extent) gives zeros. */
__kernel void gather_ref(__global T *restrict y, __global const T *restrict x,
                         __global const I *restrict index, int extent, ND_PARAMS)
{
    int at[RANK];
    const int i = nd_place(at, ND_ARGS);
    if (i < 0)
        return;
    I k = index[at[1]];
    k += k < 0 ? extent : 0;
    y[i] = k >= 0 && k < extent ? x[(at[0] * extent + (int)k) * e2 + at[2]] : 0;
}
