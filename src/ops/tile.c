/* Tile sizes and launches of the matrix products on graphics processors. */
#include "ops/tile.h"

#include "ops/shared.h"

#include <limits.h>
#include <math.h>

enum { T_TM, T_TN, T_TK, T_IM, T_IN, T_SPLIT };

const struct tunable tile_tunables[] = {
    [T_TM] = {"TILE_M", (const int[]){128, 64, 32, 16, 0}},
    [T_TN] = {"TILE_N", (const int[]){128, 64, 32, 16, 0}},
    [T_TK] = {"TILE_K", (const int[]){8, 16, 32, 0}},
    [T_IM] = {"ITEM_M", (const int[]){8, 4, 0}},
    [T_IN] = {"ITEM_N", (const int[]){8, 4, 0}},
    [T_SPLIT] = {"SPLIT", (const int[]){1, 2, 4, 8, 16, 32, 64, 128, 256, 0}},
    {0},
};

static int items_of(const int *tv)
{
    return tv[T_TM] / tv[T_IM] * (tv[T_TN] / tv[T_IN]);
}

static size_t depth(const struct product *p)
{
    return (size_t)MAX(p->k, p->most);
}

static int64_t chunk_of(const struct product *p, const int *tv)
{
    const size_t piece = div_up(depth(p), (size_t)tv[T_SPLIT]);
    return (int64_t)round_up(piece, (size_t)tv[T_TK]);
}

int tile_parts(const struct product *p, const int *tv)
{
    return (int)div_up(depth(p), (size_t)chunk_of(p, tv));
}

static int64_t tiles(int64_t extent, int tile)
{
    return (extent + tile - 1) / tile;
}

static int64_t groups_of(const struct product *p, const int *tv)
{
    return tiles(p->m, tv[T_TM]) * tiles(p->n, tv[T_TN]);
}

static size_t local_bytes(const int *tv)
{
    return (size_t)(tv[T_TM] + tv[T_TN] + 8) * (size_t)tv[T_TK] * sizeof(float);
}

bool tile_valid(const struct product *p, const struct caps *caps, const int *tv)
{
    for (int i = 0; tile_tunables[i].name; i++)
        if (tv[i] < 1)
            return false;
    const int items = items_of(tv);
    if (items < 1 || (size_t)items > caps->max_group || (size_t)items > caps->max_item[0] ||
        local_bytes(tv) > caps->local_bytes)
        return false;
    if (tv[T_TM] * tv[T_TK] % items || tv[T_TN] * tv[T_TK] % items ||
        (p->fixed_column && items % tv[T_TN]))
        return false;
    const int64_t parts = tile_parts(p, tv), z = parts * p->batch;
    return groups_of(p, tv) * items <= INT_MAX && z <= 65535 && /* dimensions of a grid */
           (tv[T_SPLIT] == 1 ||
            (double)p->m * (double)p->n * (double)z * sizeof(float) <= (double)caps->max_alloc);
}

/* ---- Defaults ----
 * A model of a graphics processor in cycles of one compute unit, from data sheets; not measured.
 * Work-items of 8 x 8 read local memory least, large tiles read their operands least often. A step
 * of a work-group alone takes what global memory takes to answer and its own products; a unit holds
 * UNIT_ITEMS work-items to hide that. */
#define UNIT_MACS 128.0 /* a cycle */
#define UNIT_ITEMS 1024
#define ANSWER_CYCLES 600
#define LAUNCH_CYCLES 9000 /* of the launch that adds up parts */
#define FLOAT_CYCLES 0.2   /* to write or read one of their floats */

static double cost(const struct product *p, const struct caps *caps, const int *tv)
{
    const double item = tv[T_IM] * tv[T_IN], units = caps->compute_units;
    const double rate = (item == 64   ? 1
                         : item == 32 ? 0.85
                                      : 0.65) /
                        (1 + 12.0 / tv[T_TM] + 12.0 / tv[T_TN]);
    const int parts = tile_parts(p, tv);
    const double steps = (double)chunk_of(p, tv) / tv[T_TK] + 2;
    const double rounds = ceil((double)groups_of(p, tv) * p->batch * parts / units);
    const double waves = ceil(rounds / MAX(UNIT_ITEMS / items_of(tv), 1));
    const double products = steps * tv[T_TM] * tv[T_TN] * tv[T_TK] / UNIT_MACS / rate;
    double sum = MAX(rounds * products, waves * steps * (ANSWER_CYCLES + 2 * item * tv[T_TK]));
    if (parts > 1)
        sum += LAUNCH_CYCLES +
               FLOAT_CYCLES * (parts + 1) * (double)p->m * (double)p->n * p->batch / units;
    return sum;
}

/* What is tried: few, so that the layers of a network share programs. */
static const int usual[][T_SPLIT] = {
    {16, 64, 16, 4, 4}, {32, 32, 16, 4, 4}, {32, 64, 16, 4, 4}, {64, 64, 16, 4, 4},
    {64, 64, 8, 8, 8},  {64, 128, 8, 8, 8}, {128, 64, 8, 8, 8}, {128, 128, 8, 8, 8},
};

/* With the sum split as pays. */
static void try_tile(const struct product *p, const struct caps *caps, const int *tile,
                     double *best, int *tv)
{
    int t[MAX_TUNABLES] = {tile[T_TM], tile[T_TN], tile[T_TK], tile[T_IM], tile[T_IN], 1};
    for (const int *split = tile_tunables[T_SPLIT].values; *split; split++) {
        t[T_SPLIT] = *split;
        if (*split > 1 && p->k / *split < 4 * t[T_TK])
            break;
        const double c = cost(p, caps, t);
        if (!tile_valid(p, caps, t) || (*best > 0 && c >= *best))
            continue;
        *best = c;
        for (int i = 0; tile_tunables[i].name; i++)
            tv[i] = t[i];
    }
}

void tile_defaults(const struct product *p, const struct caps *caps, int *tv)
{
    double best = 0;
    for (int i = 0; tile_tunables[i].name; i++)
        tv[i] = tile_tunables[i].values[0];
    for (size_t i = 0; i < COUNT(usual); i++)
        try_tile(p, caps, usual[i], &best, tv);
}

/* ---- Launches ---- */

void tile_define(struct launch *k, const struct product *p, const int *tv)
{
    for (int i = 0; i < T_SPLIT; i++)
        launch_define(k, "%s=%d", tile_tunables[i].name, tv[i]);
    launch_define(k, "VW=4");
    if (tile_parts(p, tv) > 1)
        launch_define(k, "PARTS");
}

void tile_params(struct launch *k, const struct product *p, const int *tv)
{
    launch_int(k, "m", (int)p->m);
    launch_int(k, "n", (int)p->n);
    launch_int(k, "k", (int)p->k);
    launch_int(k, "m_tiles", (int)tiles(p->m, tv[T_TM]));
    launch_int(k, "parts", tile_parts(p, tv));
    launch_int(k, "chunk", (int)chunk_of(p, tv));
}

void tile_grid(struct launch *k, const struct product *p, const int *tv)
{
    const size_t items = (size_t)items_of(tv);
    launch_grid2(k, (size_t)groups_of(p, tv) * items, (size_t)p->batch * (size_t)tile_parts(p, tv),
                 items, 1);
}

int tile_scratch(struct launches *l, const struct product *p, const int *tv, size_t results)
{
    const size_t parts = (size_t)tile_parts(p, tv);
    return parts > 1 ? launch_scratch(l, parts * results * sizeof(float)) : -1;
}

void tile_out(struct launch *k, const char *name, int scratch)
{
    launch_buffer(k, name, scratch < 0 ? REF_OUT : REF_SCRATCH, MAX(scratch, 0), ACCESS_WRITE);
}

void tile_epilogue(struct launch *k, const struct problem *p, int scratch)
{
    if (scratch < 0)
        launch_epilogue(k, p);
}

void tile_sum(struct launches *l, const struct problem *p, const struct product *q,
              const struct caps *caps, const int *tv, int scratch)
{
    const struct ocelli_shape *s = &p->out[0].shape;
    const size_t n = (size_t)shape_count(s);
    size_t area = 1;
    if (scratch < 0)
        return;
    for (int i = 2; i < s->rank; i++)
        area *= (size_t)s->dim[i];
    struct launch *k = launch_add(l, "gemm_tile", "gemm_tile_sum");
    launch_storage(k, p);
    launch_out(k, "y", 0);
    launch_buffer(k, "part", REF_SCRATCH, scratch, ACCESS_READ);
    launch_int(k, "n", (int)n);
    launch_int(k, "parts", tile_parts(q, tv));
    launch_int(k, "area", (int)area);
    launch_int(k, "channels", (int)s->dim[1]);
    if (p->op->flags & OP_EPILOGUE)
        launch_epilogue(k, p);
    launch_grid1(k, n, MIN(caps->max_group, (size_t)64));
}
