/* conv2d/winograd: F(SIZE x SIZE, 3x3), SIZE 2 or 4 (Lavin and Gray 2016, arXiv 1509.09308, sections 4.1 to 4.3), in
 * three steps: u = G g G^T of the filters and v = B^T d B of the image's windows, POSITIONS^2 matrices of products
 * u v (gemm_tile), y = A^T m A. The gradient with respect to x is the same with the filters turned round (DATA).
 *
 * u  position x channels of y x channels of x       v  position x channels of x x tiles
 * m  position x channels of y x tiles               tiles: of `images` images, rounded up to a multiple of 4
 */
#define POSITIONS (SIZE + 2)

/* o[i * step] = row i of G, B^T or A^T times d[0], d[step], ..; o may be d. */
static inline void filter_line(float *o, float a, float b, float c, int step)
{
#if SIZE == 2
    o[0] = a;
    o[step] = 0.5f * (a + b + c);
    o[2 * step] = 0.5f * (a - b + c);
    o[3 * step] = c;
#else
    o[0] = 0.25f * a;
    o[step] = (-1.0f / 6) * (a + b + c);
    o[2 * step] = (-1.0f / 6) * (a - b + c);
    o[3 * step] = (1.0f / 24) * a + (1.0f / 12) * b + (1.0f / 6) * c;
    o[4 * step] = (1.0f / 24) * a - (1.0f / 12) * b + (1.0f / 6) * c;
    o[5 * step] = c;
#endif
}

static inline void input_line(float *d, int step)
{
    const float a = d[0], b = d[step], c = d[2 * step], e = d[3 * step];
#if SIZE == 2
    d[0] = a - c;
    d[step] = b + c;
    d[2 * step] = c - b;
    d[3 * step] = b - e;
#else
    const float f = d[4 * step], g = d[5 * step];
    d[0] = 4.0f * a - 5.0f * c + f;
    d[step] = f - 4.0f * c + (e - 4.0f * b);
    d[2 * step] = f - 4.0f * c - (e - 4.0f * b);
    d[3 * step] = f - c + 2.0f * (e - b);
    d[4 * step] = f - c - 2.0f * (e - b);
    d[5 * step] = 4.0f * b - 5.0f * e + g;
#endif
}

/* SIZE results in the first places. */
static inline void output_line(float *d, int step)
{
#if SIZE == 2
    const float a = d[0], b = d[step], c = d[2 * step], e = d[3 * step];
    d[0] = a + b + c;
    d[step] = b - c - e;
#else
    const float a = d[0], b = d[step] + d[2 * step], c = d[step] - d[2 * step];
    const float e = d[3 * step] + d[4 * step], f = d[3 * step] - d[4 * step], g = d[5 * step];
    d[0] = a + b + e;
    d[step] = c + 2.0f * f;
    d[2 * step] = b + 4.0f * e;
    d[3 * step] = c + 8.0f * f + g;
#endif
}

/* One filter a work-item. out_c and in_c are those of this convolution: for a gradient, x's and y's. */
__kernel void conv2d_winograd_weights(__global float *restrict u, __global const FH *restrict w,
                                      int out_c, int in_c)
{
    const int i = get_global_id(0);
    float t[POSITIONS * 3], line[POSITIONS];
    if (i >= out_c * in_c)
        return;
#ifdef DATA
    const int row = i % out_c, c = i / out_c, to = row * in_c + c;
    __global const FH *g = w + i * 9 + 8;
#define TAP(k) fh_load(g, -(k))
#else
    const int to = i;
    __global const FH *g = w + i * 9;
#define TAP(k) fh_load(g, k)
#endif
#pragma unroll
    for (int s = 0; s < 3; s++)
        filter_line(t + s, TAP(s), TAP(3 + s), TAP(6 + s), 3);
#pragma unroll
    for (int r = 0; r < POSITIONS; r++) {
        filter_line(line, t[3 * r], t[3 * r + 1], t[3 * r + 2], 1);
#pragma unroll
        for (int s = 0; s < POSITIONS; s++)
            u[(size_t)(r * POSITIONS + s) * out_c * in_c + to] = line[s];
    }
}

/* One tile of one channel a work-item; zeros beyond the last tile. */
__kernel void conv2d_winograd_input(__global float *restrict v, __global const FH *restrict x,
                                    int first, int images, int tiles, int in_c, int in_h, int in_w,
                                    int across, int down, int pad_h, int pad_w)
{
    const int tile = get_global_id(0), c = get_global_id(1);
    const int img = tile / (across * down), at = tile - img * (across * down);
    const int h0 = at / across * SIZE - pad_h, w0 = at % across * SIZE - pad_w;
    float d[POSITIONS * POSITIONS];
    if (tile >= tiles)
        return;
    __global const FH *from = x + ((first + img) * in_c + c) * in_h * in_w;
#pragma unroll
    for (int r = 0; r < POSITIONS; r++) {
#pragma unroll
        for (int s = 0; s < POSITIONS; s++) {
            const int h = h0 + r, t = w0 + s;
            const bool there = img < images && h >= 0 && h < in_h && t >= 0 && t < in_w;
            d[r * POSITIONS + s] = there ? fh_load(from, h * in_w + t) : 0.0f;
        }
    }
#pragma unroll
    for (int s = 0; s < POSITIONS; s++)
        input_line(d + s, POSITIONS);
#pragma unroll
    for (int r = 0; r < POSITIONS; r++)
        input_line(d + r * POSITIONS, 1);
#pragma unroll
    for (int p = 0; p < POSITIONS * POSITIONS; p++)
        v[((size_t)p * in_c + c) * tiles + tile] = d[p];
}

/* One tile of one channel of y a work-item. */
__kernel void conv2d_winograd_output(__global FH *restrict y, __global const float *restrict m,
                                     int first, int images, int tiles, int out_c, int out_h,
                                     int out_w, int across, int down EPI_PARAMS)
{
    const int tile = get_global_id(0), c = get_global_id(1);
    const int img = tile / (across * down), at = tile - img * (across * down);
    const int h0 = at / across * SIZE, w0 = at % across * SIZE;
    float d[POSITIONS * POSITIONS];
    if (img >= images)
        return;
#pragma unroll
    for (int p = 0; p < POSITIONS * POSITIONS; p++)
        d[p] = m[((size_t)p * out_c + c) * tiles + tile];
#pragma unroll
    for (int s = 0; s < POSITIONS; s++)
        output_line(d + s, POSITIONS);
#pragma unroll
    for (int r = 0; r < SIZE; r++) {
        output_line(d + r * POSITIONS, 1);
#pragma unroll
        for (int s = 0; s < SIZE; s++) {
            const int i = (((first + img) * out_c + c) * out_h + h0 + r) * out_w + w0 + s;
            if (h0 + r < out_h && w0 + s < out_w)
                fh_store(y, i, epi(d[r * POSITIONS + s], i, c EPI_ARGS));
        }
    }
}
