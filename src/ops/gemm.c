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

struct cost gemm_cost_of(const struct gemm *g)
{
    const double macs = (double)g->m * (double)g->n * (double)g->k;
    return (struct cost){.flops = 2 * macs, .macs = macs};
}

static struct cost gemm_cost(const struct problem *p)
{
    const struct gemm g = gemm_of(p);
    return gemm_cost_of(&g);
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
     .tunables = gemm_block_tunables,
     .applicable = gemm_block_applicable,
     .defaults = gemm_block_defaults,
     .valid = gemm_block_valid,
     .plan = gemm_block_plan},
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
