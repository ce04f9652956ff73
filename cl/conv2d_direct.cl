/* conv2d/direct and conv2d_bwd_data/direct, CPU: one work-item a group of work, register tiles of
 * OCT channels x NV vectors of outputs.
 *
 * A work-item makes a band of band_rows output rows (or COLS columns of one row) in `split`
 * channels. The input is unfolded: every column tap gets its own copy of the rows, shifted and
 * thinned by the stride, so that the band's outputs, seen as one long row, read at unit stride and
 * need no border. A row tap is an offset of whole rows in that copy; with a stride there is one
 * copy for each residue of the row taps (PER_H of them). Weights are read where they are. `block`
 * input channels at a time; partial sums wait in y.
 *
 * The gradient with respect to x (BWD_DATA) is this convolution over dy with channels exchanged and
 * taps backwards, once for each residue (h0, w0) of x's rows and columns modulo the stride.
 *
 * VW OCT NV COLS                  tunables; ROWS, OCS, ICB come as band_rows, split, block
 * KH KW SH SW DH DW PT PL GROUPS  geometry of the forward convolution
 * PER_H PER_W                     stride / gcd(stride, dilation): every PER-th tap has one residue
 * STEP_H STEP_W                   dilation / gcd: those are so many rows of their copy apart
 */

/* One direction of what to compute: taps, and where they are. */
struct axis {
    int taps;  /* how many */
    int pad;   /* output 0 begins this far before the input's start */
    int first; /* filter index of tap 0 */
};

#ifdef BWD_DATA
#define OUT_SH SH /* outputs of one launch are so far apart */
#define OUT_SW SW
#define V_SH 1 /* strides and column step of the convolution as it is computed */
#define V_SW 1
#define V_DW STEP_W
#define V_PER 1
#define TAP_H(q, t) (-(t)*PER_H)
#define TAP_W(j) (-(j)*PER_W)
#define WEIGHTS_OUT (KH * KW)
#define WEIGHTS_IN (out_c * KH * KW)
#define PHASE_PARAMS , int h0, int w0
#else
#define OUT_SH 1
#define OUT_SW 1
#define V_SH SH
#define V_SW SW
#define V_DW DW
#define V_PER PER_H
#define TAP_H(q, t) ((q) + (t)*PER_H)
#define TAP_W(j) (j)
#define WEIGHTS_OUT (in_c * KH * KW)
#define WEIGHTS_IN (KH * KW)
#define PHASE_PARAMS
#endif

/* dst[0..n) = src[0], src[V_SW], ..; writes up to VW - 1 floats behind n. */
static inline void thin(__local float *dst, __local const float *src, int n)
{
#if V_SW == 1
    for (int i = 0; i < n; i += VW)
        vf_store_local(vf_load_local(src + i), dst + i);
#else
    for (int i = 0; i < n; i++)
        dst[i] = src[i * V_SW];
#endif
}

static inline void clear(__local float *p, int n)
{
    for (int i = 0; i < n; i += VW)
        vf_store_local((VF)(0.0f), p + i);
}

/* What a work-item computes, and how it lies in memory. */
struct band {
    struct axis h, w;
    int rows, cols, px;         /* outputs: px = rows * cols */
    int residues, slots, plane; /* of the unfolded input: floats of one channel and column tap */
    int width;                  /* of an input row before thinning */
    int top, in_h;              /* input row of output row 0, tap 0 */
    int wo, wi;                 /* floats between weights of output and of input channels */
    int y0, y_plane, out_w;     /* pixel 0 of channel 0 in y; floats of a channel and of a row */
};

static inline struct axis axis_of(int k, int stride, int dilation, int pad, int at, int per,
                                  int step)
{
    struct axis a;
#ifdef BWD_DATA
    int r = 0;
    while (r < k && (at + pad - r * dilation) % stride != 0)
        r++;
    a.taps = r < k ? (k - 1 - r) / per + 1 : 0;
    a.first = r + (a.taps - 1) * per;
    a.pad = (a.taps - 1) * step - (at + pad - r * dilation) / stride;
#else
    a.taps = k;
    a.first = 0;
    a.pad = pad;
#endif
    return a;
}

static inline struct band band_of(int in_c, int in_h, int out_c, int out_h, int out_w, int h0,
                                  int w0, int row0, int col0, int rows, int cols, int img)
{
    struct band b;
    b.h = axis_of(KH, SH, DH, PT, h0, PER_H, STEP_H);
    b.w = axis_of(KW, SW, DW, PL, w0, PER_W, STEP_W);
    b.rows = rows;
    b.cols = cols;
    b.px = rows * cols;
    b.residues = min(b.h.taps, V_PER);
    b.slots = rows + (b.h.taps - 1) / V_PER * STEP_H;
    b.plane = b.residues * b.slots * cols;
    b.width = (cols - 1) * V_SW + (b.w.taps - 1) * V_DW + 1;
    b.top = row0 * V_SH - b.h.pad;
    b.in_h = in_h;
    b.wo = WEIGHTS_OUT;
    b.wi = WEIGHTS_IN;
    b.y_plane = out_h * out_w;
    b.y0 = img * out_c * b.y_plane + (h0 + row0 * OUT_SH) * out_w + w0 + col0 * OUT_SW;
    b.out_w = out_w;
    return b;
}

/* One channel to u: [column tap][residue][slot][column]; pad holds the rows before thinning. */
static inline void unfold(__local float *u, __local float *pad, __global const float *x,
                          const struct band *b, int in_w, int left)
{
    const bool direct = V_SW == 1 && b->w.taps == 1;
    __local float *row = direct ? u : pad;
    for (int q = 0; q < b->residues; q++) {
        for (int k = 0; k < b->slots; k++, row += b->width) {
            const int ih = b->top + q * DH + k * V_SH;
            const bool inside = ih >= 0 && ih < b->in_h;
            copy_window(row, x + (inside ? ih * in_w : 0), inside ? in_w : 0, left, b->width);
        }
    }
    if (direct)
        return;
    for (int j = 0; j < b->w.taps; j++)
        for (int k = 0; k < b->residues * b->slots; k++, u += b->cols)
            thin(u, pad + k * b->width + j * V_DW, b->cols);
}

/* Where pixel p of a channel is. A dense band is whole rows, or a part of one. */
#if OUT_SH > 1 || OUT_SW > 1
#define PIXEL(p) ((p) / b->cols * OUT_SH * b->out_w + (p) % b->cols * OUT_SW)
#else
#define PIXEL(p) (p)
#define DENSE
#endif

/* Partial sums of n channels from channel o, pixel p on, to the tile t. */
static inline void fetch(__local float *t, __global const float *y, const struct band *b, int o,
                         int n, int p)
{
    const int px = min(NV * VW, b->px - p);
    y += b->y0 + o * b->y_plane;
    for (int k = 0; k < n; k++, t += NV * VW, y += b->y_plane) {
#ifdef DENSE
        copy_window(t, y + p, px, 0, px);
#else
#pragma unroll 1
        for (int j = 0; j < px; j++)
            t[j] = y[PIXEL(p + j)];
#endif
    }
}

/* The tile to y, through the epilogue when its sums are complete; c is the number of channel o. */
static inline void put(__local const float *t, __global float *y, const struct band *b, int o,
                       int n, int p, int c, bool complete EPI_PARAMS)
{
    const int px = min(NV * VW, b->px - p);
    int i = b->y0 + o * b->y_plane;
    for (int k = 0; k < n; k++, t += NV * VW, i += b->y_plane, c++) {
        int j = 0;
#ifdef DENSE
#pragma unroll 1
        for (; j + VW <= px; j += VW) {
            const VF v = vf_load_local(t + j);
            vf_store(complete ? epi_w(v, i + p + j, c EPI_ARGS) : v, y + i + p + j);
        }
#endif
#pragma unroll 1
        for (; j < px; j++) {
            const int at = i + PIXEL(p + j);
            y[at] = complete ? epi(t[j], at, c EPI_ARGS) : t[j];
        }
    }
}

/* The row taps [x, y) of residue q that meet the image in pixels [p, p + NV * VW). */
static inline int2 tap_range(const struct band *b, int q, int p)
{
    const int first = b->top + q * DH + p / b->cols * V_SH; /* of tap 0 in the first and last row */
    const int last = b->top + q * DH + (min(p + NV * VW, b->px) - 1) / b->cols * V_SH;
    const int step = STEP_H * V_SH, n = (b->h.taps - 1 - q) / V_PER + 1;
    const int lo = last < 0 ? (-last + step - 1) / step : 0;
    const int hi = first < b->in_h ? (b->in_h - first + step - 1) / step : 0;
    return (int2)(lo, min(hi, n));
}

/* acc += the products of nc input channels; at[k] is where output channel k's weights begin. */
static inline void multiply(VF acc[OCT][NV], const int at[OCT], const struct band *b,
                            __local const float *u, __global const float *w, int nc, int p)
{
    for (int q = 0; q < b->residues; q++) {
        const int2 range = tap_range(b, q, p);
#pragma unroll 1
        for (int c = 0; c < nc; c++) {
#pragma unroll 1
            for (int j = 0; j < b->w.taps; j++) {
                __global const float *wj = w + c * b->wi + TAP_W(j);
                __local const float *in = u + (c * b->w.taps + j) * b->plane +
                                          (q * b->slots + range.x * STEP_H) * b->cols + p;
#pragma unroll 1
                for (int t = range.x; t < range.y; t++, in += STEP_H * b->cols) {
                    __global const float *wt = wj + TAP_H(q, t) * KW;
                    VF x[NV];
#pragma unroll
                    for (int v = 0; v < NV; v++)
                        x[v] = vf_load_local(in + v * VW);
#pragma unroll
                    for (int k = 0; k < OCT; k++)
#pragma unroll
                        for (int v = 0; v < NV; v++)
                            acc[k][v] = FMA((VF)(wt[at[k]]), x[v], acc[k][v]);
                }
            }
        }
    }
}

/* n <= OCT channels from o on, NV vectors from pixel p on: in t the sums so far (zeros when
 * `fresh`) become those with nc more input channels. */
static inline void tile(__local float *t, const struct band *b, __local const float *u,
                        __global const float *w, int nc, int o, int n, int p, bool fresh)
{
    VF acc[OCT][NV];
    int at[OCT]; /* channels that do not exist repeat the last one, and are not stored */
#pragma unroll
    for (int k = 0; k < OCT; k++)
        at[k] = (o + min(k, n - 1)) * b->wo;
#pragma unroll
    for (int i = 0; i < OCT * NV; i++)
        acc[i / NV][i % NV] = fresh ? (VF)(0.0f) : vf_load_local(t + i * VW);
    multiply(acc, at, b, u, w, nc, p);
#pragma unroll
    for (int i = 0; i < OCT * NV; i++)
        vf_store_local(acc[i / NV][i % NV], t + i * VW);
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv2d_direct(__global float *restrict y, __global const float *restrict x,
              __global const float *restrict w, int in_c, int in_h, int in_w, int out_c, int out_h,
              int out_w, int band_rows, int split, int block PHASE_PARAMS,
              __local float *restrict u EPI_PARAMS)
{
#ifndef BWD_DATA
    const int h0 = 0, w0 = 0;
#endif
    const int n_h = (out_h - h0 + OUT_SH - 1) / OUT_SH, n_w = (out_w - w0 + OUT_SW - 1) / OUT_SW;
    const int segments = (n_w + COLS - 1) / COLS;
    const int row0 = (int)get_global_id(0) / segments * band_rows;
    const int col0 = (int)get_global_id(0) % segments * COLS;
    const int o_first = (int)get_global_id(1) * split, o_last = min(o_first + split, out_c);
    const int img = get_global_id(2), group = img % GROUPS;
    const struct band b = band_of(in_c, in_h, out_c, out_h, out_w, h0, w0, row0, col0,
                                  min(band_rows, n_h - row0), min(COLS, n_w - col0), img);
    const int depth = b.h.taps > 0 && b.w.taps > 0 ? in_c : 0; /* no tap at all: zeros */
    const int channel = b.w.taps * b.plane;
    __local float *t = u + min(block, depth) * channel + (NV + 1) * VW;
    __local float *pad = t + OCT * NV * VW;
    /* What vectors reach beyond the ends is never stored, but should be no slow denormal either. */
    clear(t - (NV + 1) * VW, (NV + 1) * VW);
    clear(pad + b.residues * b.slots * b.width, 2 * VW);

    x += img * in_c * in_h * in_w;
    w += group * in_c * out_c * KH * KW + b.h.first * KW + b.w.first;
    for (int c0 = 0; c0 == 0 || c0 < depth; c0 += block) {
        const int nc = min(block, depth - c0);
        for (int c = 0; c < nc; c++)
            unfold(u + c * channel, pad, x + (c0 + c) * in_h * in_w, &b, in_w,
                   col0 * V_SW - b.w.pad);
        for (int p = 0; p < b.px; p += NV * VW) {
            for (int o = o_first; o < o_last; o += OCT) {
                const int n = min(OCT, o_last - o);
                if (c0 > 0)
                    fetch(t, y, &b, o, n, p);
                tile(t, &b, u, w + c0 * b.wi, nc, o, n, p, c0 == 0);
                put(t, y, &b, o, n, p, group * out_c + o, c0 + block >= depth EPI_ARGS);
            }
        }
    }
}
