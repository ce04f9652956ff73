/* reduce: START, then STEP(a, v) for every element v, JOIN(a, b) of two parts, and FINISH(a). Element j of the
 * `count` that go stands at strides s0, s1 .. of extents r0, r1 .., RED dimensions of them. */
#define JOIN(a, b) ((a) + (b))
#define FINISH(a) (a)
#define START(x) ((CT)0)
#if defined(REDUCE_sum)
#define STEP(a, v) ((a) + (v))
#elif defined(REDUCE_mean)
#define STEP(a, v) ((a) + (v))
#undef FINISH
#define FINISH(a) ((a) / (CT)count)
#elif defined(REDUCE_max)
#define STEP(a, v) ((v) > (a) || (v) != (v) ? (v) : (a))
#define EXTREME
#elif defined(REDUCE_min)
#define STEP(a, v) ((v) < (a) || (v) != (v) ? (v) : (a))
#define EXTREME
#elif defined(REDUCE_prod)
#define STEP(a, v) ((a) * (v))
#undef JOIN
#define JOIN(a, b) ((a) * (b))
#undef START
#define START(x) ((CT)1)
#elif defined(REDUCE_l1)
#define STEP(a, v) ((a) + ((v) < 0 ? -(v) : (v)))
#elif defined(REDUCE_l2)
#define STEP(a, v) ((a) + (v) * (v))
#undef FINISH
#define FINISH(a) sqrt(a)
#elif defined(REDUCE_sum_square)
#define STEP(a, v) ((a) + (v) * (v))
#elif defined(REDUCE_log_sum)
#define STEP(a, v) ((a) + (v))
#undef FINISH
#define FINISH(a) log(a)
#else /* REDUCE_log_sum_exp: relative to the largest, which a first pass finds */
#define STEP(a, v) ((a) + exp((v) - top))
#undef FINISH
#define FINISH(a) (log(a) + top)
#define NEEDS_TOP
#endif
#ifdef EXTREME
#undef START
#define START(x) LD(x, 0)
#undef JOIN
#define JOIN(a, b) STEP(a, b)
#endif

#define RED_PARAMS int count, ND_EACH_(RED, ND_INT, r), ND_EACH_(RED, ND_INT, s)
#define RED_LISTS                                                                                  \
    const int red_extent[RED] = {ND_EACH_(RED, ND_CAT_, r)};                                       \
    const int red_stride[RED] = {ND_EACH_(RED, ND_CAT_, s)};

static inline int strided(int i, const int *extent, const int *stride, int rank)
{
    int at = 0;
#pragma unroll
    for (int d = rank - 1; d > 0; d--) {
        const int q = i / extent[d];
        at += (i - q * extent[d]) * stride[d];
        i = q;
    }
    return at + i * stride[0];
}

#ifdef DENSE
#define PLACE(j) (j)
#else
#define PLACE(j) strided(j, red_extent, red_stride, RED)
#endif

#define LARGER(a, v) ((v) > (a) || (v) != (v) ? (v) : (a))

/* Sums do not depend on LANES alone: each lane adds up every LANES-th element, which are then joined in pairs. */
#if defined(ROW_GROUP) && ROW_GROUP == 1
#define LANES 16
#else
#define LANES 1
#endif

/* a = STEP over the elements from `first` on, `step` apart */
#define REDUCE(a, start, step_of, join)                                                            \
    CT a = start;                                                                                  \
    {                                                                                              \
        CT part[LANES];                                                                            \
        int j = first;                                                                             \
        for (int k = 0; k < LANES; k++)                                                            \
            part[k] = a;                                                                           \
        for (; LANES > 1 && j + LANES <= count; j += LANES)                                        \
            for (int k = 0; k < LANES; k++) {                                                      \
                const CT v = LD(x, PLACE(j + k));                                                  \
                part[k] = step_of(part[k], v);                                                     \
            }                                                                                      \
        for (; j < count; j += step) {                                                             \
            const CT v = LD(x, PLACE(j));                                                          \
            part[0] = step_of(part[0], v);                                                         \
        }                                                                                          \
        for (int h = LANES / 2; h > 0; h /= 2)                                                     \
            for (int k = 0; k < h; k++)                                                            \
                part[k] = join(part[k], part[k + h]);                                              \
        a = part[0];                                                                               \
    }

#ifdef ROW_GROUP
/* The same over a work-group. */
#define MEET(a, join)                                                                              \
    for (int h = ROW_GROUP / 2; h > 0; h /= 2) {                                                   \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
        tmp[first] = a;                                                                            \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
        if (first < h)                                                                             \
            a = join(a, tmp[first + h]);                                                           \
    }                                                                                              \
    if (ROW_GROUP > 1) {                                                                           \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
        if (first == 0)                                                                            \
            tmp[0] = a;                                                                            \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
        a = tmp[0];                                                                                \
    }

ROW_KERNEL void reduce_ref_rows(__global T *restrict y, __global const T *restrict x, RED_PARAMS,
                            ND_PARAMS, ND_STRIDES(a))
{
    __local CT tmp[ROW_GROUP];
    const int i = get_group_id(0), first = get_local_id(0), step = ROW_GROUP;
    const nd_list e = ND_LIST(e), a = ND_LIST(a);
    RED_LISTS
    x += strided(i, e.d, a.d, RANK);
#ifdef NEEDS_TOP
    REDUCE(top, LD(x, 0), LARGER, LARGER)
    MEET(top, LARGER)
    if (isinf(top))
        top = 0;
#endif
    REDUCE(sum, START(x), STEP, JOIN)
    MEET(sum, JOIN)
    if (first == 0)
        ST(y, i, FINISH(sum));
}
#else
__kernel void reduce_ref(__global T *restrict y, __global const T *restrict x, RED_PARAMS, ND_PARAMS,
                         ND_STRIDES(a))
{
    int at[RANK];
    const int i = nd_place(at, ND_ARGS), first = 0, step = 1;
    if (i < 0)
        return;
    RED_LISTS
    x += nd_offset(at, ND_LIST(a), A_INNER);
#ifdef NEEDS_TOP
    REDUCE(top, LD(x, 0), LARGER, LARGER)
    if (isinf(top))
        top = 0;
#endif
    REDUCE(sum, START(x), STEP, JOIN)
    ST(y, i, FINISH(sum));
}
#endif
