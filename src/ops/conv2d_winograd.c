/* Block sizes and launches of cl/conv2d_blocked_winograd.cl. */
#include <math.h>

#include "ops/conv2d_blocked.h"

enum { T_TILES, T_NV, T_SPLIT, T_PASSES };

const struct tunable conv2d_winograd_tunables[] = {
    [T_TILES] = {"TILES", (const int[]){28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14,
                                        13, 12, 11, 10, 9,  8,  7,  6,  5,  4,  3,  2,  1,  0}},
    [T_NV] = {"NV", (const int[]){1, 2, 3, 4, 5, 6, 7, 8, 0}},
    [T_SPLIT] = {"SPLIT",
                 (const int[]){1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256, 1024, 0}},
    [T_PASSES] = {"PASSES", (const int[]){1, 3, 0}},
    {0},
};

struct winograd conv2d_winograd_of(enum conv2d_form form)
{
    switch (form) {
    case FORM_WINOGRAD:
        return (struct winograd){4, 3, 6};
    case FORM_WINOGRAD_2X3:
        return (struct winograd){2, 3, 4};
    case FORM_WINOGRAD_2X5:
        return (struct winograd){2, 5, 6};
    default:
        return (struct winograd){0};
    }
}

/* The launch's view of the convolution. */
struct shape {
    struct winograd f;
    int v, groups;
    int64_t tiles; /* of all images */
    int places;
    int in_blocks, out_blocks;
};

static struct shape shape_of(const struct conv2d *c, enum conv2d_form form, int v)
{
    struct shape s = {conv2d_winograd_of(form), v, c->groups, 0, 0, c->in_c / v, c->out_c / v};
    if (s.f.window == 0)
        return s;
    s.places = s.f.window * s.f.window;
    s.tiles = c->n * (int64_t)div_up((size_t)c->out[0], (size_t)s.f.out) *
              (int64_t)div_up((size_t)c->out[1], (size_t)s.f.out);
    return s;
}

/* Floats of v or m of one group of tiles. */
static double part_floats(const struct shape *s, const int *tv, int blocks)
{
    return (double)s->places * (tv[T_TILES] | 1) * s->v * blocks;
}

/* ---- Costs ---- */

/* In the first passes' local memory the transformed input should leave some of the second-level
 * cache to weights and results. */
#define LOCAL_BYTES (720 * 1024)

/* Cycles of the whole on all units. A step of the products is a multiply-add for each vector of
 * sums, and the transformed input coming from the second-level cache. Transforms: `places` loads,
 * about three times as many sums, and as many stores for each vector. Weights come from memory at
 * `MEMORY_RATE` bytes a cycle for all units together, behind the arithmetic as far as that hides
 * it; what a third-level cache gives comes at FAR_RATE to each. */
#define TRANSFORM_CYCLES 5.0
#define MEMORY_RATE 9.0
#define FAR_RATE 16.0

static double rounds(const struct caps *caps, double items)
{
    return ceil(items / caps->compute_units);
}

static double total_cycles(const struct shape *s, const struct caps *caps, const int *tv)
{
    const double split = MIN(tv[T_SPLIT], s->out_blocks), nv = tv[T_NV], tiles = tv[T_TILES];
    const double across = ceil((double)s->tiles / tiles), parts = ceil(s->out_blocks / split);
    const double depth = (double)s->in_blocks * s->v, transform = TRANSFORM_CYCLES * s->places;
    const double step = MAX(tiles * nv, 4) + 0.3 * nv + 0.7 + tiles / 8;
    const double product = ceil(split / nv) * (depth * step + 2 * tiles * nv + 20);
    const double in = tiles * s->in_blocks * transform, out = tiles * split * transform;
    const double items = across * parts * s->groups;
    const double weights = sizeof(float) * s->places * depth * s->out_blocks * s->v * s->groups;
    const double memory = weights / MEMORY_RATE;
    double cycles;
    if (tv[T_PASSES] == 1) {
        const double far = weights / s->groups / FAR_RATE * split / s->out_blocks;
        cycles = rounds(caps, items) * (in + s->places * product + out + 0.1 * far + 300);
    } else {
        const double far = sizeof(float) * part_floats(s, tv, s->in_blocks) / s->places / FAR_RATE;
        const double moved = across * s->groups * (in + (double)s->out_blocks * tiles * transform);
        cycles = 1.15 * rounds(caps, items * s->places) * (product + far + 300) +
                 1.5 * moved / caps->compute_units + 20000;
    }
    return MAX(cycles, memory) + 0.25 * MIN(cycles, memory);
}

static bool fits(const struct shape *s, const int *tv, double bytes)
{
    return tv[T_PASSES] == 3 ||
           part_floats(s, tv, s->in_blocks + tv[T_NV]) * sizeof(float) <= bytes;
}

/* The best sizes and their cost; false: none fits. */
static bool best_sizes(const struct shape *s, const struct caps *caps, int *tv, double *cost)
{
    const double limit = (double)MIN(caps->local_bytes, (size_t)LOCAL_BYTES);
    *cost = 0;
    for (int i = 0; i < 2 * 8 * 28; i++) {
        int t[MAX_TUNABLES] = {i % 28 + 1, i / 28 % 8 + 1, 1, i / 28 / 8 ? 3 : 1};
        if (t[T_TILES] * t[T_NV] > conv2d_max_tile(s->v) || t[T_NV] > s->out_blocks ||
            !fits(s, t, limit))
            continue;
        for (const int *split = conv2d_winograd_tunables[T_SPLIT].values; *split; split++) {
            t[T_SPLIT] = *split;
            const double cycles = total_cycles(s, caps, t);
            if (*split >= t[T_NV] && (*cost == 0 || cycles < *cost)) {
                *cost = cycles;
                for (int j = 0; j < MAX_TUNABLES; j++)
                    tv[j] = t[j];
            }
            if (*split >= s->out_blocks)
                break;
        }
    }
    return *cost > 0;
}

double conv2d_winograd_cycles(const struct conv2d *c, enum conv2d_form form, int v,
                              const struct caps *caps)
{
    const struct shape s = shape_of(c, form, v);
    int tv[MAX_TUNABLES];
    double cost;
    for (int i = 0; i < 2; i++)
        if (c->kernel[i] != s.f.taps || c->stride[i] != 1 || c->dilation[i] != 1)
            return HUGE_VAL;
    return best_sizes(&s, caps, tv, &cost) ? cost : HUGE_VAL;
}

/* ---- The variant ---- */

void conv2d_winograd_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct conv2d_blocked g;
    double cost;
    if (conv2d_blocked_geometry(&g, p) != 0)
        return;
    const struct shape s = shape_of(&g.c, g.form, g.v);
    best_sizes(&s, caps, tv, &cost);
}

bool conv2d_winograd_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    struct conv2d_blocked g;
    if (conv2d_blocked_geometry(&g, p) != 0 || tv[T_TILES] < 1 || tv[T_NV] < 1 || tv[T_SPLIT] < 1)
        return false;
    const struct shape s = shape_of(&g.c, g.form, g.v);
    return tv[T_TILES] * tv[T_NV] <= conv2d_max_tile(g.v) && tv[T_NV] <= s.out_blocks &&
           fits(&s, tv, (double)caps->local_bytes);
}

bool conv2d_winograd_applicable(const struct problem *p, const struct caps *caps)
{
    struct conv2d_blocked g;
    if (!caps->cpu_style || p->epi.bias >= 0 || conv2d_blocked_geometry(&g, p) != 0)
        return false;
    const struct shape s = shape_of(&g.c, g.form, g.v);
    return s.f.window && s.tiles <= INT32_MAX - 28;
}

/* ---- Launches ---- */

static struct launch *add(struct launches *l, const char *kernel, const struct shape *s,
                          const int *tv)
{
    struct launch *k = launch_add(l, "conv2d_blocked_winograd", kernel);
    launch_define(k, "VW=%d", s->v);
    launch_define(k, "WINDOW=%d", s->f.window);
    launch_define(k, "OUT=%d", s->f.out);
    launch_define(k, "TILES=%d", tv[T_TILES]);
    launch_define(k, "NV=%d", tv[T_NV]);
    if (tv[T_PASSES] == 3)
        launch_define(k, "PASSES");
    return k;
}

static void fused(const struct problem *p, const struct conv2d_blocked *g, const struct shape *s,
                  const int *tv, struct launches *l)
{
    const struct conv2d *c = &g->c;
    struct launch *k = add(l, "conv2d_blocked_winograd", s, tv);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_in(k, "w", 1);
    conv2d_blocked_bias(k, g);
    launch_int(k, "tiles", (int)s->tiles);
    launch_int(k, "groups", c->groups);
    launch_int(k, "in_blocks", s->in_blocks);
    launch_int(k, "in_h", c->in[0]);
    launch_int(k, "in_w", c->in[1]);
    launch_int(k, "out_blocks", s->out_blocks);
    launch_int(k, "out_h", c->out[0]);
    launch_int(k, "out_w", c->out[1]);
    launch_int(k, "pt", c->pad[0]);
    launch_int(k, "pl", c->pad[1]);
    launch_int(k, "split", tv[T_SPLIT]);
    launch_int(k, "gap", p->gap);
    launch_local(k, "v", (size_t)part_floats(s, tv, s->in_blocks + tv[T_NV]) * sizeof(float));
    launch_epilogue(k, p);
    launch_grid3(k, div_up((size_t)s->tiles, (size_t)tv[T_TILES]),
                 div_up((size_t)s->out_blocks, (size_t)tv[T_SPLIT]), (size_t)c->groups, 1, 1, 1);
}

static int three_passes(const struct problem *p, const struct conv2d_blocked *g,
                        const struct shape *s, const int *tv, struct launches *l)
{
    const struct conv2d *c = &g->c;
    const size_t across = div_up((size_t)s->tiles, (size_t)tv[T_TILES]);
    const size_t in_blocks = (size_t)s->in_blocks * (size_t)s->groups,
                 out_blocks = (size_t)s->out_blocks * (size_t)s->groups;
    const size_t block = (size_t)part_floats(s, tv, 1) * sizeof(float);
    size_t v_bytes, m_bytes;
    if (!mul_size(block, across * in_blocks, &v_bytes) ||
        !mul_size(block, across * out_blocks, &m_bytes))
        return fail(OCELLI_ERR_MEMORY, "conv2d_blocked: transformed tiles take too much memory");
    const int v = launch_scratch(l, v_bytes), m = launch_scratch(l, m_bytes);
    struct launch *k = add(l, "conv2d_blocked_winograd_input", s, tv);
    launch_buffer(k, "v", REF_SCRATCH, v, ACCESS_WRITE);
    launch_in(k, "x", 0);
    launch_int(k, "tiles", (int)s->tiles);
    launch_int(k, "blocks", (int)in_blocks);
    launch_int(k, "in_h", c->in[0]);
    launch_int(k, "in_w", c->in[1]);
    launch_int(k, "out_h", c->out[0]);
    launch_int(k, "out_w", c->out[1]);
    launch_int(k, "pt", c->pad[0]);
    launch_int(k, "pl", c->pad[1]);
    launch_grid2(k, across, in_blocks, 1, 1);

    k = add(l, "conv2d_blocked_winograd_products", s, tv);
    launch_buffer(k, "m", REF_SCRATCH, m, ACCESS_WRITE);
    launch_buffer(k, "v", REF_SCRATCH, v, ACCESS_READ);
    launch_in(k, "w", 1);
    launch_int(k, "groups", c->groups);
    launch_int(k, "in_blocks", s->in_blocks);
    launch_int(k, "out_blocks", s->out_blocks);
    launch_int(k, "split", tv[T_SPLIT]);
    launch_grid3(k, across, div_up((size_t)s->out_blocks, (size_t)tv[T_SPLIT]),
                 (size_t)s->places * (size_t)s->groups, 1, 1, 1);

    k = add(l, "conv2d_blocked_winograd_output", s, tv);
    launch_out(k, "y", 0);
    launch_buffer(k, "m", REF_SCRATCH, m, ACCESS_READ);
    conv2d_blocked_bias(k, g);
    launch_int(k, "tiles", (int)s->tiles);
    launch_int(k, "blocks", (int)out_blocks);
    launch_int(k, "out_h", c->out[0]);
    launch_int(k, "out_w", c->out[1]);
    launch_int(k, "gap", p->gap);
    launch_epilogue(k, p);
    launch_grid2(k, across, out_blocks, 1, 1);
    return 0;
}

int conv2d_winograd_plan(const struct problem *p, const struct caps *caps, const int *tv,
                         struct launches *l)
{
    (void)caps;
    struct conv2d_blocked g;
    int err;
    TRY(conv2d_blocked_geometry(&g, p));
    const struct shape s = shape_of(&g.c, g.form, g.v);
    if (tv[T_PASSES] == 3)
        TRY(three_passes(p, &g, &s, tv, l));
    else
        fused(p, &g, &s, tv, l);
    err = l->err;
out:
    return err;
}
