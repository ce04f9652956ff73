/* conv2d/winograd and conv2d_bwd_data/winograd on graphics processors: cl/conv2d_winograd.cl around
 * the products of cl/gemm_tile.cl. */
#include "ops/conv2d.h"
#include "ops/gemm_tile.h"
#include "ops/shared.h"

enum { T_SIZE = 6 }; /* behind those of the products */
enum { SPLIT = 5 };

const struct tunable conv2d_tiles_tunables[] = {
    {"TILE_M", (const int[]){128, 64, 32, 16, 0}},
    {"TILE_N", (const int[]){128, 64, 32, 16, 0}},
    {"TILE_K", (const int[]){8, 16, 32, 0}},
    {"ITEM_M", (const int[]){8, 4, 0}},
    {"ITEM_N", (const int[]){8, 4, 0}},
    {"SPLIT", (const int[]){1, 0}},
    [T_SIZE] = {"SIZE", (const int[]){4, 2, 0}},
    {0},
};

/* The convolution that is computed, for a gradient from dy to dx. */
struct winograd {
    int n, in_c, in[2], out_c, out[2], pad[2];
    bool data, half;
};

/* How it is cut: `images` at a time, so that the workspace stays below a limit. */
struct cut {
    int positions, across, down, images;
    struct product q; /* of the positions of so many images */
    size_t u, v, m;   /* floats */
};

static bool winograd_of(const struct problem *p, struct winograd *w)
{
    struct conv2d c;
    if (conv2d_of(p, &c) != 0 || c.groups > 1)
        return false;
    const bool data = p->op == &op_conv2d_bwd_data;
    *w = (struct winograd){.n = c.n, .data = data, .half = p->in[0].dtype == OCELLI_F16};
    w->in_c = data ? c.out_c : c.in_c;
    w->out_c = data ? c.in_c : c.out_c;
    for (int d = 0; d < 2; d++) {
        w->in[d] = data ? c.out[d] : c.in[d];
        w->out[d] = data ? c.in[d] : c.out[d];
        w->pad[d] = data ? 2 - c.pad[d] : c.pad[d];
        if (c.kernel[d] != 3 || c.stride[d] != 1 || c.dilation[d] != 1)
            return false;
    }
    return true;
}

/* An eighth of the memory for v and m together. */
static double workspace_floats(const struct caps *caps)
{
    const double limit = MIN((double)caps->memory_bytes / 8, (double)caps->max_alloc);
    return MIN(limit / sizeof(float), 2147483647.0);
}

/* Where memory is to be saved, bytes of v and m of more than one image: still enough to keep a device
 * busy. */
#define SMALL_WORKSPACE (64.0 * 1024 * 1024)

static struct cut cut_of(const struct winograd *w, const struct caps *caps, int size)
{
    struct cut c = {.positions = (size + 2) * (size + 2)};
    c.down = (w->out[0] + size - 1) / size;
    c.across = (w->out[1] + size - 1) / size;
    const double one =
        (double)c.positions * ((double)c.down * c.across + 3) * MAX(w->in_c, w->out_c);
    double most = workspace_floats(caps);
    if (w->half)
        most = MIN(most, MAX(SMALL_WORKSPACE / sizeof(float), 2 * one));
    c.images = (int)MIN(w->n, most / one / 2);
    const size_t tiles = round_up((size_t)c.images * (size_t)c.down * (size_t)c.across, 4);
    c.q = (struct product){.m = w->out_c, .n = (int64_t)tiles, .k = w->in_c, .batch = c.positions};
    c.u = (size_t)c.positions * (size_t)w->out_c * (size_t)w->in_c;
    c.v = (size_t)c.positions * (size_t)w->in_c * tiles;
    c.m = (size_t)c.positions * (size_t)w->out_c * tiles;
    return c;
}

/* ---- The variant ---- */

void conv2d_tiles_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct winograd w;
    tv[T_SIZE] = 4;
    if (!winograd_of(p, &w))
        return;
    const struct cut c = cut_of(&w, caps, tv[T_SIZE]);
    tile_defaults(&c.q, caps, tv);
    tv[SPLIT] = 1;
}

bool conv2d_tiles_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    struct winograd w;
    if (!winograd_of(p, &w) || tv[SPLIT] != 1 || (tv[T_SIZE] != 2 && tv[T_SIZE] != 4))
        return false;
    const struct cut c = cut_of(&w, caps, tv[T_SIZE]);
    return c.images >= 1 && c.u <= (size_t)workspace_floats(caps) && tile_valid(&c.q, caps, tv);
}

bool conv2d_tiles_applicable(const struct problem *p, const struct caps *caps)
{
    int tv[MAX_TUNABLES] = {0};
    if (caps->cpu_style || caps->exact)
        return false;
    conv2d_tiles_defaults(p, caps, tv);
    return conv2d_tiles_valid(p, caps, tv);
}

/* By the model of tile.c, in multiply-adds of one unit for each pixel of y: products at 0.7 of the
 * peak, 25 for each float that goes to memory or comes from it, a million for each launch. Not
 * measured. */
bool conv2d_tiles_pays(const struct problem *p, const struct caps *caps)
{
    struct winograd w;
    if (!winograd_of(p, &w))
        return false;
    const double pixels = (double)w.n * w.out[0] * w.out[1], macs = (double)w.in_c * w.out_c / 0.7;
    const double floats = (1 + 2 * 2.25) * (w.in_c + w.out_c);
    const double weights = (9 + 36) * (double)w.in_c * w.out_c;
    const double tile =
        2.25 * macs + 25 * floats + (25 * weights + 3e6 * caps->compute_units) / pixels;
    return tile < 9 * macs;
}

static void define(struct launch *k, const struct problem *p, const struct winograd *w,
                   const int *tv)
{
    launch_storage(k, p);
    launch_define(k, "SIZE=%d", tv[T_SIZE]);
    if (w->data)
        launch_define(k, "DATA");
}

static void add_weights(struct launches *l, const struct problem *p, const struct winograd *w,
                        const struct caps *caps, const int *tv, int u)
{
    struct launch *k = launch_add(l, "conv2d_winograd", "conv2d_winograd_weights");
    define(k, p, w, tv);
    launch_buffer(k, "u", REF_SCRATCH, u, ACCESS_WRITE);
    launch_in(k, "w", 1);
    launch_int(k, "out_c", w->out_c);
    launch_int(k, "in_c", w->in_c);
    launch_grid1(k, (size_t)w->out_c * (size_t)w->in_c, MIN(caps->max_group, (size_t)64));
}

static void tile_arguments(struct launch *k, const struct cut *c, int first, int images)
{
    launch_int(k, "first", first);
    launch_int(k, "images", images);
    launch_int(k, "tiles", (int)c->q.n);
}

static void add_chunk(struct launches *l, const struct problem *p, const struct winograd *w,
                      const struct cut *c, const struct caps *caps, const int *tv, int first,
                      const int scratch[3])
{
    const int images = MIN(c->images, w->n - first);
    const size_t group = MIN(caps->max_group, (size_t)64);
    struct launch *k = launch_add(l, "conv2d_winograd", "conv2d_winograd_input");
    define(k, p, w, tv);
    launch_buffer(k, "v", REF_SCRATCH, scratch[1], ACCESS_WRITE);
    launch_in(k, "x", 0);
    tile_arguments(k, c, first, images);
    launch_int(k, "in_c", w->in_c);
    launch_int(k, "in_h", w->in[0]);
    launch_int(k, "in_w", w->in[1]);
    launch_int(k, "across", c->across);
    launch_int(k, "down", c->down);
    launch_int(k, "pad_h", w->pad[0]);
    launch_int(k, "pad_w", w->pad[1]);
    launch_grid2(k, (size_t)c->q.n, (size_t)w->in_c, group, 1);

    k = gemm_tile_launch(l, &c->q, tv, false, false);
    launch_buffer(k, "y", REF_SCRATCH, scratch[2], ACCESS_WRITE);
    launch_buffer(k, "a", REF_SCRATCH, scratch[0], ACCESS_READ);
    launch_buffer(k, "b", REF_SCRATCH, scratch[1], ACCESS_READ);
    tile_params(k, &c->q, tv);

    k = launch_add(l, "conv2d_winograd", "conv2d_winograd_output");
    define(k, p, w, tv);
    launch_out(k, "y", 0);
    launch_buffer(k, "m", REF_SCRATCH, scratch[2], ACCESS_READ);
    tile_arguments(k, c, first, images);
    launch_int(k, "out_c", w->out_c);
    launch_int(k, "out_h", w->out[0]);
    launch_int(k, "out_w", w->out[1]);
    launch_int(k, "across", c->across);
    launch_int(k, "down", c->down);
    launch_epilogue(k, p);
    launch_grid2(k, (size_t)c->q.n, (size_t)w->out_c, group, 1);
}

int conv2d_tiles_plan(const struct problem *p, const struct caps *caps, const int *tv,
                      struct launches *l)
{
    struct winograd w;
    if (!winograd_of(p, &w))
        return fail(OCELLI_ERR_SHAPE, "winograd: not a 3x3 filter of stride and dilation 1");
    const struct cut c = cut_of(&w, caps, tv[T_SIZE]);
    const int scratch[3] = {launch_scratch(l, c.u * sizeof(float)),
                            launch_scratch(l, c.v * sizeof(float)),
                            launch_scratch(l, c.m * sizeof(float))};
    add_weights(l, p, &w, caps, tv, scratch[0]);
    for (int first = 0; first < w.n; first += c.images)
        add_chunk(l, p, &w, &c, caps, tv, first, scratch);
    return l->err;
}
