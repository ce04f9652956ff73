/* Extents e, steps a in dx (falling), steps b in dy. */
__kernel void strided_bwd_ref(__global T *restrict dx, __global const T *restrict dy, int n, int base,
                              int origin, ND_STRIDES(e), ND_STRIDES(a), ND_STRIDES(b))
{
    const nd_list e = ND_LIST(e), a = ND_LIST(a), b = ND_LIST(b);
    const int i = get_global_id(0);
    int rest = i - base, from = origin;
    if (i >= n)
        return;
    bool hit = rest >= 0;
#pragma unroll
    for (int d = 0; d < RANK; d++) {
        const int q = rest / a.d[d];
        hit = hit && q < e.d[d];
        rest -= q * a.d[d];
        from += q * b.d[d];
    }
    dx[i] = hit && rest == 0 ? dy[from] : 0;
}
