/* NaN is better than any number, and the first of them stays. */
#define more(v, b) ((v) > (b) || ((v) != (v) && (b) == (b)))
#define less(v, b) ((v) < (b) || ((v) != (v) && (b) == (b)))
#define more_or_equal(v, b) ((v) >= (b) || ((v) != (v) && (b) == (b)))
#define less_or_equal(v, b) ((v) <= (b) || ((v) != (v) && (b) == (b)))

__kernel void argmax_ref(__global long *restrict y, __global const T *restrict x, int n, int count,
                         int behind)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    x += i / behind * count * behind + i % behind;
    CT best = LD(x, 0);
    int at = 0;
    for (int j = 1; j < count; j++) {
        const CT v = LD(x, j * behind);
        if (BETTER(v, best)) {
            best = v;
            at = j;
        }
    }
    y[i] = at;
}
