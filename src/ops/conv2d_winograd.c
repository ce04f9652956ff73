/* Block sizes and launches of cl/conv2d_blocked_winograd.cl. */
#include <math.h>

#include "ops/conv2d_blocked.h"

enum { T_TILES, T_NV, T_SPLIT };

const struct tunable conv2d_winograd_tunables[] = {
    [T_TILES] = {"TILES", (const int[]){28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14,
                                        13, 12, 11, 10, 9,  8,  7,  6,  5,  4,  3,  2,  1,  0}},
    [T_NV] = {"NV", (const int[]){1, 2, 3, 4, 5, 6, 7, 8, 0}},
    [T_SPLIT] = {"SPLIT",
                 (const int[]){1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256, 1024, 0}},
    {0},
};

static int tiles_of(const struct conv2d *c)
{
    return (int)(div_up((size_t)c->out[0], 4) * div_up((size_t)c->out[1], 4));
}

static double local_floats(const struct conv2d *c, int v, int tiles, int nv)
{
    return 36.0 * (tiles | 1) * ((double)c->in_c + nv * v);
}

/* The transformed input should leave some of the second-level cache to weights and results. */
#define LOCAL_BYTES (720 * 1024)

/* Cycles of the whole on all units. Transforms: 36 loads, about 120 sums and 36 stores for each
 * vector. Weights come from memory at `MEMORY_RATE` bytes a cycle for all units together, behind
 * the arithmetic as far as that hides it. */
#define TRANSFORM_CYCLES 180
#define MEMORY_RATE 9.0

static double total_cycles(const struct conv2d *c, int v, const struct caps *caps, const int *tv)
{
    const double blocks = c->out_c / v, split = MIN(tv[T_SPLIT], blocks), nv = tv[T_NV];
    const double across = (double)div_up((size_t)tiles_of(c), (size_t)tv[T_TILES]);
    const double parts = (double)div_up((size_t)blocks, (size_t)split);
    const double groups = (double)div_up((size_t)split, (size_t)nv);
    const double step = MAX(tv[T_TILES] * nv, 4) + 0.3 * nv + 0.7;
    const double products = groups * 36 * (c->in_c * step + 2 * tv[T_TILES] * nv + 20);
    const double in = (double)tv[T_TILES] * c->in_c / v * TRANSFORM_CYCLES;
    const double out = (double)tv[T_TILES] * split * TRANSFORM_CYCLES;
    const double items = across * parts * c->n * c->groups, units = caps->compute_units;
    const double rounds = (double)(int64_t)((items + units - 1) / units);
    const double memory = 36.0 * c->groups * c->in_c * c->out_c * sizeof(float) / MEMORY_RATE;
    return MAX(rounds * (in + products + out + 300), memory) + 0.25 * memory;
}

/* The best sizes and their cost; false: none fits. */
static bool best_sizes(const struct conv2d *c, int v, const struct caps *caps, int *tv,
                       double *cost)
{
    const double limit = (double)MIN(caps->local_bytes, (size_t)LOCAL_BYTES) / sizeof(float);
    const int blocks = c->out_c / v;
    *cost = 0;
    for (int nv = 1; nv <= MIN(8, blocks); nv++) {
        for (int tiles = conv2d_max_tile(v) / nv; tiles >= 1; tiles--) {
            if (local_floats(c, v, tiles, nv) > limit)
                continue;
            for (const int *split = conv2d_winograd_tunables[T_SPLIT].values; *split; split++) {
                const int t[MAX_TUNABLES] = {tiles, nv, *split};
                const double cycles = total_cycles(c, v, caps, t);
                if (*split >= nv && (*cost == 0 || cycles < *cost)) {
                    *cost = cycles;
                    for (int i = 0; i < MAX_TUNABLES; i++)
                        tv[i] = t[i];
                }
                if (*split >= blocks)
                    break;
            }
        }
    }
    return *cost > 0;
}

double conv2d_winograd_cycles(const struct conv2d *c, int v, const struct caps *caps)
{
    int tv[MAX_TUNABLES];
    double cost;
    return best_sizes(c, v, caps, tv, &cost) ? cost : HUGE_VAL;
}

void conv2d_winograd_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct conv2d_blocked g;
    double cost;
    if (conv2d_blocked_geometry(&g, p) == 0)
        best_sizes(&g.c, g.v, caps, tv, &cost);
}

bool conv2d_winograd_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    struct conv2d_blocked g;
    if (conv2d_blocked_geometry(&g, p) != 0 || tv[T_TILES] < 1 || tv[T_NV] < 1 || tv[T_SPLIT] < 1)
        return false;
    return tv[T_TILES] * tv[T_NV] <= conv2d_max_tile(g.v) && tv[T_NV] <= g.c.out_c / g.v &&
           local_floats(&g.c, g.v, tv[T_TILES], tv[T_NV]) * sizeof(float) <=
               (double)caps->local_bytes;
}

bool conv2d_winograd_applicable(const struct problem *p, const struct caps *caps)
{
    struct conv2d_blocked g;
    int tv[MAX_TUNABLES] = {0};
    if (!caps->cpu_style || p->epi.bias >= 0 || conv2d_blocked_geometry(&g, p) != 0 ||
        g.form != FORM_WINOGRAD)
        return false;
    conv2d_winograd_defaults(p, caps, tv);
    return conv2d_winograd_valid(p, caps, tv); /* else the input is too deep for local memory */
}

int conv2d_winograd_plan(const struct problem *p, const struct caps *caps, const int *tv,
                         struct launches *l)
{
    (void)caps;
    struct conv2d_blocked g;
    int err = conv2d_blocked_geometry(&g, p);
    if (err)
        return err;
    const struct conv2d *c = &g.c;
    const int blocks = c->out_c / g.v;
    struct launch *k = launch_add(l, "conv2d_blocked_winograd", "conv2d_blocked_winograd");
    launch_define(k, "VW=%d", g.v);
    launch_define(k, "TILES=%d", tv[T_TILES]);
    launch_define(k, "NV=%d", tv[T_NV]);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_in(k, "w", 1);
    conv2d_blocked_bias(k, &g);
    launch_int(k, "groups", c->groups);
    launch_int(k, "in_blocks", c->in_c / g.v);
    launch_int(k, "in_h", c->in[0]);
    launch_int(k, "in_w", c->in[1]);
    launch_int(k, "out_blocks", blocks);
    launch_int(k, "out_h", c->out[0]);
    launch_int(k, "out_w", c->out[1]);
    launch_int(k, "pt", c->pad[0]);
    launch_int(k, "pl", c->pad[1]);
    launch_int(k, "split", tv[T_SPLIT]);
    launch_local(k, "v", (size_t)local_floats(c, g.v, tv[T_TILES], tv[T_NV]) * sizeof(float));
    launch_epilogue(k, p);
    launch_grid3(k, div_up((size_t)tiles_of(c), (size_t)tv[T_TILES]),
                 div_up((size_t)blocks, (size_t)tv[T_SPLIT]), (size_t)c->n * (size_t)c->groups, 1,
                 1, 1);
    return l->err;
}
