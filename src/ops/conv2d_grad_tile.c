/* Block sizes and launches of cl/conv2d_blocked_bwd_weights_direct.cl. */
#include "ops/conv2d_blocked.h"

enum { T_TC, T_TS, T_NV, T_ROWS, T_HOLD, T_CHUNK, T_CS, T_MS };

#define SIZES                                                       \
    (const int[])                                                   \
    {                                                               \
        1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256, 1024, 0 \
    }
const struct tunable conv2d_grad_tunables[] = {
    [T_TC] = {"TC", (const int[]){16, 8, 4, 2, 1, 3, 5, 6, 7, 9, 10, 12, 14, 0}},
    [T_TS] = {"TS", (const int[]){1, 2, 3, 4, 5, 6, 7, 9, 11, 0}},
    [T_NV] = {"NV", (const int[]){1, 2, 3, 4, 6, 8, 0}},
    [T_ROWS] = {"ROWS", SIZES},
    [T_HOLD] = {"HOLD", SIZES},
    [T_CHUNK] = {"CHUNK", SIZES},
    [T_CS] = {"CS", SIZES},
    [T_MS] = {"MS", SIZES},
    {0},
};

/* What follows from the tunables. */
struct tiling {
    bool flat, whole;
    int xc;      /* channels of a block of x */
    int copy[2]; /* of x, from row to row, column to column of the copy */
    int step[2]; /* of the copy, from pixel to pixel */
    int c_blocks, m_blocks;
    size_t plane, line, local; /* floats: a copied plain channel, between its rows, local memory */
    size_t units, parts, c_items, m_items;
    size_t tile, part; /* floats */
};

static struct tiling tiling_of(const struct conv2d_blocked *g, const int *tv)
{
    const struct conv2d *c = &g->c;
    struct tiling t = {.xc = g->xv == 1 ? c->in_c : g->xv};
    const size_t rows = (size_t)MIN(tv[T_ROWS], c->out[0]);
    size_t lines[2];
    t.flat = g->xv > 1;
    for (int i = 0; i < 2; i++) {
        const bool skip = c->kernel[i] == 1 && g->xv > 1;
        t.copy[i] = skip ? c->stride[i] : 1;
        t.step[i] = skip ? 1 : c->stride[i];
        t.flat = t.flat && c->kernel[i] == 1 && c->stride[i] == 1 && c->out[i] == c->in[i];
        lines[i] = ((i ? (size_t)c->out[1] : rows) - 1) * (size_t)t.step[i] +
                   (size_t)(c->kernel[i] - 1) * (size_t)c->dilation[i] + 1;
    }
    t.plane = lines[0] * lines[1];
    t.line = lines[1] * (size_t)c->dilation[0];
    if (!t.flat)
        t.local = (size_t)tv[T_HOLD] * t.plane * (size_t)t.xc;
    t.local += (size_t)g->v;
    t.c_blocks = (int)div_up((size_t)c->in_c, (size_t)t.xc);
    t.m_blocks = (int)div_up((size_t)c->out_c, (size_t)g->v);
    t.units = (size_t)c->n * div_up((size_t)c->out[0], rows);
    t.parts = div_up(t.units, (size_t)tv[T_CHUNK]);
    t.whole = t.parts == 1;
    t.c_items = div_up((size_t)t.c_blocks, (size_t)tv[T_CS]);
    t.m_items = div_up((size_t)t.m_blocks, (size_t)tv[T_MS]);
    t.tile = (size_t)(c->kernel[0] * c->kernel[1]) * (size_t)(t.xc * g->v);
    if (t.whole && t.units <= (size_t)tv[T_HOLD])
        t.part = t.c_items * t.m_items * (size_t)(c->groups * tv[T_NV]) * t.tile;
    else
        t.part = t.parts * (size_t)(c->groups * t.c_blocks * t.m_blocks) * t.tile;
    return t;
}

/* Can tiles have tc channels (of a plain x: rows of the filter, of whole channels or of one)? */
static bool tile_divides(const struct conv2d_blocked *g, const struct tiling *t, int tc)
{
    const int kh = g->c.kernel[0];
    if (g->xv == 1)
        return t->xc * kh % tc == 0 && (tc % kh == 0 || kh % tc == 0);
    return t->xc % tc == 0 || tc == g->c.in_c;
}

bool conv2d_grad_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    struct conv2d_blocked g;
    for (int i = 0; conv2d_grad_tunables[i].name; i++)
        if (tv[i] < 1)
            return false;
    if (conv2d_grad_geometry(&g, p) != 0)
        return false;
    const struct conv2d *c = &g.c;
    const struct tiling t = tiling_of(&g, tv);
    const int tc = tv[T_TC];
    return tc * tv[T_TS] * tv[T_NV] <= conv2d_max_tile(g.v) && c->kernel[1] % tv[T_TS] == 0 &&
           tile_divides(&g, &t, tc) && t.m_blocks % tv[T_NV] == 0 && tv[T_MS] % tv[T_NV] == 0 &&
           tv[T_CHUNK] % MIN(tv[T_HOLD], tv[T_CHUNK]) == 0 &&
           t.local <= caps->local_bytes / sizeof(float) &&
           t.part <= MIN(caps->max_alloc / sizeof(float), (uint64_t)INT32_MAX);
}

/* ---- Defaults ---- */

/* The tile that takes the fewest cycles for a pixel of all channels. */
static void choose_tile(const struct conv2d_blocked *g, int *tv)
{
    const struct conv2d *c = &g->c;
    const struct tiling t = tiling_of(g, tv);
    const int depth = g->xv == 1 ? t.xc * c->kernel[0] : MIN(t.xc, c->in_c);
    double best = 0;
    for (int tc = 1; tc <= depth; tc++) {
        if (!tile_divides(g, &t, tc))
            continue;
        for (int ts = 1; ts <= c->kernel[1]; ts++) {
            for (int nv = 1; nv <= 6 && tc * ts * nv <= conv2d_max_tile(g->v); nv++) {
                if (c->kernel[1] % ts || t.m_blocks % nv)
                    continue;
                const int n = tc * ts * nv;
                const double cycles = (MAX(n, 4) + 0.5 * nv + 1) / nv / ts *
                                      (double)div_up((size_t)depth, (size_t)tc);
                if (best == 0 || cycles < 0.999 * best) {
                    best = cycles;
                    tv[T_TC] = tc;
                    tv[T_TS] = ts;
                    tv[T_NV] = nv;
                }
            }
        }
    }
}

/* A time's pixels: their block of x and of dy fill a first-level cache. */
#define TIME_FLOATS 3584
/* Not the number of cores: parts decide the order of additions, and so the result's last bits. */
#define WANT_ITEMS 16
/* Pixels of a part: fewer, and its sums take longer to add up than to make. */
#define PART_PIXELS 768
#define COPY_BYTES (256 * 1024)

static void choose_rows(const struct conv2d_blocked *g, const struct caps *caps, int *tv)
{
    const struct conv2d *c = &g->c;
    const size_t limit = MIN(caps->local_bytes, (size_t)COPY_BYTES) / sizeof(float);
    const int times = g->xv == 1 || tiling_of(g, tv).flat ? 4 : 1; /* those read dy less often */
    const int pixels = times * TIME_FLOATS / g->v, area = c->out[0] * c->out[1];
    tv[T_HOLD] = 1;
    tv[T_ROWS] = c->out[0];
    if (area <= pixels) {
        tv[T_HOLD] = MIN(pixels / area, c->n);
    } else {
        const int bands = (int)div_up((size_t)c->out[0], (size_t)MAX(pixels / c->out[1], 1));
        tv[T_ROWS] = (int)div_up((size_t)c->out[0], (size_t)bands);
    }
    while (tv[T_HOLD] > 1 && tiling_of(g, tv).local > limit)
        tv[T_HOLD]--;
    while (tv[T_ROWS] > 1 && tiling_of(g, tv).local > limit)
        tv[T_ROWS]--;
}

void conv2d_grad_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct conv2d_blocked g;
    if (conv2d_grad_geometry(&g, p) != 0)
        return;
    const struct conv2d *c = &g.c;
    for (int i = 0; conv2d_grad_tunables[i].name; i++)
        tv[i] = 1;
    choose_tile(&g, tv);
    choose_rows(&g, caps, tv);
    const struct tiling t = tiling_of(&g, tv);
    const size_t groups = (size_t)c->groups, turns = div_up(t.units, (size_t)tv[T_HOLD]);
    const size_t wide = (size_t)(t.m_blocks / tv[T_NV]);
    size_t parts = (size_t)c->n * (size_t)(c->out[0] * c->out[1]) / PART_PIXELS;
    parts = MAX(MIN(MIN(parts, (size_t)WANT_ITEMS), turns), 1);
    const size_t m_items = MIN(div_up(WANT_ITEMS, parts * groups), MAX(wide / 2, 1));
    const size_t c_items = MIN(div_up(WANT_ITEMS, parts * groups * m_items), (size_t)t.c_blocks);
    parts = MIN(MAX(parts, div_up(WANT_ITEMS, groups * m_items * c_items)), turns);
    tv[T_MS] = (int)div_up(wide, m_items) * tv[T_NV];
    tv[T_CS] = (int)div_up((size_t)t.c_blocks, c_items);
    tv[T_CHUNK] = (int)div_up(turns, parts) * tv[T_HOLD];
}

bool conv2d_grad_applicable(const struct problem *p, const struct caps *caps)
{
    struct conv2d_blocked g;
    int tv[MAX_TUNABLES] = {0};
    if (!caps->cpu_style || conv2d_grad_geometry(&g, p) != 0 || g.form != FORM_DIRECT ||
        (g.xv != 1 && g.xv != g.v))
        return false;
    if (g.c.groups > 1 && (g.c.in_c % g.xv || g.c.out_c % g.v))
        return false;
    conv2d_grad_defaults(p, caps, tv);
    return conv2d_grad_valid(p, caps, tv);
}

/* ---- Launches ---- */

static void define_tile(struct launch *k, const struct conv2d_blocked *g, const struct tiling *t,
                        const int *tv)
{
    for (int i = 0; i <= T_NV; i++)
        launch_define(k, "%s=%d", conv2d_grad_tunables[i].name, tv[i]);
    launch_define(k, "VW=%d", g->v);
    launch_define(k, "X_BLOCK=%d", g->xv);
    launch_define(k, "XC=%d", t->xc);
    launch_define(k, "SW=%d", t->step[1]);
    launch_define(k, "DW=%d", g->c.dilation[1]);
    if (g->xv == 1) {
        launch_define(k, "KH=%d", g->c.kernel[0]);
        launch_define(k, "PLANE=%zu", t->plane);
        launch_define(k, "LINE=%zu", t->line);
    }
    if (t->flat)
        launch_define(k, "FLAT");
    if (t->whole)
        launch_define(k, "WHOLE");
}

static void add_sum(struct launches *l, const struct conv2d_blocked *g, const struct tiling *t,
                    const int *tv, int part)
{
    struct launch *k =
        launch_add(l, "conv2d_blocked_bwd_weights_direct", "conv2d_blocked_bwd_weights_direct_sum");
    define_tile(k, g, t, tv);
    launch_out(k, "dw", 0);
    launch_buffer(k, "part", REF_SCRATCH, part, ACCESS_READ);
    launch_int(k, "parts", (int)t->parts);
    launch_int(k, "in_c", g->c.in_c);
    launch_int(k, "out_c", g->c.out_c);
    launch_int(k, "taps", g->c.kernel[0] * g->c.kernel[1]);
    launch_grid3(k, (size_t)t->m_blocks, (size_t)t->c_blocks, (size_t)g->c.groups, 1, 1, 1);
}

int conv2d_grad_plan(const struct problem *p, const struct caps *caps, const int *tv,
                     struct launches *l)
{
    (void)caps;
    struct conv2d_blocked g;
    int err = conv2d_grad_geometry(&g, p);
    if (err)
        return err;
    const struct conv2d *c = &g.c;
    const struct tiling t = tiling_of(&g, tv);
    const bool one_place = t.whole && t.units <= (size_t)tv[T_HOLD];
    const int part = launch_scratch(l, t.part * sizeof(float));
    struct launch *k =
        launch_add(l, "conv2d_blocked_bwd_weights_direct", "conv2d_blocked_bwd_weights_direct");
    define_tile(k, &g, &t, tv);
    if (t.whole)
        launch_out(k, "dw", 0);
    launch_buffer(k, "part", REF_SCRATCH, part, ACCESS_READ_WRITE);
    launch_in(k, "x", 0);
    launch_in(k, "dy", 1);
    launch_int(k, "units", (int)t.units);
    launch_int(k, "chunk", tv[T_CHUNK]);
    launch_int(k, "hold", tv[T_HOLD]);
    launch_int(k, "rows", tv[T_ROWS]);
    conv2d_extents(k, c);
    launch_int(k, "kh", c->kernel[0]);
    launch_int(k, "kw", c->kernel[1]);
    launch_int(k, "row_step", t.step[0]);
    launch_int(k, "copy_h", t.copy[0]);
    launch_int(k, "copy_w", t.copy[1]);
    launch_int(k, "dh", c->dilation[0]);
    launch_int(k, "pt", c->pad[0]);
    launch_int(k, "pl", c->pad[1]);
    launch_int(k, "c_each", tv[T_CS]);
    launch_int(k, "m_each", tv[T_MS]);
    launch_int(k, "c_step", one_place ? 0 : t.m_blocks * (int)t.tile);
    launch_int(k, "m_step", one_place ? 0 : (int)t.tile);
    launch_local(k, "u", t.local * sizeof(float));
    launch_grid3(k, t.parts, t.m_items, t.c_items * (size_t)c->groups, 1, 1, 1);
    if (!t.whole)
        add_sum(l, &g, &t, tv, part);
    return l->err;
}
