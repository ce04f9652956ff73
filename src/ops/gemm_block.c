/* gemm/block and gemm_packed/block: the product on CPUs where it is limited by the arithmetic
 * (cl/gemm_block.cl). */
#include "ops/gemm.h"
#include "ops/shared.h"

/* PACK_A, PACK_B: 1 as it lies, 2 from a copy that each run makes. KC at least k: one piece. */
enum { MR, NV, KC, MB, NB, PACK_A, PACK_B };
#define KC_ALL (1 << 30)
#define TILE_TUNABLES                                                                           \
    {"MR", (const int[]){1, 2, 4, 6, 7, 8, 12, 14, 16, 24, 28, 0}},                             \
        {"NV", (const int[]){1, 2, 3, 4, 0}}, {"KC", (const int[]){KC_ALL, 1024, 512, 256, 0}}, \
        {"MB", (const int[]){1, 2, 4, 8, 16, 0}},                                               \
    {                                                                                           \
        "NB", (const int[])                                                                     \
        {                                                                                       \
            1, 2, 4, 8, 16, 0                                                                   \
        }                                                                                       \
    }
const struct tunable gemm_block_tunables[] = {
    TILE_TUNABLES,
    {"PACK_A", (const int[]){1, 2, 0}},
    {"PACK_B", (const int[]){1, 2, 0}},
    {0},
};
const struct tunable gemm_packed_tunables[] = {TILE_TUNABLES, {0}};

bool gemm_block_applicable(const struct problem *p, const struct caps *caps)
{
    (void)p;
    return caps->cpu_style;
}

/* Vectors that a tile may hold: of 32 registers with AVX-512, of 16 else. */
static int max_tile(const struct caps *caps)
{
    return caps->vector_width == 16 ? 28 : 12;
}

static int blocks_of(const struct gemm *g, const struct caps *caps)
{
    return (int)div_up((size_t)g->n, (size_t)caps->vector_width);
}

/* Roughly the cycles of one core: the multiply-adds (at least four a step, for their latency), the
 * loads of b and of a, and what a tile costs besides. */
static double tile_cost(const struct gemm *g, const struct caps *caps, int mr, int nv)
{
    double tiles = (double)div_up((size_t)g->m, (size_t)mr) *
                   (double)div_up((size_t)g->n, (size_t)(nv * caps->vector_width));
    double step = MAX(mr * nv, 4) + nv + mr / 8.0 + 1;
    double rounds = (double)(int64_t)((tiles + caps->compute_units - 1) / caps->compute_units);
    return rounds * (step * (double)g->k + 4.0 * mr * nv + 60);
}

/* Most problems share one tile, and so one program; another has to be a good deal better. That of
 * large ones has as many rows, far apart, as a set of the first-level cache has lines. */
static void choose_tile(const struct gemm *g, const struct caps *caps, bool large, int *tv)
{
    const int wide = caps->vector_width == 16;
    const int mr = large ? (wide ? 7 : 4) : (wide ? 8 : 6), nv = large ? (wide ? 4 : 3) : 2;
    const int most = MIN(blocks_of(g, caps), 4);
    double best = 0;
    tv[MR] = tv[NV] = 1;
    if (mr <= g->m && nv <= most) {
        tv[MR] = mr;
        tv[NV] = nv;
        best = 0.85 * tile_cost(g, caps, mr, nv);
    }
    for (const int *r = gemm_block_tunables[MR].values; *r; r++) {
        for (int v = 1; v <= most; v++) {
            double c = tile_cost(g, caps, *r, v);
            if (*r > g->m || *r * v > max_tile(caps) || (best > 0 && c >= best))
                continue;
            best = c;
            tv[MR] = *r;
            tv[NV] = v;
        }
    }
}

/* Work-items of 8 tiles by 8 panels share what they read, but all units want work. */
static void choose_share(const struct gemm *g, const struct caps *caps, int *tv)
{
    const size_t tiles = div_up((size_t)g->m, (size_t)tv[MR]);
    const size_t panels = div_up((size_t)blocks_of(g, caps), (size_t)tv[NV]);
    tv[MB] = tv[NB] = 8;
    while (tv[MB] > 1 && div_up(tiles, (size_t)tv[MB]) * div_up(panels, (size_t)tv[NB]) <
                             8 * (size_t)caps->compute_units) {
        if (tv[NB] > 1)
            tv[NB] /= 2;
        else
            tv[MB] /= 2;
    }
}

static bool is_large(const struct gemm *g)
{
    return gemm_cost_of(g).macs >= 1 << 24;
}

static void choose(const struct gemm *g, const struct caps *caps, int *tv)
{
    const bool large = is_large(g);
    choose_tile(g, caps, large, tv);
    tv[MB] = tv[NB] = 1;
    if (large)
        choose_share(g, caps, tv);
    tv[KC] = g->k > 1536 ? 1024 : KC_ALL;
}

void gemm_block_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    const struct gemm g = gemm_of(p);
    choose(&g, caps, tv);
    /* Far apart, rows share few cache sets and each has a page of its own. */
    tv[PACK_A] = g.trans_a && g.k >= 256 && g.m >= 512 && g.n >= 64 ? 2 : 1;
    tv[PACK_B] = g.trans_b || (is_large(&g) && g.m >= 32) ? 2 : 1;
}

void gemm_packed_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    const struct gemm g = gemm_packed_of(p);
    choose(&g, caps, tv);
}

/* Bytes of the packed operands; false when a size overflows. */
static bool packed_sizes(const struct gemm *g, const struct caps *caps, const int *tv, size_t *a,
                         size_t *b)
{
    size_t rows = round_up((size_t)g->m, (size_t)tv[MR]);
    size_t cols = round_up((size_t)g->n, (size_t)caps->vector_width);
    size_t bytes;
    return mul_size((size_t)g->k, sizeof(float), &bytes) && mul_size(bytes, rows, a) &&
           mul_size(bytes, cols, b);
}

static bool tile_fits(const struct gemm *g, const struct caps *caps, const int *tv, bool packed)
{
    return tv[MR] <= g->m && tv[MR] * tv[NV] <= max_tile(caps) &&
           (!packed || tv[NV] <= blocks_of(g, caps));
}

bool gemm_block_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    const struct gemm g = gemm_of(p);
    size_t a, b;
    return tile_fits(&g, caps, tv, tv[PACK_B] == 2) && (!g.trans_b || tv[PACK_B] == 2) &&
           packed_sizes(&g, caps, tv, &a, &b) && (tv[PACK_A] == 1 || a <= caps->max_alloc) &&
           (tv[PACK_B] == 1 || b <= caps->max_alloc);
}

bool gemm_packed_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    const struct gemm g = gemm_packed_of(p);
    return tile_fits(&g, caps, tv, true);
}

/* Adds the launch that packs input `in` to scratch, in `parts`; its scratch. */
static int add_pack(struct launches *l, const struct gemm *g, int in, size_t bytes, size_t parts)
{
    const int scratch = launch_scratch(l, bytes), kp = 256;
    struct launch *k = launch_add(l, "gemm_block", in ? "gemm_block_pack_b" : "gemm_block_pack_a");
    launch_buffer(k, "dst", REF_SCRATCH, scratch, ACCESS_WRITE);
    launch_in(k, in ? "b" : "a", in);
    launch_int(k, in ? "n" : "m", (int)(in ? g->n : g->m));
    launch_int(k, "k", (int)g->k);
    launch_int(k, "kp", kp);
    launch_grid2(k, div_up((size_t)g->k, (size_t)kp), parts, 1, 1);
    return scratch;
}

/* Adds the product of two operands; the caller adds PACK_*, TRANS_*. */
static struct launch *add_product(struct launches *l, const struct problem *p, const struct gemm *g,
                                  const struct caps *caps, const int *tv, struct ref a,
                                  struct ref b)
{
    const size_t tiles = div_up((size_t)g->m, (size_t)tv[MR]);
    const size_t panels = div_up((size_t)blocks_of(g, caps), (size_t)tv[NV]);
    /* Pieces of one size. */
    const int64_t pieces = (int64_t)div_up((size_t)g->k, (size_t)tv[KC]);
    struct launch *k = launch_add(l, "gemm_block", "gemm_block");
    launch_define(k, "VW=%d", caps->vector_width);
    launch_define(k, "MR=%d", tv[MR]);
    launch_define(k, "NV=%d", tv[NV]);
    launch_out(k, "y", 0);
    launch_buffer(k, "a", a.kind, a.index, ACCESS_READ);
    launch_buffer(k, "b", b.kind, b.index, ACCESS_READ);
    launch_int(k, "m", (int)g->m);
    launch_int(k, "n", (int)g->n);
    launch_int(k, "k", (int)g->k);
    launch_int(k, "kc", (int)div_up((size_t)g->k, (size_t)pieces));
    launch_int(k, "mb", tv[MB]);
    launch_int(k, "nb", tv[NB]);
    launch_epilogue(k, p);
    launch_grid2(k, div_up(tiles, (size_t)tv[MB]), div_up(panels, (size_t)tv[NB]), 1, 1);
    return k;
}

int gemm_block_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    const struct gemm g = gemm_of(p);
    struct ref a = {REF_IN, 0}, b = {REF_IN, 1};
    size_t a_bytes, b_bytes;
    if (!packed_sizes(&g, caps, tv, &a_bytes, &b_bytes))
        return fail_memory();
    if (tv[PACK_A] == 2)
        a = (struct ref){REF_SCRATCH,
                         add_pack(l, &g, 0, a_bytes, div_up((size_t)g.m, (size_t)tv[MR]))};
    if (tv[PACK_B] == 2)
        b = (struct ref){REF_SCRATCH, add_pack(l, &g, 1, b_bytes, (size_t)blocks_of(&g, caps))};
    struct launch *k = add_product(l, p, &g, caps, tv, a, b);
    if (g.trans_a)
        launch_define(k, "TRANS_A");
    if (g.trans_b)
        launch_define(k, "TRANS_B");
    if (tv[PACK_A] == 2)
        launch_define(k, "PACK_A");
    if (tv[PACK_B] == 2)
        launch_define(k, "PACK_B");
    /* All are kernels of one program, so it is compiled once. */
    for (int i = 0; k && k->defines.s && i < l->n - 1; i++)
        text_add(&l->item[i].defines, "%s", k->defines.s);
    return l->err;
}

int gemm_packed_plan(const struct problem *p, const struct caps *caps, const int *tv,
                     struct launches *l)
{
    const struct gemm g = gemm_packed_of(p);
    struct launch *k =
        add_product(l, p, &g, caps, tv, (struct ref){REF_IN, 0}, (struct ref){REF_IN, 1});
    launch_define(k, "PACK_B");
    return l->err;
}
