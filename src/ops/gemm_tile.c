/* gemm/tile: the product on graphics processors (cl/gemm_tile.cl). */
#include "ops/gemm_tile.h"

#include "ops/shared.h"

static struct product product_of(const struct problem *p)
{
    const struct ocelli_gemm_params *g = p->attr;
    const int64_t *y = p->out[0].shape.dim;
    return (struct product){.m = y[0], .n = y[1], .k = p->in[0].shape.dim[!g->trans_a], .batch = 1};
}

bool gemm_tile_applicable(const struct problem *p, const struct caps *caps)
{
    (void)p;
    return !caps->cpu_style;
}

void gemm_tile_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    const struct product q = product_of(p);
    tile_defaults(&q, caps, tv);
}

bool gemm_tile_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    const struct product q = product_of(p);
    return tile_valid(&q, caps, tv);
}

struct launch *gemm_tile_launch(struct launches *l, const struct product *q, const int *tv,
                                bool trans_a, bool trans_b)
{
    struct launch *k = launch_add(l, "gemm_tile", "gemm_tile");
    tile_define(k, q, tv);
    launch_define(k, "A_BY_K=%d", !trans_a);
    launch_define(k, "B_BY_K=%d", trans_b);
    if (trans_a)
        launch_define(k, "TRANS_A");
    if (trans_b)
        launch_define(k, "TRANS_B");
    if (q->n % 4 == 0)
        launch_define(k, "WIDE");
    tile_grid(k, q, tv);
    return k;
}

int gemm_tile_plan(const struct problem *p, const struct caps *caps, const int *tv,
                   struct launches *l)
{
    const struct ocelli_gemm_params *g = p->attr;
    const struct product q = product_of(p);
    const int scratch = tile_scratch(l, &q, tv, (size_t)(q.m * q.n));
    struct launch *k = gemm_tile_launch(l, &q, tv, g->trans_a, g->trans_b);
    launch_storage(k, p);
    tile_out(k, "y", scratch);
    launch_in(k, "a", 0);
    launch_in(k, "b", 1);
    tile_params(k, &q, tv);
    tile_epilogue(k, p, scratch);
    tile_sum(l, p, &q, caps, tv, scratch);
    return l->err;
}
