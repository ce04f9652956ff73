/* Maximum or average over windows, each channel by itself. */
#include "ops/pool2d.h"

#include <limits.h>

#include "ops/conv2d_blocked.h"
#include "ops/graph.h"
#include "ops/shared.h"

/* ---- What pool2d_bwd shares ---- */

#define POOL_MAX 1000000
#define POOL_INTS(word, n, dflt, low)                                                           \
    {                                                                                           \
        .name = #word, .type = ATTR_INT, .offset = offsetof(struct ocelli_pool2d_params, word), \
        .count = n, .def = dflt, .min = low, .max = POOL_MAX                                    \
    }
#define POOL_BOOL(word)                                                                         \
    {                                                                                           \
        .name = #word, .type = ATTR_BOOL, .offset = offsetof(struct ocelli_pool2d_params, word) \
    }

const struct attr pool2d_attrs[] = {
    {.name = "kind",
     .type = ATTR_ENUM,
     .offset = offsetof(struct ocelli_pool2d_params, kind),
     .count = 1,
     .words = (const char *const[]){"max", "average", NULL}},
    POOL_INTS(kernel, 2, 0, 1),
    POOL_INTS(stride, 2, 0, 0), /* 0: the kernel */
    POOL_INTS(dilation, 2, 1, 1),
    POOL_INTS(pad, 4, 0, 0),
    POOL_BOOL(ceil_mode),
    POOL_BOOL(count_include_pad),
    ATTR_END,
};

/* One direction; `before`, `after`: the padding. 0 where no window fits. */
static int64_t out_extent(int64_t in, int64_t before, int64_t after, int64_t window, int64_t stride,
                          bool ceil_mode)
{
    int64_t room = in + before + after - window + (ceil_mode ? stride - 1 : 0);
    if (room < 0)
        return 0;
    int64_t n = room / stride + 1;
    return ceil_mode && (n - 1) * stride >= in + before ? n - 1 : n;
}

int pool2d_geometry(struct pool2d *g, const char *op, const struct ocelli_shape *x,
                    const struct ocelli_pool2d_params *p)
{
    static const char *const side[] = {"height", "width"};
    char buf[SHAPE_TEXT];
    *g = (struct pool2d){.average = p->kind == OCELLI_POOL_AVERAGE};
    if (x->rank != 4 && (x->rank != 5 || !block_is_legal(x->dim[4])))
        return fail(OCELLI_ERR_SHAPE, "%s: x is %s, not batch x channels x height x width", op,
                    shape_text(x, buf));
    g->block = x->rank == 5 ? (int)x->dim[4] : 1;
    g->n = x->dim[0];
    g->channels = x->dim[1];
    for (int i = 0; i < 4; i++) {
        g->pad[i] = p->pad[i];
        g->counted[i] = p->count_include_pad ? p->pad[i] : 0;
    }
    for (int d = 0; d < 2; d++) {
        g->in[d] = x->dim[2 + d];
        g->kernel[d] = p->kernel[d];
        g->stride[d] = p->stride[d] ? p->stride[d] : p->kernel[d];
        g->dilation[d] = p->dilation[d];
        int64_t window = (int64_t)(g->kernel[d] - 1) * g->dilation[d] + 1;
        int before = g->pad[d], after = g->pad[2 + d];
        if (window > POOL_MAX || g->in[d] > INT_MAX / 2)
            return fail(OCELLI_ERR_SHAPE, "%s: a window of %lld on a %s of %lld", op,
                        (long long)window, side[d], (long long)g->in[d]);
        if (MAX(before, after) >= window)
            return fail(OCELLI_ERR_SHAPE,
                        "%s: a padding of %d is not smaller than the window of %lld", op,
                        MAX(before, after), (long long)window);
        g->out[d] = out_extent(g->in[d], before, after, window, g->stride[d], p->ceil_mode);
        if (g->out[d] < 1)
            return fail(OCELLI_ERR_SHAPE, "%s: a window of %lld does not fit into a %s of %lld", op,
                        (long long)window, side[d], (long long)(g->in[d] + before + after));
        g->edge[d] = before > 0 || (g->out[d] - 1) * g->stride[d] - before + window > g->in[d];
    }
    return 0;
}

struct desc pool2d_out_desc(const struct pool2d *g)
{
    const int rank = g->block > 1 ? 5 : 4;
    return (struct desc){
        OCELLI_F32, {rank, {g->n, g->channels, g->out[0], g->out[1], g->block > 1 ? g->block : 0}}};
}

struct cost pool2d_cost(const struct pool2d *g)
{
    return (struct cost){.flops = (double)g->n * (double)g->channels * (double)g->out[0] *
                                  (double)g->out[1] * g->block * g->kernel[0] * g->kernel[1]};
}

void pool2d_define(struct launch *k, const struct pool2d *g)
{
    launch_define(k, "KH=%d", g->kernel[0]);
    launch_define(k, "KW=%d", g->kernel[1]);
    launch_define(k, "SH=%d", g->stride[0]);
    launch_define(k, "SW=%d", g->stride[1]);
    launch_define(k, "DH=%d", g->dilation[0]);
    launch_define(k, "DW=%d", g->dilation[1]);
    launch_define(k, "PT=%d", g->pad[0]);
    launch_define(k, "PL=%d", g->pad[1]);
    if (g->average) {
        launch_define(k, "AVERAGE");
        launch_define(k, "CT=%d", g->counted[0]);
        launch_define(k, "CL=%d", g->counted[1]);
        launch_define(k, "CB=%d", g->counted[2]);
        launch_define(k, "CR=%d", g->counted[3]);
    }
    if (g->edge[0])
        launch_define(k, "EDGE_Y");
    if (g->edge[1])
        launch_define(k, "EDGE_X");
}

void pool2d_ints(struct launch *k, const struct pool2d *g)
{
    launch_int(k, "channels", (int)g->channels);
    launch_int(k, "h", (int)g->in[0]);
    launch_int(k, "w", (int)g->in[1]);
    launch_int(k, "oh", (int)g->out[0]);
    launch_int(k, "ow", (int)g->out[1]);
}

int pool2d_vector(const struct pool2d *g, const struct caps *caps)
{
    int vw = 4;
    while (vw < g->out[1] && vw < caps->vector_width)
        vw *= 2;
    return vw;
}

/* ---- pool2d ---- */

static void geometry(const struct problem *p, struct pool2d *g)
{
    pool2d_geometry(g, "pool2d", &p->in[0].shape, p->attr); /* infer found it right */
}

static int pool2d_infer(struct problem *p)
{
    struct pool2d g;
    int err = 0;
    TRY(check_floats(p));
    TRY(pool2d_geometry(&g, "pool2d", &p->in[0].shape, p->attr));
    p->out[0] = (struct desc){p->in[0].dtype, pool2d_out_desc(&g).shape};
out:
    return err;
}

static struct cost cost(const struct problem *p)
{
    struct pool2d g;
    geometry(p, &g);
    return pool2d_cost(&g);
}

static int pool2d_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    dx[0] = graph_add(g, &op_pool2d_bwd, n->attr, (const int[]){dy[0], n->in[0]});
    return g->status;
}

/* ---- rows ---- */

enum { ROWS, WIDTH };
static const struct tunable rows_tunables[] = {
    {"ROWS", (const int[]){1, 2, 4, 8, 16, 32, 64, 128, 256, 0}},
    {"VW", (const int[]){4, 8, 16, 0}},
    {0},
};

/* Taps are unrolled; rows shorter than a vector of 4 gain nothing. */
static bool rows_applicable(const struct problem *p, const struct caps *caps)
{
    struct pool2d g;
    geometry(p, &g);
    return caps->cpu_style && g.stride[1] <= 2 && (int64_t)g.kernel[0] * g.kernel[1] <= 25 &&
           g.out[1] >= 4 && g.block == 1;
}

/* About 2 us a work-item (8,192 taps), where that leaves four for every core. */
static void rows_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct pool2d g;
    geometry(p, &g);
    int64_t rows = g.n * g.channels * g.out[0], n = 1;
    int64_t taps = g.out[1] * g.block * g.kernel[0] * g.kernel[1];
    while (n < 256 && n * taps < 8192 && rows / (2 * n) >= 4 * caps->compute_units)
        n *= 2;
    tv[ROWS] = (int)n;
    if (g.block == 1)
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
    int64_t rows = g.n * g.channels * g.out[0];
    struct launch *k = launch_add(l, "pool2d_rows", "pool2d_rows");
    launch_define(k, "VW=%d", tv[WIDTH]);
    pool2d_define(k, &g);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_int(k, "rows", (int)rows);
    launch_int(k, "each", tv[ROWS]);
    pool2d_ints(k, &g);
    launch_epilogue(k, p);
    launch_grid1(k, div_up((size_t)rows, (size_t)tv[ROWS]), 1);
    return l->err;
}

/* ---- blocked ---- */

static const struct tunable blocked_tunables[] = {
    [ROWS] = {"ROWS", (const int[]){1, 2, 4, 8, 16, 32, 64, 128, 256, 0}},
    {0},
};

static bool blocked_applicable(const struct problem *p, const struct caps *caps)
{
    struct pool2d g;
    geometry(p, &g);
    return caps->cpu_style && g.block > 1 && p->epi.bias < 0;
}

static int blocked_plan(const struct problem *p, const struct caps *caps, const int *tv,
                        struct launches *l)
{
    (void)caps;
    struct pool2d g;
    geometry(p, &g);
    int64_t rows = g.n * g.channels * g.out[0];
    struct launch *k = launch_add(l, "pool2d_blocked", "pool2d_blocked");
    launch_define(k, "VW=%d", g.block);
    pool2d_define(k, &g);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_int(k, "rows", (int)rows);
    launch_int(k, "each", tv[ROWS]);
    pool2d_ints(k, &g);
    launch_epilogue(k, p);
    launch_grid1(k, div_up((size_t)rows, (size_t)tv[ROWS]), 1);
    return l->err;
}

/* ---- ref ---- */

int pool2d_plan_elements(const struct problem *p, const struct pool2d *g, const char *kernel,
                         int group, struct launches *l)
{
    struct launch *k = launch_add(l, kernel, kernel);
    launch_storage(k, p);
    pool2d_define(k, g);
    launch_define(k, "BLOCK=%d", g->block);
    launch_out(k, p->op->out[0], 0);
    for (int i = 0; i < op_inputs(p->op); i++)
        launch_in(k, p->op->in[i], i);
    launch_int(k, "planes", (int)(g->n * g->channels));
    pool2d_ints(k, g);
    launch_epilogue(k, p);
    launch_grid1(k, (size_t)shape_count(&p->out[0].shape), (size_t)group);
    return l->err;
}

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    (void)caps;
    struct pool2d g;
    geometry(p, &g);
    return pool2d_plan_elements(p, &g, "pool2d_ref", tv[0], l);
}

static const struct variant variants[] = {
    {.name = "blocked",
     .f32 = true,
     .tunables = blocked_tunables,
     .applicable = blocked_applicable,
     .defaults = rows_defaults,
     .plan = blocked_plan},
    {.name = "rows",
     .f32 = true,
     .tunables = rows_tunables,
     .applicable = rows_applicable,
     .defaults = rows_defaults,
     .valid = rows_valid,
     .plan = rows_plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_pool2d = {
    .name = "pool2d",
    .onnx = "MaxPool, AveragePool",
    .in = {"x"},
    .out = {"y"},
    .flags = OP_EPILOGUE,
    .half = 1,
    .attr_size = sizeof(struct ocelli_pool2d_params),
    .attrs = pool2d_attrs,
    .infer = pool2d_infer,
    .cost = cost,
    .grad = pool2d_grad,
    .variants = variants,
};
