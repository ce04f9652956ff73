/* Each work-item sums its part of x: `count` vectors, `stride` apart. */
#define V CAT2(float, VW)
#define CAT2(a, b) CAT1(a, b)
#define CAT1(a, b) a##b

__kernel void peak_read(__global float *restrict y, __global const V *restrict x, int count,
                        int stride)
{
    const size_t first =
        stride == 1 ? (size_t)get_global_id(0) * count : (size_t)get_global_id(0);
    __global const V *p = x + first;
    V a = (V)(0.0f), b = (V)(0.0f), c = (V)(0.0f), d = (V)(0.0f);
    for (int i = 0; i < count; i += 4, p += 4 * (size_t)stride) {
        a += p[0];
        b += p[stride];
        c += p[2 * (size_t)stride];
        d += p[3 * (size_t)stride];
    }
    a += b + (c + d);
    y[get_global_id(0)] = a.s0 + a.s1 + a.s2 + a.s3;
}
