/* Block sizes and launches of cl/conv2d_blocked_direct.cl. */
#include "ops/conv2d_blocked.h"

enum { T_PX, T_NV, T_ROWS, T_SPLIT, T_CHUNK };

const struct tunable conv2d_tile_tunables[] = {
    [T_PX] = {"PX", (const int[]){28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14,
                                  13, 12, 11, 10, 9,  8,  7,  6,  5,  4,  3,  2,  1,  0}},
    [T_NV] = {"NV", (const int[]){1, 2, 3, 4, 5, 6, 7, 8, 0}},
    [T_ROWS] = {"ROWS",
                (const int[]){1,  2,  3,  4,  5,  6,  7,  8,   10,  12,  14,  16,  20,   24,
                              28, 32, 40, 48, 56, 64, 80, 112, 160, 224, 320, 448, 1024, 0}},
    [T_SPLIT] = {"SPLIT",
                 (const int[]){1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256, 1024, 0}},
    [T_CHUNK] = {"CHUNK",
                 (const int[]){1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256, 1024, 0}},
    {0},
};

int conv2d_max_tile(int v)
{
    return v == 16 ? 28 : 12;
}

/* The launch's view of the convolution. */
struct shape {
    bool flat;
    int rows, cols; /* of y; flat: one row */
    int in_blocks, out_blocks;
    int taps;
    int step[2];    /* of the copy, from pixel to pixel */
    int copy[2];    /* of x, from row to row, column to column of the copy */
    int64_t images; /* times groups */
};

static struct shape shape_of(const struct conv2d_blocked *g)
{
    const struct conv2d *c = &g->c;
    struct shape s = {.rows = c->out[0],
                      .cols = c->out[1],
                      .in_blocks = c->in_c / g->xv,
                      .out_blocks = c->out_c / g->v,
                      .taps = c->kernel[0] * c->kernel[1],
                      .images = (int64_t)c->n * c->groups};
    s.flat = s.taps == 1 && g->xv == g->v && !g->phase && !g->deep;
    for (int i = 0; i < 2; i++) {
        s.copy[i] = c->kernel[i] == 1 ? c->stride[i] : 1;
        s.step[i] = c->kernel[i] == 1 ? 1 : c->stride[i];
        s.flat = s.flat && c->stride[i] == 1 && c->out[i] == c->in[i];
    }
    if (s.flat) {
        s.cols = c->out[0] * c->out[1];
        s.rows = 1;
    }
    return s;
}

/* ---- Costs ---- */

/* Floats of the copy of one input block. */
static double copy_floats(const struct conv2d_blocked *g, const struct shape *s, int px, int rows)
{
    const struct conv2d *c = &g->c;
    if (s->flat)
        return 0;
    if (g->deep)
        return (double)MAX(MIN(rows, s->rows) * s->cols, px) * g->xv;
    double lines = (double)(MIN(rows, s->rows) - 1) * s->step[0] +
                   (double)(c->kernel[0] - 1) * c->dilation[0] + 1;
    double width = ((double)round_up((size_t)s->cols, (size_t)px) - 1) * s->step[1] +
                   (double)(c->kernel[1] - 1) * c->dilation[1] + 1;
    return MAX(lines, 0) * MAX(width, 0) * g->xv; /* a phase may have no tap at all */
}

static double weight_floats(const struct conv2d_blocked *g, const struct shape *s, int split)
{
    return (double)MIN(split, s->out_blocks) * g->v * g->xv * s->taps; /* of one input block */
}

/* Cycles of one product step of a tile: a multiply-add a vector, or what its latency asks for. */
static double step_cycles(int px, int nv)
{
    return MAX(px * nv, 4) + 0.3 * nv + 0.7;
}

static double items(const struct shape *s, const int *tv, int which)
{
    const int n = s->flat ? (int)div_up((size_t)s->cols, (size_t)tv[T_PX]) : s->rows;
    return (double)(which == T_ROWS ? div_up((size_t)n, (size_t)tv[T_ROWS])
                                    : div_up((size_t)s->out_blocks, (size_t)tv[T_SPLIT]));
}

/* Cycles in which a depthwise convolution makes n pixels of a block. */
static double pixel_cycles(const struct conv2d *c, double n)
{
    return n * (1.2 * c->kernel[0] * c->kernel[1] + 3);
}

/* Floats of one block of x that `rows` rows of its result are made of. */
static double deep_floats(const struct conv2d *c, int v, int rows)
{
    const double lines =
        (double)(rows - 1) * c->stride[0] + (double)(c->kernel[0] - 1) * c->dilation[0] + 1;
    return MIN(lines, c->in[0]) * c->in[1] * v;
}

/* Cycles of the whole, on all units: the rounds of the largest work-item. What comes from beyond
 * the second-level cache, each once a work-item, comes at FAR_RATE bytes a cycle. */
#define FAR_RATE 16.0

static double total_cycles(const struct conv2d_blocked *g, const struct shape *s,
                           const struct caps *caps, const int *tv)
{
    const int rows = s->flat ? 1 : MIN(tv[T_ROWS], s->rows),
              split = MIN(tv[T_SPLIT], s->out_blocks);
    const int n_cols = g->deep ? rows * s->cols : s->cols;
    const double across = (double)div_up((size_t)n_cols, (size_t)tv[T_PX]);
    const double tiles = s->flat ? MIN(tv[T_ROWS], across) : g->deep ? across : rows * across;
    const double depth = (double)s->in_blocks * g->xv * s->taps;
    const double chunks = (double)div_up((size_t)s->in_blocks, (size_t)tv[T_CHUNK]);
    const double groups = (double)div_up((size_t)split, (size_t)tv[T_NV]);
    const double tile =
        depth * step_cycles(tv[T_PX], tv[T_NV]) + chunks * (4.0 * tv[T_PX] * tv[T_NV] + 30);
    const double pixels = s->flat   ? tiles * tv[T_PX] * g->xv
                          : g->deep ? deep_floats(&g->deep->c, g->v, rows)
                                    : copy_floats(g, s, tv[T_PX], rows);
    const double made = g->deep ? s->in_blocks * pixel_cycles(&g->deep->c, n_cols) : 0;
    const double floats = (pixels + weight_floats(g, s, split)) * s->in_blocks;
    const double n = items(s, tv, T_ROWS) * items(s, tv, T_SPLIT) * (double)s->images;
    const double rounds = (double)(int64_t)((n + caps->compute_units - 1) / caps->compute_units);
    return rounds * (tiles * groups * tile + made + floats * sizeof(float) / FAR_RATE + 300);
}

double conv2d_tile_cycles(const struct conv2d_blocked *g, const struct caps *caps, const int *tv)
{
    const struct shape s = shape_of(g);
    return total_cycles(g, &s, caps, tv);
}

double conv2d_deep_cycles(const struct conv2d *c, int v, const struct caps *caps)
{
    const double blocks = (double)c->n * c->groups / v, in = (double)c->in[0] * c->in[1],
                 out = (double)c->out[0] * c->out[1];
    return blocks * (pixel_cycles(c, out) + (in + out) * v * sizeof(float) / FAR_RATE) /
           caps->compute_units;
}

/* ---- Defaults ---- */

static int at_most(int tunable, double limit)
{
    const int *v = conv2d_tile_tunables[tunable].values;
    while (v[1] && v[1] <= limit)
        v++;
    return *v;
}

/* The best tile of registers for whole rows of so many pixels. */
static void choose_tile(const struct conv2d_blocked *g, const struct shape *s, int cols, int *tv)
{
    double best = 0;
    for (int nv = 1; nv <= MIN(8, s->out_blocks); nv++) {
        for (int px = conv2d_max_tile(g->v) / nv; px >= 1; px--) {
            if (s->flat && px > s->cols)
                continue;
            double tiles = (double)div_up((size_t)cols, (size_t)px) *
                           (double)div_up((size_t)s->out_blocks, (size_t)nv);
            double cycles = tiles * step_cycles(px, nv);
            if (best == 0 || cycles < 0.999 * best) {
                best = cycles;
                tv[T_PX] = px;
                tv[T_NV] = nv;
            }
        }
    }
}

#define CHUNK_BYTES \
    (256 * 1024) /* weights of a chunk: they stay in a second-level cache beside the rest */
#define COPY_BYTES (192 * 1024) /* and so do the copied rows */

/* The chunk for given rows and split. */
static void choose_chunk(const struct conv2d_blocked *g, const struct shape *s,
                         const struct caps *caps, int *tv)
{
    double weights = weight_floats(g, s, tv[T_SPLIT]) * sizeof(float);
    double copy = copy_floats(g, s, tv[T_PX], tv[T_ROWS]) * sizeof(float);
    double most = MIN((double)COPY_BYTES, (double)caps->local_bytes - 256), n = s->in_blocks;
    if (weights * n > 1.5 * CHUNK_BYTES)
        n = CHUNK_BYTES / weights;
    if (copy * n > most)
        n = most / copy;
    tv[T_CHUNK] = n >= s->in_blocks ? at_most(T_CHUNK, 1e9) : at_most(T_CHUNK, n);
}

void conv2d_tile_choose(const struct conv2d_blocked *g, const struct caps *caps, int *tv)
{
    const struct shape s = shape_of(g);
    int t[MAX_TUNABLES] = {0};
    double best = 0;
    choose_tile(g, &s, s.cols, t);
    const int most = s.flat ? (int)div_up((size_t)s.cols, (size_t)t[T_PX]) : s.rows;
    for (const int *rows = conv2d_tile_tunables[T_ROWS].values; *rows; rows++) {
        if (g->deep) /* tiles go on from row to row */
            choose_tile(g, &s, MIN(*rows, s.rows) * s.cols, t);
        for (const int *split = conv2d_tile_tunables[T_SPLIT].values; *split; split++) {
            t[T_ROWS] = *rows;
            t[T_SPLIT] = *split;
            choose_chunk(g, &s, caps, t);
            double cycles = total_cycles(g, &s, caps, t);
            if (best == 0 || cycles < best) {
                best = cycles;
                for (int i = 0; i < MAX_TUNABLES; i++)
                    tv[i] = t[i];
            }
            if (*split >= s.out_blocks)
                break;
        }
        if (*rows >= most)
            break;
    }
}

void conv2d_tile_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct conv2d_blocked g;
    if (conv2d_blocked_geometry(&g, p) == 0)
        conv2d_tile_choose(&g, caps, tv);
}

static size_t local_bytes(const struct conv2d_blocked *g, const struct shape *s, const int *tv)
{
    double floats = copy_floats(g, s, tv[T_PX], tv[T_ROWS]) * MIN(tv[T_CHUNK], s->in_blocks);
    return (size_t)(floats + g->v) * sizeof(float);
}

bool conv2d_tile_fits(const struct conv2d_blocked *g, const struct caps *caps, const int *tv)
{
    const struct shape s = shape_of(g);
    for (int i = 0; conv2d_tile_tunables[i].name; i++)
        if (tv[i] < 1)
            return false;
    return tv[T_PX] * tv[T_NV] <= conv2d_max_tile(g->v) && tv[T_NV] <= s.out_blocks &&
           (!s.flat || tv[T_PX] <= s.cols) && local_bytes(g, &s, tv) <= caps->local_bytes;
}

bool conv2d_tile_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    struct conv2d_blocked g;
    return conv2d_blocked_geometry(&g, p) == 0 && conv2d_tile_fits(&g, caps, tv);
}

bool conv2d_tile_applicable(const struct problem *p, const struct caps *caps)
{
    struct conv2d_blocked g;
    int tv[MAX_TUNABLES] = {0};
    if (!caps->cpu_style || p->epi.bias >= 0 || conv2d_blocked_geometry(&g, p) != 0 ||
        g.form != FORM_DIRECT || (g.xv != 1 && g.xv != g.v))
        return false;
    conv2d_tile_defaults(p, caps, tv);
    return conv2d_tile_valid(p, caps, tv); /* else its rows are too long for local memory */
}

/* ---- Launches ---- */

static void launch_phase(struct launch *k, const struct conv2d_phase *f)
{
    launch_define(k, "PHASE");
    launch_define(k, "YS=%d", f->col);
    launch_int(k, "w_taps", f->taps);
    launch_int(k, "w_row", f->tap_row);
    launch_int(k, "w_col", f->tap_col);
    launch_int(k, "w_first", f->first_tap);
    launch_int(k, "y_area", f->area);
    launch_int(k, "y_first", f->first);
    launch_int(k, "y_row", f->row);
}

static void launch_deep(struct launch *k, const struct conv2d_deep *d)
{
    launch_define(k, "SEPARABLE");
    conv2d_deep_define(k, &d->c, conv2d_deep_pixels(d->c.out[1]));
    launch_act(k, "DEEP_ACT", &d->act);
    launch_in(k, "d", 3);
    if (!d->bias)
        return;
    launch_define(k, "DEEP_BIAS");
    launch_in(k, "e", 4);
}

void conv2d_tile_launch(struct launches *l, const struct problem *p, const struct conv2d_blocked *g,
                        const int *tv)
{
    const struct shape s = shape_of(g);
    const struct conv2d *c = &g->c, *d = g->deep ? &g->deep->c : c;
    struct launch *k = launch_add(l, "conv2d_blocked_direct", "conv2d_blocked_direct");
    launch_define(k, "VW=%d", g->v);
    launch_define(k, "X_BLOCK=%d", g->xv);
    launch_define(k, "PX=%d", tv[T_PX]);
    launch_define(k, "NV=%d", tv[T_NV]);
    launch_define(k, "SW=%d", s.step[1]);
    if (s.flat)
        launch_define(k, "FLAT");
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_in(k, "w", 1);
    conv2d_blocked_bias(k, g);
    if (g->deep)
        launch_deep(k, g->deep);
    launch_int(k, "groups", c->groups);
    launch_int(k, "in_blocks", s.in_blocks);
    launch_int(k, "in_h", s.flat ? 1 : d->in[0]);
    launch_int(k, "in_w", s.flat ? s.cols : d->in[1]);
    launch_int(k, "out_blocks", s.out_blocks);
    launch_int(k, "out_h", s.rows);
    launch_int(k, "out_w", s.cols);
    launch_int(k, "kh", d->kernel[0]);
    launch_int(k, "kw", d->kernel[1]);
    launch_int(k, "row_step", g->deep ? d->stride[0] : s.step[0]);
    launch_int(k, "copy_h", s.copy[0]);
    launch_int(k, "copy_w", s.copy[1]);
    launch_int(k, "dh", d->dilation[0]);
    launch_int(k, "dw", d->dilation[1]);
    launch_int(k, "pt", d->pad[0]);
    launch_int(k, "pl", d->pad[1]);
    launch_int(k, "rows", tv[T_ROWS]);
    launch_int(k, "split", tv[T_SPLIT]);
    launch_int(k, "chunk", MIN(tv[T_CHUNK], s.in_blocks));
    launch_int(k, "gap", p->gap);
    if (g->phase)
        launch_phase(k, g->phase);
    launch_local(k, "u", local_bytes(g, &s, tv));
    launch_epilogue(k, p);
    launch_grid3(k, (size_t)items(&s, tv, T_ROWS), (size_t)items(&s, tv, T_SPLIT), (size_t)s.images,
                 1, 1, 1);
}

int conv2d_tile_plan(const struct problem *p, const struct caps *caps, const int *tv,
                     struct launches *l)
{
    (void)caps;
    struct conv2d_blocked g;
    int err = conv2d_blocked_geometry(&g, p);
    if (err)
        return err;
    conv2d_tile_launch(l, p, &g, tv);
    return l->err;
}
