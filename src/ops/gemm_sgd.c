/* A step of gradient descent whose gradient is a matrix product: a dense layer's, at a small batch.
 * The gradient, as large as the weights, is never stored. */
#include "ops/attrs.h"
#include "ops/gemm.h"
#include "ops/shared.h"

enum { IN_W, IN_A, IN_B, IN_LR, IN_V };

/* a is K x M, b K x N. */
static struct gemm product_of(const struct problem *p)
{
    const int64_t *a = p->in[IN_A].shape.dim, *b = p->in[IN_B].shape.dim;
    return (struct gemm){a[1], b[1], a[0], true, false};
}

static int infer(struct problem *p)
{
    char s[3][SHAPE_TEXT];
    int err = 0;
    TRY(check_sgd(p, IN_LR, IN_V));
    TRY(check_rank(p, IN_W, 2));
    TRY(check_rank(p, IN_A, 2));
    TRY(check_rank(p, IN_B, 2));
    const struct gemm g = product_of(p);
    const int64_t *w = p->in[IN_W].shape.dim;
    if (p->in[IN_B].shape.dim[0] != g.k || w[0] != g.m || w[1] != g.n)
        return fail(OCELLI_ERR_SHAPE, "gemm_sgd: w is %s, a %s, b %s: w is not like a^T b",
                    shape_text(&p->in[IN_W].shape, s[0]), shape_text(&p->in[IN_A].shape, s[1]),
                    shape_text(&p->in[IN_B].shape, s[2]));
out:
    return err;
}

static struct cost cost(const struct problem *p)
{
    const struct gemm g = product_of(p);
    const double n = (double)g.m * (double)g.n;
    return (struct cost){.flops = n * (2 * (double)g.k + sgd_flops(p->attr)),
                         .macs = n * (double)g.k};
}

/* ---- outer ---- */

static bool outer_applicable(const struct problem *p, const struct caps *caps)
{
    const struct gemm g = product_of(p);
    return caps->cpu_style && g.k <= GEMM_FEW;
}

static bool outer_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    const struct gemm g = product_of(p);
    return gemm_outer_fits(&g, caps, tv);
}

static int outer_plan(const struct problem *p, const struct caps *caps, const int *tv,
                      struct launches *l)
{
    const struct gemm g = product_of(p);
    struct launch *k = launch_add(l, "gemm_outer", "gemm_outer_sgd");
    launch_define(k, "SGD");
    launch_sgd(k, p, IN_LR, IN_V);
    launch_in(k, "a", IN_A);
    launch_in(k, "b", IN_B);
    gemm_outer_launch(k, &g, caps, tv);
    return l->err;
}

/* ---- ref ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    (void)caps;
    const struct gemm g = product_of(p);
    struct launch *k = launch_add(l, "gemm_sgd_ref", "gemm_sgd_ref");
    launch_sgd(k, p, IN_LR, IN_V);
    launch_in(k, "a", IN_A);
    launch_in(k, "b", IN_B);
    launch_int(k, "m", (int)g.m);
    launch_int(k, "n", (int)g.n);
    launch_int(k, "k", (int)g.k);
    launch_grid1(k, (size_t)(g.m * g.n), (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "outer",
     .tunables = gemm_outer_sgd_tunables,
     .applicable = outer_applicable,
     .valid = outer_valid,
     .plan = outer_plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_gemm_sgd = {
    .name = "gemm_sgd",
    .in = {"w", "a", "b", "lr", "v?"},
    .updates = 1 << IN_W | 1 << IN_V,
    .attr_size = sizeof(struct sgd_attr),
    .attrs = sgd_attrs,
    .infer = infer,
    .cost = cost,
    .variants = variants,
};
