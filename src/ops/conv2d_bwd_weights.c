#include "ops/conv2d.h"

#include <limits.h>

#include "ops/shared.h"
#include "ops/tile.h"

static const struct attr attrs[] = {CONV2D_INTS(kernel, 2, 1, 1), CONV2D_ATTRS, ATTR_END};

static int infer(struct problem *p)
{
    int err;
    struct conv2d c;
    TRY(check_floats(p));
    TRY(conv2d_of(p, &c));
    p->out[0] = (struct desc){
        OCELLI_F32, OCELLI_SHAPE((int64_t)c.groups * c.out_c, c.in_c, c.kernel[0], c.kernel[1])};
out:
    return err;
}

/* ---- direct ---- */

enum { T_VW, T_NV, T_TC, T_TR, T_TS, T_ROWS, T_UNITS, T_HOLD, T_ICB };

static const struct tunable direct_tunables[] = {
    [T_VW] = {"VW", (const int[]){16, 8, 4, 0}},
    [T_NV] = {"NV", (const int[]){1, 2, 3, 4, 0}},
    [T_TC] = {"TC", (const int[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 20, 28, 0}},
    [T_TR] = {"TR", (const int[]){1, 2, 3, 4, 5, 6, 7, 0}},
    [T_TS] = {"TS", (const int[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 0}},
    [T_ROWS] = {"ROWS", (const int[]){1,  2,  3,  4,  6,  7,  8,   10,  12,  14,   16, 20,
                                      24, 28, 32, 48, 56, 64, 128, 256, 512, 1024, 0}},
    [T_UNITS] = {"UNITS",
                 (const int[]){1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 512, 1024, 0}},
    [T_HOLD] = {"HOLD", (const int[]){1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 0}},
    [T_ICB] = {"ICB", (const int[]){1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 512, 1024, 0}},
    {0},
};

#define MAX_TILE 32 /* vectors: more are never registers, and compile slowly */
#define SUM_TAPS 64 /* of the second launch, about so many a work-item */

/* Sizes that follow from the tunables. */
struct tiling {
    int tiles[2];        /* TR x TS tiles over the filter */
    size_t pitch, plane; /* floats of a copied input row and channel */
    size_t local;        /* floats of local memory */
    size_t m_blocks, c_blocks, units, chunks;
    size_t part; /* floats of all chunks' sums */
};

static struct tiling tiling_of(const struct conv2d *c, const int *tv)
{
    struct tiling t;
    size_t mb = (size_t)(tv[T_VW] * tv[T_NV]), rows = (size_t)MIN(tv[T_ROWS], c->out[0]);
    size_t taps[2];
    for (int i = 0; i < 2; i++) {
        int tile = tv[i == 0 ? T_TR : T_TS];
        t.tiles[i] = (c->kernel[i] + tile - 1) / tile;
        taps[i] = (size_t)(t.tiles[i] * tile);
    }
    t.pitch =
        (size_t)(c->out[1] - 1) * (size_t)c->stride[1] + (taps[1] - 1) * (size_t)c->dilation[1] + 1;
    t.plane =
        t.pitch * ((rows - 1) * (size_t)c->stride[0] + (taps[0] - 1) * (size_t)c->dilation[0] + 1);
    t.local =
        (size_t)tv[T_HOLD] * (((size_t)tv[T_ROWS] * (size_t)c->out[1] + (size_t)tv[T_VW]) * mb +
                              (size_t)tv[T_TC] * t.plane) +
        (size_t)(tv[T_VW] * (tv[T_VW] + 1));
    t.m_blocks = div_up((size_t)c->out_c, mb);
    t.c_blocks = div_up((size_t)c->in_c, (size_t)tv[T_ICB]);
    t.units = (size_t)c->n * div_up((size_t)c->out[0], (size_t)tv[T_ROWS]);
    t.chunks = div_up(t.units, (size_t)tv[T_UNITS]);
    t.part = t.chunks * (size_t)c->groups * t.m_blocks *
             round_up((size_t)c->in_c, (size_t)tv[T_TC]) * taps[0] * taps[1] * mb;
    return t;
}

static bool direct_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    struct conv2d c;
    for (int i = 0; direct_tunables[i].name; i++)
        if (tv[i] < 1)
            return false;
    if (conv2d_of(p, &c) != 0)
        return false;
    struct tiling t = tiling_of(&c, tv);
    return tv[T_ICB] % tv[T_TC] == 0 && tv[T_TC] * tv[T_TR] * tv[T_TS] * tv[T_NV] <= MAX_TILE &&
           t.local <= caps->local_bytes / sizeof(float) &&
           t.part <= caps->max_alloc / sizeof(float);
}

/* Cycles of all tiles for one pixel: multiply-adds against loads of a step. */
static double tile_cycles(const struct conv2d *c, const struct caps *caps, const int *tv)
{
    double taps = tv[T_TC] * tv[T_TR] * tv[T_TS];
    double width = tv[T_VW] == caps->vector_width ? 1 : 0.55;
    double fma = taps * tv[T_NV] * width, load = (taps + 2 * tv[T_NV] * width) / 2;
    struct tiling t = tiling_of(c, tv);
    return (double)t.m_blocks * t.tiles[0] * t.tiles[1] *
           (double)div_up((size_t)c->in_c, (size_t)tv[T_TC]) * (MAX(MAX(fma, load), 4) + 1.5);
}

/* Keeps t[VW, NV, TC, TR, TS] in tv when it is the best so far and fits the registers. */
static void try_tile(const struct conv2d *c, const struct caps *caps, const int *t, double *best,
                     int *tv)
{
    const int regs = caps->vector_width == 16 ? 31 : 15;
    if (t[T_VW] > caps->vector_width || (t[T_TC] * t[T_TR] * t[T_TS] + 1) * t[T_NV] > regs)
        return;
    double cycles = tile_cycles(c, caps, t);
    if (*best != 0 && cycles >= *best)
        return;
    *best = cycles;
    for (int i = T_VW; i <= T_TS; i++)
        tv[i] = t[i];
}

/* t[tunable]'s next value; false when that is none, or above `limit`. */
static bool next_value(int tunable, int *t, int limit)
{
    const int *v = direct_tunables[tunable].values;
    while (*v && *v <= t[tunable])
        v++;
    t[tunable] = *v;
    return *v && *v <= limit;
}

static void choose_tile(const struct conv2d *c, const struct caps *caps, int *tv)
{
    double best = 0;
    int t[MAX_TUNABLES];
    for (int i = 0; i < MAX_TUNABLES; i++)
        t[i] = tv[i];
    for (const int *vw = direct_tunables[T_VW].values; *vw; vw++) {
        t[T_VW] = *vw;
        t[T_NV] = 0;
        while (next_value(T_NV, t, INT_MAX)) {
            t[T_TC] = 0;
            while (next_value(T_TC, t, c->in_c)) {
                t[T_TR] = 0;
                while (next_value(T_TR, t, c->kernel[0])) {
                    t[T_TS] = 0;
                    while (next_value(T_TS, t, c->kernel[1]))
                        try_tile(c, caps, t, &best, tv);
                }
            }
        }
    }
}

static int at_most(int tunable, size_t limit)
{
    const int *v = direct_tunables[tunable].values;
    while (v[1] && (size_t)v[1] <= limit)
        v++;
    return *v;
}

static int at_least(int tunable, size_t limit)
{
    const int *v = direct_tunables[tunable].values;
    while (v[1] && (size_t)v[0] < limit)
        v++;
    return *v;
}

/* The bands of dy and x: about half of a core's second-level cache. */
#define LOCAL_BYTES (256 * 1024)
/* Not the number of cores: chunks decide the order of additions, and so the result's last bits. */
#define WANT_ITEMS 16

static void direct_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct conv2d c;
    if (conv2d_of(p, &c) != 0)
        return;
    const size_t limit = MIN(caps->local_bytes, (size_t)LOCAL_BYTES) / sizeof(float);
    tv[T_ROWS] = tv[T_UNITS] = tv[T_HOLD] = tv[T_ICB] = 1;
    choose_tile(&c, caps, tv);
    tv[T_ROWS] = at_least(T_ROWS, (size_t)c.out[0]);
    while (tv[T_ROWS] > 1 && tiling_of(&c, tv).local > limit)
        tv[T_ROWS] = at_most(T_ROWS, (size_t)tv[T_ROWS] - 1);
    struct tiling t = tiling_of(&c, tv);
    size_t fixed = t.m_blocks * (size_t)c.groups;
    size_t chunks = MIN(t.units, div_up(WANT_ITEMS, fixed));
    tv[T_UNITS] = at_least(T_UNITS, div_up(t.units, chunks));
    tv[T_HOLD] = at_most(T_HOLD, (size_t)tv[T_UNITS]);
    while (tv[T_HOLD] > 1 && tiling_of(&c, tv).local > limit)
        tv[T_HOLD] = at_most(T_HOLD, (size_t)tv[T_HOLD] - 1);
    size_t split = div_up(WANT_ITEMS, fixed * chunks);
    tv[T_ICB] = (int)round_up(div_up((size_t)c.in_c, split), (size_t)tv[T_TC]);
}

static bool direct_applicable(const struct problem *p, const struct caps *caps)
{
    int tv[MAX_TUNABLES] = {0};
    if (!caps->cpu_style)
        return false;
    direct_defaults(p, caps, tv);
    return direct_valid(p, caps, tv); /* else the rows are too long for the device's local memory */
}

static int direct_plan(const struct problem *p, const struct caps *caps, const int *tv,
                       struct launches *l)
{
    struct conv2d c;
    int err = conv2d_of(p, &c);
    (void)caps;
    if (err)
        return err;
    struct tiling t = tiling_of(&c, tv);
    size_t sum_c = (size_t)MAX(SUM_TAPS / (c.kernel[0] * c.kernel[1]), 1);
    int part = launch_scratch(l, t.part * sizeof(float));
    for (int stage = 0; stage < 2; stage++) {
        struct launch *k =
            launch_add(l, "conv2d_bwd_weights_direct",
                       stage == 0 ? "conv2d_bwd_weights_direct" : "conv2d_bwd_weights_direct_sum");
        for (int i = 0; i <= T_ROWS; i++)
            launch_define(k, "%s=%d", direct_tunables[i].name, tv[i]);
        launch_define(k, "TILES_H=%d", t.tiles[0]);
        launch_define(k, "TILES_W=%d", t.tiles[1]);
        launch_define(k, "PITCH=%zu", t.pitch);
        launch_define(k, "PLANE=%zu", t.plane);
        launch_define(k, "SUM_C=%zu", sum_c);
        conv2d_define(k, &c);
        if (stage == 1) {
            launch_out(k, "dw", 0);
            launch_buffer(k, "part", REF_SCRATCH, part, ACCESS_READ);
            launch_int(k, "chunks", (int)t.chunks);
            launch_int(k, "in_c", c.in_c);
            launch_int(k, "out_c", c.out_c);
            launch_grid3(k, div_up((size_t)c.in_c, sum_c), t.m_blocks, (size_t)c.groups, 1, 1, 1);
            continue;
        }
        launch_buffer(k, "part", REF_SCRATCH, part, ACCESS_WRITE);
        launch_in(k, "dy", 0);
        launch_in(k, "x", 1);
        launch_int(k, "units", (int)t.units);
        conv2d_extents(k, &c);
        launch_int(k, "chunk", tv[T_UNITS]);
        launch_int(k, "hold", tv[T_HOLD]);
        launch_int(k, "block", tv[T_ICB]);
        launch_local(k, "d", t.local * sizeof(float));
        launch_grid3(k, t.chunks, t.m_blocks, (size_t)c.groups * t.c_blocks, 1, 1, 1);
    }
    return l->err;
}

static const struct variant variants[] = {
    {.name = "direct",
     .tunables = direct_tunables,
     .applicable = direct_applicable,
     .defaults = direct_defaults,
     .valid = direct_valid,
     .plan = direct_plan},
    {.name = "implicit",
     .tunables = tile_tunables,
     .applicable = conv2d_bwd_weights_implicit_applicable,
     .defaults = conv2d_bwd_weights_implicit_defaults,
     .valid = conv2d_bwd_weights_implicit_valid,
     .plan = conv2d_bwd_weights_implicit_plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = conv2d_ref_plan},
    {0},
};

const struct op op_conv2d_bwd_weights = {
    .name = "conv2d_bwd_weights",
    .in = {"dy", "x"},
    .out = {"dw"},
    .attr_size = sizeof(struct ocelli_conv2d_params),
    .attrs = attrs,
    .infer = infer,
    .cost = conv2d_problem_cost,
    .variants = variants,
};
