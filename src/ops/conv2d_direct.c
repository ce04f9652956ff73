/* Block sizes and launches of cl/conv2d_direct.cl. */
#include "ops/conv2d.h"

/* COLS when a band is whole rows, as it is wherever they fit: one program for all widths. */
#define WHOLE 1048576

#define MAX_TILE 32 /* vectors: more are never registers, and compile slowly */

enum { T_VW, T_OCT, T_NV, T_ROWS, T_COLS, T_OCS, T_ICB };

const struct tunable conv2d_direct_tunables[] = {
    [T_VW] = {"VW", (const int[]){16, 8, 4, 0}},
    [T_OCT] = {"OCT", (const int[]){1, 2, 3, 4, 5, 6, 7, 8, 0}},
    [T_NV] = {"NV", (const int[]){1, 2, 3, 4, 5, 6, 7, 0}},
    [T_ROWS] = {"ROWS", (const int[]){1,  2,  3,  4,  5,  6,  7,  8,  10,  12,  14,  16,   20,
                                      24, 28, 32, 40, 48, 56, 64, 96, 128, 256, 512, 1024, 0}},
    [T_COLS] = {"COLS", (const int[]){32, 64, 128, 256, 512, 1024, 2048, 4096, WHOLE, 0}},
    [T_OCS] = {"OCS",
               (const int[]){4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512, 1024, 4096, 0}},
    [T_ICB] = {"ICB",
               (const int[]){1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512, 0}},
    {0},
};

/* The convolution that a launch computes; for dx that of residue (0, 0), which is the largest. */
struct pass {
    int in_c, out_c;
    int in_h, pad; /* rows of the input; output row 0 begins `pad` rows before them */
    int n[2];      /* outputs */
    int taps[2];
    int stride[2]; /* input rows, columns from one output to the next */
    int dilation;  /* input rows from one row tap to the next */
    int per;       /* row taps of one residue are so far apart */
    int step[2];   /* from tap to tap of one residue: rows of an unfolded plane, input columns */
};

static struct pass pass_of(const struct conv2d *c, bool data)
{
    struct pass p = {.in_c = data ? c->out_c : c->in_c, .out_c = data ? c->in_c : c->out_c};
    for (int i = 0; i < 2; i++) {
        int g = conv2d_gcd(c->stride[i], c->dilation[i]), per = c->stride[i] / g;
        p.n[i] = data ? (int)div_up((size_t)c->in[i], (size_t)c->stride[i]) : c->out[i];
        p.taps[i] = data ? (int)div_up((size_t)c->kernel[i], (size_t)per) : c->kernel[i];
        p.stride[i] = data ? 1 : c->stride[i];
        p.step[i] = i == 1 && !data ? c->dilation[i] : c->dilation[i] / g;
        if (i == 0)
            p.per = data ? 1 : per;
    }
    p.in_h = data ? c->out[0] : c->in[0];
    p.dilation = data ? p.step[0] : c->dilation[0];
    p.pad = data ? (p.taps[0] - 1) * p.step[0] - c->pad[0] / c->stride[0] : c->pad[0];
    return p;
}

/* Floats of local memory: unfolded rows, the rows before that, and what vectors overshoot. */
static double local_floats(const struct pass *p, const int *tv)
{
    double rows = MIN(tv[T_ROWS], p->n[0]), cols = MIN(tv[T_COLS], p->n[1]);
    double slots = rows + (double)((p->taps[0] - 1) / p->per) * p->step[0];
    double lines = MIN(p->taps[0], p->per) * slots;
    double width = (cols - 1) * p->stride[1] + (double)(p->taps[1] - 1) * p->step[1] + 1;
    return MIN(tv[T_ICB], p->in_c) * p->taps[1] * lines * cols + lines * width +
           (tv[T_NV] * (tv[T_OCT] + 1) + 4) * tv[T_VW];
}

static bool valid(const struct conv2d *c, bool data, const struct caps *caps, const int *tv)
{
    struct pass p = pass_of(c, data);
    for (int i = 0; conv2d_direct_tunables[i].name; i++)
        if (tv[i] < 1)
            return false;
    return (tv[T_COLS] >= p.n[1] || tv[T_ROWS] == 1) && tv[T_OCT] * tv[T_NV] <= MAX_TILE &&
           local_floats(&p, tv) * sizeof(float) <= (double)caps->local_bytes;
}

/* ---- Defaults ---- */

/* The largest value that is at most `limit`; the first when there is none. */
static int at_most(int tunable, int64_t limit)
{
    const int *v = conv2d_direct_tunables[tunable].values;
    while (v[1] && v[1] <= limit)
        v++;
    return *v;
}

/* The smallest value that is at least `limit`; the last when there is none. */
static int at_least(int tunable, int limit)
{
    const int *v = conv2d_direct_tunables[tunable].values;
    while (v[1] && v[0] < limit)
        v++;
    return *v;
}

static int items(const struct pass *p, const int *tv)
{
    return (int)(div_up((size_t)p->n[0], (size_t)tv[T_ROWS]) *
                 div_up((size_t)p->n[1], (size_t)tv[T_COLS]));
}

/* Row taps that a tile of `px` pixels from `at` on computes: those that meet the image. */
static int tile_taps(const struct pass *p, int at, int px, int cols)
{
    int first = at / cols * p->stride[0] - p->pad;
    int last = (at + px - 1) / cols * p->stride[0] - p->pad;
    int n = 0;
    for (int r = 0; r < p->taps[0]; r++)
        n += last + r * p->dilation >= 0 && first + r * p->dilation < p->in_h;
    return n;
}

/* Cycles of one band of one input channel and column tap: multiply-adds against loads of one step.
 * A vector of half the width costs a little more than half (two a cycle). */
static double tile_cycles(const struct pass *p, const struct caps *caps, const int *tv)
{
    const int cols = MIN(tv[T_COLS], p->n[1]), px = MIN(tv[T_ROWS], p->n[0]) * cols;
    const double width = tv[T_VW] == caps->vector_width ? 1 : 0.55;
    const double fma = tv[T_OCT] * tv[T_NV] * width;
    const double load = 1.5 * tv[T_NV] * width + 0.5 * tv[T_OCT];
    const int tile = tv[T_NV] * tv[T_VW];
    double steps = 0;
    for (int at = 0; at < px; at += tile)
        steps += tile_taps(p, at, MIN(tile, px - at), cols);
    return steps * (double)div_up((size_t)p->out_c, (size_t)tv[T_OCT]) *
           (MAX(MAX(fma, load), 4) + 1);
}

static void choose_tile(const struct pass *p, const struct caps *caps, int *tv)
{
    const int regs = caps->vector_width == 16 ? 32 : 16;
    double best = 0;
    int t[MAX_TUNABLES];
    for (int i = 0; i < MAX_TUNABLES; i++)
        t[i] = tv[i];
    for (const int *vw = conv2d_direct_tunables[T_VW].values; *vw; vw++) {
        for (const int *nv = conv2d_direct_tunables[T_NV].values; *nv; nv++) {
            for (const int *oct = conv2d_direct_tunables[T_OCT].values; *oct; oct++) {
                if (*vw > caps->vector_width || *oct * *nv + MIN(*oct, *nv) + 1 > regs)
                    continue;
                t[T_VW] = *vw;
                t[T_NV] = *nv;
                t[T_OCT] = *oct;
                double cycles = tile_cycles(p, caps, t);
                if (best == 0 || cycles < best) {
                    best = cycles;
                    tv[T_VW] = *vw;
                    tv[T_NV] = *nv;
                    tv[T_OCT] = *oct;
                }
            }
        }
    }
}

/* What a work-item keeps of the input should stay in a core's second-level cache beside weights and
 * outputs. */
#define UNFOLD_BYTES (192 * 1024)
#define MIN_DEPTH 64           /* products between two visits to a partial sum in y */
#define MIN_DEPTH_STRIDED 1024 /* where y is visited element by element */

static void defaults(const struct conv2d *c, bool data, const struct caps *caps, int *tv)
{
    const struct pass p = pass_of(c, data);
    const double limit = (double)MIN(caps->local_bytes, (size_t)UNFOLD_BYTES) / sizeof(float);
    const int64_t images = (int64_t)c->n * c->groups, want = 4 * (int64_t)caps->compute_units;
    const int64_t taps = (int64_t)p.taps[0] * p.taps[1];
    const int64_t min_depth =
        data && c->stride[0] * c->stride[1] > 1 ? MIN_DEPTH_STRIDED : MIN_DEPTH;

    tv[T_VW] = caps->vector_width;
    tv[T_NV] = at_most(T_NV, 7);
    tv[T_OCT] = 4; /* tiles are at most so large: choose_tile() needs to know the rows first */
    tv[T_ICB] = at_least(T_ICB, (int)MIN((int64_t)p.in_c, (min_depth + taps - 1) / taps));
    tv[T_COLS] = WHOLE;
    tv[T_ROWS] = 1;
    while (local_floats(&p, tv) > limit && tv[T_COLS] > at_most(T_COLS, 1))
        tv[T_COLS] = at_most(T_COLS, MIN(tv[T_COLS], p.n[1]) - 1);
    while (local_floats(&p, tv) > limit && tv[T_ICB] > 1)
        tv[T_ICB] = at_most(T_ICB, tv[T_ICB] - 1);
    if (tv[T_COLS] >= p.n[1])
        tv[T_ROWS] = at_least(T_ROWS, p.n[0]);
    while (tv[T_ROWS] > 1 &&
           (local_floats(&p, tv) > limit ||
            (items(&p, tv) * images < want && (int64_t)tv[T_ROWS] * p.n[1] >= 8 * tv[T_VW])))
        tv[T_ROWS] = at_most(T_ROWS, tv[T_ROWS] - 1);
    choose_tile(&p, caps, tv);

    tv[T_ICB] = at_least(T_ICB, p.in_c);
    while (local_floats(&p, tv) > limit && tv[T_ICB] > 1)
        tv[T_ICB] = at_most(T_ICB, tv[T_ICB] - 1);
    int64_t splits = MAX(want / (items(&p, tv) * images), 1);
    tv[T_OCS] = at_least(T_OCS, (int)((p.out_c + splits - 1) / splits));
}

/* ---- Launches ---- */

static void add_pass(const struct problem *problem, const struct conv2d *c, bool data, int h0,
                     int w0, const int *tv, struct launches *l)
{
    const struct pass p = pass_of(c, data);
    const int *in = data ? c->out : c->in, *out = data ? c->in : c->out;
    const int rows = data ? (c->in[0] - h0 - 1) / c->stride[0] + 1 : p.n[0];
    const int cols = data ? (c->in[1] - w0 - 1) / c->stride[1] + 1 : p.n[1];
    struct launch *k = launch_add(l, "conv2d_direct", "conv2d_direct");
    launch_define(k, "VW=%d", tv[T_VW]);
    launch_define(k, "OCT=%d", tv[T_OCT]);
    launch_define(k, "NV=%d", tv[T_NV]);
    launch_define(k, "COLS=%d", tv[T_COLS]);
    conv2d_define(k, c);
    for (int i = 0; i < 2; i++) {
        int g = conv2d_gcd(c->stride[i], c->dilation[i]);
        launch_define(k, "PER_%c=%d", "HW"[i], c -> stride[i] / g);
        launch_define(k, "STEP_%c=%d", "HW"[i], c -> dilation[i] / g);
    }
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_in(k, "w", 1);
    launch_int(k, "in_c", p.in_c);
    launch_int(k, "in_h", in[0]);
    launch_int(k, "in_w", in[1]);
    launch_int(k, "out_c", p.out_c);
    launch_int(k, "out_h", out[0]);
    launch_int(k, "out_w", out[1]);
    launch_int(k, "band_rows", tv[T_ROWS]);
    launch_int(k, "split", tv[T_OCS]);
    launch_int(k, "block", tv[T_ICB]);
    if (data) {
        launch_define(k, "BWD_DATA");
        launch_int(k, "h0", h0);
        launch_int(k, "w0", w0);
    }
    launch_local(k, "u", (size_t)local_floats(&p, tv) * sizeof(float));
    launch_epilogue(k, problem);
    launch_grid3(
        k, div_up((size_t)rows, (size_t)tv[T_ROWS]) * div_up((size_t)cols, (size_t)tv[T_COLS]),
        div_up((size_t)p.out_c, (size_t)tv[T_OCS]), (size_t)c->n * (size_t)c->groups, 1, 1, 1);
}

/* ---- The variant ---- */

#define MAX_PHASES 64 /* launches, one for each place within a stride */

/* The gradient with respect to x is computed by the same kernel over dy. */
static bool is_data(const struct problem *p)
{
    return p->op == &op_conv2d_bwd_data;
}

void conv2d_direct_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct conv2d c;
    if (conv2d_of(p, &c) == 0)
        defaults(&c, is_data(p), caps, tv);
}

bool conv2d_direct_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    struct conv2d c;
    if (conv2d_of(p, &c) != 0)
        return false;
    if (is_data(p) && (int64_t)c.stride[0] * c.stride[1] > MAX_PHASES)
        return false;
    return valid(&c, is_data(p), caps, tv);
}

bool conv2d_direct_applicable(const struct problem *p, const struct caps *caps)
{
    int tv[MAX_TUNABLES] = {0};
    if (!caps->cpu_style)
        return false;
    conv2d_direct_defaults(p, caps, tv);
    return conv2d_direct_valid(p, caps, tv); /* else the rows are too long for local memory */
}

int conv2d_direct_plan(const struct problem *p, const struct caps *caps, const int *tv,
                       struct launches *l)
{
    struct conv2d c;
    int err = conv2d_of(p, &c);
    (void)caps;
    if (err)
        return err;
    bool data = is_data(p);
    for (int h0 = 0; h0 < (data ? MIN(c.stride[0], c.in[0]) : 1); h0++)
        for (int w0 = 0; w0 < (data ? MIN(c.stride[1], c.in[1]) : 1); w0++)
            add_pass(p, &c, data, h0, w0, tv, l);
    return l->err;
}
