/* Where element i of a padded row of n comes from; -1: from outside. */
static inline int from_constant(int i, int n)
{
    return i >= 0 && i < n ? i : -1;
}
static inline int from_edge(int i, int n)
{
    return clamp(i, 0, n - 1);
}
/* One reflection at either end: further away than n - 1 nothing lies. */
static inline int from_reflect(int i, int n)
{
    i = abs(i);
    return i < n ? i : 2 * (n - 1) - i;
}

/* a: extents of x, b: where it begins in y. */
__kernel void pad_ref(__global T *restrict y, __global const T *restrict x, float value, ND_PARAMS,
                      ND_STRIDES(a), ND_STRIDES(b))
{
    int at[RANK];
    const int i = nd_place(at, ND_ARGS);
    const nd_list n = ND_LIST(a), begin = ND_LIST(b);
    int from = 0;
    bool inside = true;
    if (i < 0)
        return;
#pragma unroll
    for (int d = 0; d < RANK; d++) {
        const int j = FROM(at[d] - begin.d[d], n.d[d]);
        inside = inside && j >= 0;
        from = from * n.d[d] + j;
    }
    ST(y, i, inside ? LD(x, from) : (CT)value);
}
