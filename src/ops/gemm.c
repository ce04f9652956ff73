/* y = op(a) op(b). */
#include "ops/attrs.h"
#include "ops/gemm.h"
#include "ops/gemm_tile.h"
#include "ops/graph.h"
#include "ops/shared.h"

static const struct attr gemm_attrs[] = {
    {.name = "trans_a", .type = ATTR_BOOL, .offset = offsetof(struct ocelli_gemm_params, trans_a)},
    {.name = "trans_b", .type = ATTR_BOOL, .offset = offsetof(struct ocelli_gemm_params, trans_b)},
    ATTR_END,
};

struct gemm gemm_of(const struct problem *p)
{
    const struct ocelli_gemm_params *g = p->attr;
    const int64_t *a = p->in[0].shape.dim, *b = p->in[1].shape.dim;
    return (struct gemm){a[g->trans_a], b[!g->trans_b], a[!g->trans_a], g->trans_a, g->trans_b};
}

static int gemm_infer(struct problem *p)
{
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    int err = 0;
    TRY(check_floats(p));
    TRY(check_rank(p, 0, 2));
    TRY(check_rank(p, 1, 2));
    const struct gemm g = gemm_of(p);
    if (p->in[1].shape.dim[g.trans_b] != g.k)
        return fail(OCELLI_ERR_SHAPE, "gemm: a is %s%s, b is %s%s: %lld columns times %lld rows",
                    shape_text(&p->in[0].shape, a), g.trans_a ? " transposed" : "",
                    shape_text(&p->in[1].shape, b), g.trans_b ? " transposed" : "", (long long)g.k,
                    (long long)p->in[1].shape.dim[g.trans_b]);
    p->out[0] = (struct desc){p->in[0].dtype, {2, {g.m, g.n}}};
out:
    return err;
}

static struct cost gemm_cost(const struct problem *p)
{
    const struct gemm g = gemm_of(p);
    double macs = (double)g.m * (double)g.n * (double)g.k;
    return (struct cost){.flops = 2 * macs, .macs = macs};
}

/* With A = op(a), B = op(b): dA = dy B^T, dB = A^T dy, and their transposes where a or b is one. */
static int gemm_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    const struct ocelli_gemm_params *t = n->attr;
    int a = n->in[0], b = n->in[1], d = dy[0];
    const struct ocelli_gemm_params da = {.trans_a = t->trans_a && t->trans_b,
                                          .trans_b = t->trans_a || !t->trans_b};
    const struct ocelli_gemm_params db = {.trans_a = t->trans_b || !t->trans_a,
                                          .trans_b = t->trans_a && t->trans_b};
    dx[0] = graph_add(g, &op_gemm, &da, t->trans_a ? (int[]){b, d} : (int[]){d, b});
    dx[1] = graph_add(g, &op_gemm, &db, t->trans_b ? (int[]){d, a} : (int[]){a, d});
    return g->status;
}

/* ---- block ---- */

/* PACK_A, PACK_B: 1 as it lies, 2 from a packed copy. KC at least k: one piece. */
enum { MR, NV, PACK_A, PACK_B, KC, MB };
#define KC_ALL (1 << 30)
static const struct tunable block_tunables[] = {
    {"MR", (const int[]){1, 2, 4, 6, 8, 12, 16, 24, 0}},
    {"NV", (const int[]){1, 2, 3, 4, 0}},
    {"PACK_A", (const int[]){1, 2, 0}},
    {"PACK_B", (const int[]){1, 2, 0}},
    {"KC", (const int[]){KC_ALL, 1024, 256, 0}},
    {"MB", (const int[]){1, 4, 8, 0}},
    {0},
};

static bool block_applicable(const struct problem *p, const struct caps *caps)
{
    (void)p;
    return caps->cpu_style;
}

/* Vectors that a tile may hold: of 32 registers with AVX-512, of 16 else. */
static int max_tile(const struct caps *caps)
{
    return caps->vector_width == 16 ? 28 : 12;
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

static void block_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    const struct gemm g = gemm_of(p);
    bool large = gemm_cost(p).macs >= 1 << 24;
    int usual = caps->vector_width == 16 ? 8 : 6;
    double best = 0;
    tv[MR] = tv[NV] = 1;
    /* Most problems share one tile, and so one program; another has to be a good deal better. */
    if (usual <= g.m) {
        tv[MR] = usual;
        tv[NV] = 2;
        best = 0.85 * tile_cost(&g, caps, usual, 2);
    }
    for (const int *mr = block_tunables[MR].values; *mr; mr++) {
        for (int nv = 1; nv <= 4; nv++) {
            double c = tile_cost(&g, caps, *mr, nv);
            if (*mr > g.m || *mr * nv > max_tile(caps) || (best > 0 && c >= best))
                continue;
            best = c;
            tv[MR] = *mr;
            tv[NV] = nv;
        }
    }
    /* Measured on Zen 4: three vectors a row is best once b leaves the caches. */
    if (large && g.m >= 8) {
        tv[MR] = caps->vector_width == 16 ? 8 : 4;
        tv[NV] = 3;
    }
    /* Far apart, rows share few cache sets and each has a page of its own. */
    tv[PACK_A] = g.trans_a && g.k >= 256 && g.m >= 512 && g.n >= 64 ? 2 : 1;
    tv[PACK_B] = g.trans_b || (large && g.m >= 32) ? 2 : 1;
    tv[KC] = g.k > 4096 ? 1024 : KC_ALL;
    tv[MB] = g.k > 4096 ? 8 : 1;
}

/* Bytes of the packed operands; false when a size overflows. */
static bool packed_sizes(const struct gemm *g, const struct caps *caps, const int *tv, size_t *a,
                         size_t *b)
{
    size_t rows = round_up((size_t)g->m, (size_t)tv[MR]);
    size_t cols = round_up((size_t)g->n, (size_t)(tv[NV] * caps->vector_width));
    size_t bytes;
    return mul_size((size_t)g->k, sizeof(float), &bytes) && mul_size(bytes, rows, a) &&
           mul_size(bytes, cols, b);
}

static bool block_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    const struct gemm g = gemm_of(p);
    size_t a, b;
    return tv[MR] <= g.m && tv[MR] * tv[NV] <= max_tile(caps) && (!g.trans_b || tv[PACK_B] == 2) &&
           packed_sizes(&g, caps, tv, &a, &b) && (tv[PACK_A] == 1 || a <= caps->max_alloc) &&
           (tv[PACK_B] == 1 || b <= caps->max_alloc);
}

static void block_define(struct launch *k, const struct gemm *g, const struct caps *caps,
                         const int *tv)
{
    launch_define(k, "VW=%d", caps->vector_width);
    launch_define(k, "MR=%d", tv[MR]);
    launch_define(k, "NV=%d", tv[NV]);
    if (g->trans_a)
        launch_define(k, "TRANS_A");
    if (g->trans_b)
        launch_define(k, "TRANS_B");
    if (tv[PACK_A] == 2)
        launch_define(k, "PACK_A");
    if (tv[PACK_B] == 2)
        launch_define(k, "PACK_B");
}

/* Adds the launch that packs input `in` to scratch, `panels` of them; its scratch. */
static int add_pack(struct launches *l, const struct gemm *g, int in, const char *kernel,
                    size_t bytes, size_t panels, int kp)
{
    int scratch = launch_scratch(l, bytes);
    struct launch *k = launch_add(l, "gemm_block", kernel);
    launch_buffer(k, "dst", REF_SCRATCH, scratch, ACCESS_WRITE);
    launch_in(k, in ? "b" : "a", in);
    launch_int(k, in ? "n" : "m", (int)(in ? g->n : g->m));
    launch_int(k, "k", (int)g->k);
    launch_int(k, "kp", kp);
    launch_grid2(k, div_up((size_t)g->k, (size_t)kp), panels, 1, 1);
    return scratch;
}

static int block_plan(const struct problem *p, const struct caps *caps, const int *tv,
                      struct launches *l)
{
    const struct gemm g = gemm_of(p);
    int pw = tv[NV] * caps->vector_width, a = -1, b = -1;
    int kp = (int)round_up(4096 / (size_t)pw, (size_t)caps->vector_width);
    size_t tiles = div_up((size_t)g.m, (size_t)tv[MR]), panels = div_up((size_t)g.n, (size_t)pw);
    size_t a_bytes, b_bytes;
    if (!packed_sizes(&g, caps, tv, &a_bytes, &b_bytes))
        return fail_memory();
    if (tv[PACK_A] == 2)
        a = add_pack(l, &g, 0, "gemm_block_pack_a", a_bytes, tiles, kp);
    if (tv[PACK_B] == 2)
        b = add_pack(l, &g, 1, "gemm_block_pack_b", b_bytes, panels, kp);
    struct launch *k = launch_add(l, "gemm_block", "gemm_block");
    block_define(k, &g, caps, tv);
    launch_out(k, "y", 0);
    launch_buffer(k, "a", a < 0 ? REF_IN : REF_SCRATCH, MAX(a, 0), ACCESS_READ);
    launch_buffer(k, "b", b < 0 ? REF_IN : REF_SCRATCH, b < 0 ? 1 : b, ACCESS_READ);
    launch_int(k, "m", (int)g.m);
    launch_int(k, "n", (int)g.n);
    launch_int(k, "k", (int)g.k);
    launch_int(k, "kc", (int)MIN(g.k, tv[KC]));
    launch_int(k, "mb", tv[MB]);
    launch_epilogue(k, p);
    launch_grid2(k, div_up(tiles, (size_t)tv[MB]), panels, 1, 1);
    /* All are kernels of one program, so it is compiled once. */
    for (int i = 0; k && k->defines.s && i < l->n - 1; i++)
        text_add(&l->item[i].defines, "%s", k->defines.s);
    return l->err;
}

/* ---- clblast ---- */

/* On CPUs its kernels are fourteen times slower than block (measured through PoCL), which is asked
 * first. */
static bool clblast_applicable(const struct problem *p, const struct caps *caps)
{
    const struct epilogue *e = &p->epi;
    return caps->clblast && e->bias < 0 && e->residual < 0 && e->grad_y < 0 && e->act.kind == 0;
}

static int clblast_plan(const struct problem *p, const struct caps *caps, const int *tv,
                        struct launches *l)
{
    (void)caps, (void)tv;
    const struct gemm g = gemm_of(p);
    struct launch *k = launch_add(l, "gemm_clblast", "gemm_clblast");
    if (k)
        k->kind = LAUNCH_CLBLAST_GEMM;
    launch_out(k, "c", 0);
    launch_in(k, "a", 0);
    launch_in(k, "b", 1);
    launch_int(k, "m", (int)g.m);
    launch_int(k, "n", (int)g.n);
    launch_int(k, "k", (int)g.k);
    launch_int(k, "trans_a", g.trans_a);
    launch_int(k, "trans_b", g.trans_b);
    return l->err;
}

/* ---- ref ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    (void)caps;
    const struct gemm g = gemm_of(p);
    struct launch *k = launch_add(l, "gemm_ref", "gemm_ref");
    launch_storage(k, p);
    launch_out(k, "y", 0);
    launch_in(k, "a", 0);
    launch_in(k, "b", 1);
    launch_int(k, "m", (int)g.m);
    launch_int(k, "n", (int)g.n);
    launch_int(k, "k", (int)g.k);
    launch_int(k, "a_row", g.trans_a ? 1 : (int)g.k);
    launch_int(k, "a_col", g.trans_a ? (int)g.m : 1);
    launch_int(k, "b_row", g.trans_b ? 1 : (int)g.n);
    launch_int(k, "b_col", g.trans_b ? (int)g.k : 1);
    launch_epilogue(k, p);
    launch_grid1(k, (size_t)(g.m * g.n), (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "dot",
     .f32 = true,
     .tunables = gemm_dot_tunables,
     .applicable = gemm_dot_applicable,
     .defaults = gemm_dot_defaults,
     .valid = gemm_dot_valid,
     .plan = gemm_dot_plan},
    {.name = "rows",
     .f32 = true,
     .tunables = gemm_rows_tunables,
     .applicable = gemm_rows_applicable,
     .defaults = gemm_rows_defaults,
     .plan = gemm_rows_plan},
    {.name = "outer",
     .f32 = true,
     .tunables = gemm_outer_tunables,
     .applicable = gemm_outer_applicable,
     .valid = gemm_outer_valid,
     .plan = gemm_outer_plan},
    {.name = "block",
     .f32 = true,
     .tunables = block_tunables,
     .applicable = block_applicable,
     .defaults = block_defaults,
     .valid = block_valid,
     .plan = block_plan},
    {.name = "tile",
     .tunables = tile_tunables,
     .applicable = gemm_tile_applicable,
     .defaults = gemm_tile_defaults,
     .valid = gemm_tile_valid,
     .plan = gemm_tile_plan},
    {.name = "clblast", .f32 = true, .applicable = clblast_applicable, .plan = clblast_plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_gemm = {
    .name = "gemm",
    .onnx = "Gemm, MatMul",
    .in = {"a", "b"},
    .out = {"y"},
    .flags = OP_EPILOGUE,
    .half = 3,
    .attr_size = sizeof(struct ocelli_gemm_params),
    .attrs = gemm_attrs,
    .infer = gemm_infer,
    .cost = gemm_cost,
    .grad = gemm_grad,
    .variants = variants,
};
