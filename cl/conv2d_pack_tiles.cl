/* conv2d_pack on CPUs: a work-item packs `each` input blocks of one output block. A tile of VW
 * filters by X_BLOCK channels is small enough for the first-level cache: where a filter's channels
 * lie together it is filled by transposed vectors, else number by number in the order of w.
 *
 * No group ends within a block. Arguments and defines as in conv2d_pack_ref.cl, VW for BLOCK. */
#ifdef TURNED
#define TAP(t) (taps - 1 - (t))
#else
#define TAP(t) (t)
#endif
#ifdef WINOGRAD
#define TILE __local float *
#define TILE_STORE vf_store_local
#define TAP_STEP VW
#define IN_STEP (TAPS * TAPS * VW)
#define PLACES (WINDOW * WINDOW)

/* One channel's filters g to PLACES vectors `step` floats apart. */
static inline void transform(__global float *y, __local const float *g, size_t step)
{
    VF v[TAPS * TAPS], rows[WINDOW * TAPS], all[PLACES];
#pragma unroll
    for (int j = 0; j < TAPS * TAPS; j++)
        v[j] = vf_load_local(g + j * VW);
#pragma unroll
    for (int j = 0; j < TAPS; j++)
        spread(rows + j, TAPS, v + j, TAPS);
#pragma unroll
    for (int j = 0; j < WINDOW; j++)
        spread(all + WINDOW * j, 1, rows + TAPS * j, 1);
#pragma unroll
    for (int j = 0; j < PLACES; j++)
        vf_store(all[j], y + j * step);
}
#define LOCAL_PARAM , __local float *restrict u
#else
#define TILE __global float *
#define TILE_STORE vf_store
#define TAP_STEP (X_BLOCK * VW)
#define IN_STEP VW
#define LOCAL_PARAM
#endif

/* t[..] = nf filters of nc channels, zero where there are no more; w has `room` floats. */
static inline void fill(TILE t, __global const float *w, int nf, int nc, int taps, int lane, int in,
                        size_t room)
{
    if (nf < VW || nc < X_BLOCK)
        for (int i = 0; i < taps * X_BLOCK * VW; i++)
            t[i] = 0.0f;
#if X_BLOCK == VW
    if (nf == VW && nc == VW && in == taps) {
        for (int k = 0, c = 0, j = 0; k < taps * VW; k += VW) {
            VF v[VW];
#pragma unroll
            for (int l = 0; l < VW; l++)
                v[l] = vf_load(w + (size_t)l * lane + k);
            vf_transpose(v);
#pragma unroll
            for (int l = 0; l < VW; l++) {
                TILE_STORE(v[l], t + TAP(j) * TAP_STEP + c * IN_STEP);
                if (++j == taps) {
                    j = 0;
                    c++;
                }
            }
        }
        return;
    }
    if (nf == VW && lane == 1) { /* of one tap, turned */
        for (int c = 0; c < nc; c++)
            TILE_STORE(vf_load(w + (size_t)c * in), t + c * IN_STEP);
        return;
    }
    /* Turned: vectors of a filter's taps reach into the next filters, which the last has not. */
    if (nf == VW && lane == taps && (nc - 1) * (size_t)in + VW * lane + VW <= room) {
        for (int c = 0; c < nc; c++) {
            for (int k = 0; k < taps; k += VW) {
                VF v[VW];
#pragma unroll
                for (int l = 0; l < VW; l++)
                    v[l] = vf_load(w + (size_t)c * in + l * lane + k);
                vf_transpose(v);
#pragma unroll
                for (int l = 0; l < VW; l++)
                    if (k + l < taps)
                        TILE_STORE(v[l], t + TAP(k + l) * TAP_STEP + c * IN_STEP);
            }
        }
        return;
    }
#endif
    /* The shorter step inside. */
    if (lane < in) {
        for (int c = 0; c < nc; c++)
            for (int l = 0; l < nf; l++)
                for (int j = 0; j < taps; j++)
                    t[TAP(j) * TAP_STEP + c * IN_STEP + l] = w[(size_t)c * in + l * lane + j];
    } else {
        for (int l = 0; l < nf; l++)
            for (int c = 0; c < nc; c++)
                for (int j = 0; j < taps; j++)
                    t[TAP(j) * TAP_STEP + c * IN_STEP + l] = w[(size_t)l * lane + c * in + j];
    }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv2d_pack_tiles(__global float *restrict y, __global const float *restrict w, int filters,
                  int depth, int taps, int per, int group, int lane, int in, int each LOCAL_PARAM)
{
    const int m = (int)get_global_id(1) * VW, nf = min(VW, filters - m);
    const int blocks = (depth + X_BLOCK - 1) / X_BLOCK;
    const int first = (int)get_global_id(0) * each, last = min(first + each, blocks);
    const size_t begin = (size_t)(m / per) * group + (size_t)(m % per) * lane;
    for (int b = first; b < last; b++) {
        const int c = b * X_BLOCK, nc = min(X_BLOCK, depth - c);
        const size_t at = begin + (size_t)c * in, room = (size_t)filters * depth * taps - at;
#ifdef WINOGRAD
        const size_t step = (size_t)blocks * X_BLOCK * VW;
        fill(u, w + at, nf, nc, taps, lane, in, room);
        for (int i = 0; i < X_BLOCK; i++)
            transform(y + get_global_id(1) * PLACES * step + (c + i) * VW, u + i * IN_STEP, step);
#else
        fill(y + (get_global_id(1) * blocks + b) * taps * X_BLOCK * VW, w + at, nf, nc, taps, lane,
             in, room);
#endif
    }
}
