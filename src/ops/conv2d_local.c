/* conv2d/tile and conv2d/depthwise on graphics processors: block sizes and launches of
 * cl/conv2d_tile.cl and cl/conv2d_depthwise.cl. */
#include "ops/conv2d.h"
#include "ops/shared.h"

/* The dimensions of a grid behind the first. */
#define MAX_GRID 65535

static bool geometry(const struct problem *p, struct conv2d *c)
{
    return conv2d_of(p, c) == 0 && (int64_t)c->n * c->groups * c->out_c <= MAX_GRID;
}

static int blocks(int extent, int block)
{
    return (extent + block - 1) / block;
}

/* ---- tile ---- */

enum { T_BAND_W, T_BAND_H, T_ITEM_H, T_ITEM_C, T_DEPTH };

const struct tunable conv2d_local_tunables[] = {
    [T_BAND_W] = {"BAND_W", (const int[]){32, 16, 8, 0}},
    [T_BAND_H] = {"BAND_H", (const int[]){16, 8, 4, 0}},
    [T_ITEM_H] = {"ITEM_H", (const int[]){4, 2, 1, 0}},
    [T_ITEM_C] = {"ITEM_C", (const int[]){8, 16, 4, 0}},
    [T_DEPTH] = {"DEPTH", (const int[]){1, 2, 4, 8, 0}},
    {0},
};

static double local_floats(const struct conv2d *c, const int *tv)
{
    double patch = 1;
    for (int d = 0; d < 2; d++)
        patch *= ((double)tv[d == 0 ? T_BAND_H : T_BAND_W] - 1) * c->stride[d] +
                 ((double)c->kernel[d] - 1) * c->dilation[d] + 1;
    return tv[T_DEPTH] * (patch + (double)c->kernel[0] * c->kernel[1] * tv[T_ITEM_C]);
}

bool conv2d_local_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    struct conv2d c;
    for (int i = 0; conv2d_local_tunables[i].name; i++)
        if (tv[i] < 1)
            return false;
    const size_t items = (size_t)(tv[T_BAND_W] * tv[T_BAND_H] / tv[T_ITEM_H]);
    return geometry(p, &c) && items <= caps->max_group && items <= caps->max_item[0] &&
           local_floats(&c, tv) * sizeof(float) <= (double)caps->local_bytes;
}

void conv2d_local_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct conv2d c;
    for (int i = 0; conv2d_local_tunables[i].name; i++)
        tv[i] = conv2d_local_tunables[i].values[0];
    if (!geometry(p, &c))
        return;
    while (tv[T_BAND_W] > 8 && (tv[T_BAND_W] / 2 >= c.out[1] || !conv2d_local_valid(p, caps, tv)))
        tv[T_BAND_W] /= 2;
    while (tv[T_BAND_H] > 4 && (tv[T_BAND_H] / 2 >= c.out[0] || !conv2d_local_valid(p, caps, tv)))
        tv[T_BAND_H] /= 2;
}

bool conv2d_local_applicable(const struct problem *p, const struct caps *caps)
{
    int tv[MAX_TUNABLES] = {0};
    if (caps->cpu_style)
        return false;
    conv2d_local_defaults(p, caps, tv);
    return conv2d_local_valid(p, caps, tv);
}

/* Stems: a product of so few products would mostly compute addresses. */
bool conv2d_local_pays(const struct problem *p, const struct caps *caps)
{
    struct conv2d c;
    (void)caps;
    return conv2d_of(p, &c) == 0 && c.groups == 1 && c.in_c <= 4 && c.kernel[0] * c.kernel[1] >= 9;
}

int conv2d_local_plan(const struct problem *p, const struct caps *caps, const int *tv,
                      struct launches *l)
{
    struct conv2d c;
    int err = conv2d_of(p, &c);
    (void)caps;
    if (err)
        return err;
    const int across = blocks(c.out[1], tv[T_BAND_W]), down = blocks(c.out[0], tv[T_BAND_H]);
    const size_t items = (size_t)(tv[T_BAND_W] * tv[T_BAND_H] / tv[T_ITEM_H]);
    struct launch *k = launch_add(l, "conv2d_tile", "conv2d_tile");
    conv2d_define(k, &c);
    launch_storage(k, p);
    for (int i = 0; conv2d_local_tunables[i].name; i++)
        launch_define(k, "%s=%d", conv2d_local_tunables[i].name, tv[i]);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_in(k, "w", 1);
    conv2d_extents(k, &c);
    launch_int(k, "across", across);
    launch_epilogue(k, p);
    launch_grid3(k, (size_t)across * (size_t)down * items, (size_t)blocks(c.out_c, tv[T_ITEM_C]),
                 (size_t)c.n * (size_t)c.groups, items, 1, 1);
    return l->err;
}

/* ---- depthwise ---- */

enum { T_ROWS, T_GROUP };
#define MAX_TAPS 49 /* held in registers */

const struct tunable conv2d_depthwise_tunables[] = {
    [T_ROWS] = {"ROWS", (const int[]){4, 8, 2, 1, 0}},
    [T_GROUP] = {"GROUP", (const int[]){64, 128, 32, 0}},
    {0},
};

bool conv2d_depthwise_applicable(const struct problem *p, const struct caps *caps)
{
    struct conv2d c;
    return !caps->cpu_style && conv2d_of(p, &c) == 0 && c.in_c == 1 && c.groups > 1 &&
           c.kernel[0] * c.kernel[1] <= MAX_TAPS && c.stride[0] <= 4 && c.dilation[0] <= 4;
}

bool conv2d_depthwise_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    (void)p;
    return tv[T_ROWS] >= 1 && tv[T_GROUP] >= 1 && (size_t)tv[T_GROUP] <= caps->max_group &&
           (size_t)tv[T_GROUP] <= caps->max_item[0];
}

int conv2d_depthwise_plan(const struct problem *p, const struct caps *caps, const int *tv,
                          struct launches *l)
{
    struct conv2d c;
    int err = conv2d_of(p, &c);
    (void)caps;
    if (err)
        return err;
    const int bands = blocks(c.out[0], tv[T_ROWS]);
    struct launch *k = launch_add(l, "conv2d_depthwise", "conv2d_depthwise");
    conv2d_define(k, &c);
    launch_storage(k, p);
    launch_define(k, "ROWS=%d", tv[T_ROWS]);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_in(k, "w", 1);
    launch_int(k, "in_h", c.in[0]);
    launch_int(k, "in_w", c.in[1]);
    launch_int(k, "out_c", c.out_c);
    launch_int(k, "out_h", c.out[0]);
    launch_int(k, "out_w", c.out[1]);
    launch_int(k, "bands", bands);
    launch_int(k, "rows", c.n * c.groups * c.out_c);
    launch_epilogue(k, p);
    launch_grid1(k, (size_t)bands * (size_t)c.out[1] * (size_t)(c.n * c.groups * c.out_c),
                 (size_t)tv[T_GROUP]);
    return l->err;
}
