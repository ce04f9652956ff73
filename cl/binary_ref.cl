#define real_add(a, b) ((a) + (b))
#define real_sub(a, b) ((a) - (b))
#define real_mul(a, b) ((a) * (b))
#define real_div(a, b) ((a) / (b))
#define real_min(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))
#define real_max(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))
#define real_pow(a, b) pow(a, b)
#define real_prelu(a, b) ((a) < 0 ? (b) * (a) : (a))

#define whole_add(a, b) ((a) + (b))
#define whole_sub(a, b) ((a) - (b))
#define whole_mul(a, b) ((a) * (b))
/* By zero: 0, for the processor's answer may be to stop. -MIN is MIN again. */
#define whole_div(a, b) ((b) == 0 ? 0 : (b) == (CT)-1 && (CT)-1 < 0 ? -(a) : (a) / (b))
#define whole_min(a, b) ((a) < (b) ? (a) : (b))
#define whole_max(a, b) ((a) > (b) ? (a) : (b))
#define whole_pow(a, b) whole_power(a, b)
#define whole_prelu(a, b) ((a) < 0 ? (b) * (a) : (a))

#ifdef WHOLE
/* By squaring; a negative power is a fraction, cut off. */
static inline CT whole_power(CT a, CT b)
{
    CT y = 1;
    if (b < 0)
        return a == 1 ? 1 : a == (CT)-1 ? (b & 1 ? a : 1) : 0;
    for (; b > 0; b >>= 1) {
        if (b & 1)
            y *= a;
        a *= a;
    }
    return y;
}
#endif

/* No restrict: a may be b. */
__kernel void binary_ref(__global T *y, __global const T *a, __global const T *b, ND_PARAMS,
                         ND_STRIDES(a), ND_STRIDES(b))
{
    int at[RANK];
    const int i = nd_place(at, ND_ARGS);
    if (i < 0)
        return;
    const CT u = LD(a, nd_offset(at, ND_LIST(a), A_INNER));
    const CT v = LD(b, nd_offset(at, ND_LIST(b), B_INNER));
    ST(y, i, (CT)(FUNCTION(u, v)));
}
