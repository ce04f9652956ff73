/* dx of pool2d. A maximum's gradient goes to the first of the elements that have it, found again
 * from x: an index kept from the forward pass would cost memory when nobody trains, and x is read
 * here anyway where the gradient of a ReLU before the pooling is fused. */
#include "ops/pool2d.h"
#include "ops/shared.h"

static int geometry(const struct problem *p, struct pool2d *g)
{
    return pool2d_geometry(g, "pool2d_bwd", &p->in[1].shape, p->attr);
}

static int pool2d_bwd_infer(struct problem *p)
{
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    struct pool2d g;
    int err = 0;
    TRY(check_floats(p));
    TRY(geometry(p, &g));
    const struct desc y = pool2d_out_desc(&g);
    if (!shape_equal(&p->in[0].shape, &y.shape))
        return fail(OCELLI_ERR_SHAPE, "pool2d_bwd: dy is %s, y is %s",
                    shape_text(&p->in[0].shape, a), shape_text(&y.shape, b));
    p->out[0] = p->in[1];
out:
    return err;
}

static struct cost cost(const struct problem *p)
{
    struct pool2d g;
    geometry(p, &g);
    return pool2d_cost(&g);
}

/* ---- rows ---- */

enum { PLANES, WIDTH };
static const struct tunable rows_tunables[] = {
    {"PLANES", (const int[]){1, 2, 4, 8, 16, 32, 64, 0}},
    {"VW", (const int[]){4, 8, 16, 0}},
    {0},
};

static bool rows_applicable(const struct problem *p, const struct caps *caps)
{
    struct pool2d g;
    geometry(p, &g);
    return caps->cpu_style && g.block == 1;
}

static bool has_epilogue(const struct epilogue *e)
{
    return e->bias >= 0 || e->residual >= 0 || e->grad_y >= 0 || e->act.kind;
}

/* About 2 us a work-item, where that leaves four for every core. */
static void rows_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct pool2d g;
    geometry(p, &g);
    int64_t planes = g.n * g.channels, n = 1;
    int64_t taps = g.out[0] * g.out[1] * g.kernel[0] * g.kernel[1];
    while (n < 64 && n * taps < 4096 && planes / (2 * n) >= 4 * caps->compute_units)
        n *= 2;
    tv[PLANES] = (int)n;
    tv[WIDTH] = pool2d_vector(&g, caps);
}

static bool rows_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    (void)p;
    return tv[WIDTH] <= caps->vector_width;
}

static int rows_plan(const struct problem *p, const struct caps *caps, const int *tv,
                     struct launches *l)
{
    (void)caps;
    struct pool2d g;
    geometry(p, &g);
    size_t planes = (size_t)(g.n * g.channels);
    struct launch *k = launch_add(l, "pool2d_bwd_rows", "pool2d_bwd_rows");
    launch_define(k, "VW=%d", tv[WIDTH]);
    pool2d_define(k, &g);
    /* The taps of a vector of windows are kept in registers. */
    if (g.stride[1] <= 2 && (int64_t)g.kernel[0] * g.kernel[1] <= 16 && g.out[1] >= 4)
        launch_define(k, "VECTOR");
    if (g.kernel[0] <= g.stride[0] && g.kernel[1] <= g.stride[1] && !g.edge[0] && !g.edge[1] &&
        g.dilation[0] == 1 && g.dilation[1] == 1)
        launch_define(k, "DIRECT");
    if (has_epilogue(&p->epi))
        launch_define(k, "FINISH");
    launch_out(k, "dx", 0);
    launch_in(k, "dy", 0);
    launch_in(k, "x", 1);
    launch_int(k, "planes", (int)planes);
    launch_int(k, "each", tv[PLANES]);
    pool2d_ints(k, &g);
    launch_epilogue(k, p);
    launch_grid1(k, div_up(planes, (size_t)tv[PLANES]), 1);
    return l->err;
}

/* ---- blocked ---- */

static const struct tunable blocked_tunables[] = {
    {"ROWS", (const int[]){64, 32, 16, 8, 4, 2, 1, 0}},
    {0},
};

static bool blocked_applicable(const struct problem *p, const struct caps *caps)
{
    struct pool2d g;
    geometry(p, &g);
    return caps->cpu_style && g.block > 1 && p->epi.bias < 0;
}

/* Of one work-item's rows, 256 KiB at the most, and enough work-items for all cores. */
static void blocked_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct pool2d g;
    geometry(p, &g);
    const int64_t planes = g.n * g.channels, row = g.in[1] * g.block * 4;
    int rows = 64;
    while (rows > g.stride[0] && rows > 1 &&
           (rows * row > 1 << 18 ||
            planes * ((g.in[0] + rows - 1) / rows) < 4 * caps->compute_units))
        rows /= 2;
    tv[0] = rows;
}

static int blocked_plan(const struct problem *p, const struct caps *caps, const int *tv,
                        struct launches *l)
{
    (void)caps;
    struct pool2d g;
    geometry(p, &g);
    bool direct = true;
    for (int i = 0; i < 2; i++)
        direct = direct && g.kernel[i] == g.stride[i] && !g.edge[i] && g.dilation[i] == 1 &&
                 g.out[i] * g.stride[i] == g.in[i];
    struct launch *k = launch_add(l, "pool2d_bwd_blocked", "pool2d_bwd_blocked");
    launch_define(k, "VW=%d", g.block);
    pool2d_define(k, &g);
    if (direct)
        launch_define(k, "DIRECT");
    if (has_epilogue(&p->epi))
        launch_define(k, "FINISH");
    launch_out(k, "dx", 0);
    launch_in(k, "dy", 0);
    launch_in(k, "x", 1);
    launch_int(k, "each", tv[0]);
    pool2d_ints(k, &g);
    launch_epilogue(k, p);
    launch_grid2(k, div_up((size_t)g.in[0], (size_t)tv[0]), (size_t)(g.n * g.channels), 1, 1);
    return l->err;
}

/* ---- ref ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    (void)caps;
    struct pool2d g;
    geometry(p, &g);
    return pool2d_plan_elements(p, &g, "pool2d_bwd_ref", tv[0], l);
}

static const struct variant variants[] = {
    {.name = "blocked",
     .tunables = blocked_tunables,
     .applicable = blocked_applicable,
     .defaults = blocked_defaults,
     .plan = blocked_plan},
    {.name = "rows",
     .tunables = rows_tunables,
     .applicable = rows_applicable,
     .defaults = rows_defaults,
     .valid = rows_valid,
     .plan = rows_plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_pool2d_bwd = {
    .name = "pool2d_bwd",
    .in = {"dy", "x"},
    .out = {"dx"},
    .flags = OP_EPILOGUE,
    .attr_size = sizeof(struct ocelli_pool2d_params),
    .attrs = pool2d_attrs,
    .infer = pool2d_bwd_infer,
    .cost = cost,
    .variants = variants,
};
