/* (x - mean) / sqrt(variance + epsilon) * scale + shift for each channel. What is not given is 0 (mean, shift)
 * or 1 (scale). x may be blocked; the channels' numbers are plain, then as now. */
#include "ops/attrs.h"
#include "ops/batchnorm.h"
#include "ops/graph.h"
#include "ops/shared.h"

#define FIELD(f) offsetof(struct ocelli_batchnorm_params, f)
const struct attr batchnorm_attrs[] = {
    {.name = "epsilon", .type = ATTR_FLOAT, .offset = FIELD(epsilon), .count = 1, .def = 1e-5,
     .min = 0, .max = 1e6},
    {.name = "momentum", .type = ATTR_FLOAT, .offset = FIELD(momentum), .count = 1, .def = 0.9,
     .min = 0, .max = 1},
    ATTR_END,
};

enum { IN_X, IN_SCALE, IN_SHIFT, IN_MEAN, IN_VARIANCE };

static int batchnorm_infer(struct problem *p)
{
    int err = 0;
    TRY(check_floats(p));
    TRY(check_channels_of(p, IN_VARIANCE, IN_X));
    for (int i = IN_SCALE; i < IN_VARIANCE; i++)
        if (p->in[i].shape.rank >= 0)
            TRY(check_same(p, i, IN_VARIANCE));
    p->out[0] = p->in[IN_X];
out:
    return err;
}

static struct cost batchnorm_cost(const struct problem *p)
{
    return (struct cost){.flops = 6 * (double)shape_count(&p->in[0].shape)};
}

/* ---- Gradient ---- */

/* Are mean and variance those of x itself, as in training? */
static bool of_itself(const struct graph *g, const struct node *n)
{
    const int mean = n->in[IN_MEAN], variance = n->in[IN_VARIANCE];
    const int at = mean == OCELLI_NONE ? -1 : g->value[mean].node;
    if (at < 0)
        return false;
    const struct node *stats = &g->node[at];
    return stats->op == &op_batchnorm_stats && stats->in[0] == n->in[IN_X] &&
           stats->out[0] == mean && stats->out[1] == variance;
}

static int normalise(struct graph *g, const struct node *n, int x, int scale, int mean)
{
    return graph_add(g, &op_batchnorm, n->attr,
                     (const int[]){x, scale, OCELLI_NONE, mean, n->in[IN_VARIANCE]});
}

static int reshape(struct graph *g, int x, struct ocelli_shape shape)
{
    return graph_add(g, &op_reshape, &(struct reshape_attr){shape}, (const int[]){x});
}

static int times(struct graph *g, int x, float factor)
{
    int f = graph_const(g, NULL, &(struct desc){OCELLI_F32, {0}}, &factor);
    return graph_add(g, &op_binary, &(struct ocelli_binary_params){OCELLI_MUL}, (const int[]){x, f});
}

/* With r = 1 / sqrt(variance + epsilon) and u = (x - mean) r, sums over a channel: dscale = sum dy u, dshift =
 * sum dy. Where mean and variance are x's own, batchnorm_bwd is the whole of dx; else dx = dy scale r, dmean =
 * -dshift scale r, dvariance = -dscale scale r^2 / 2. */
static int batchnorm_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    if (g->status)
        return g->status;
    const int64_t c = g->value[n->in[IN_VARIANCE]].desc.shape.dim[0];
    const struct ocelli_shape row = {2, {1, c}}, channels = {1, {c}};
    const int x = n->in[IN_X], mean = n->in[IN_MEAN], variance = n->in[IN_VARIANCE];
    int scale = n->in[IN_SCALE];
    const int dscale =
        graph_add(g, &op_batchnorm_sums, n->attr, (const int[]){dy[0], x, mean, variance});
    const int dshift = dscale + 1; /* a node's results follow each other */
    if (g->status)
        return g->status;
    dx[IN_SCALE] = dscale;
    dx[IN_SHIFT] = dshift;
    if (of_itself(g, n)) {
        dx[IN_X] = graph_add(g, &op_batchnorm_bwd, n->attr,
                             (const int[]){dy[0], x, scale, mean, variance, dscale, dshift});
        return g->status;
    }
    dx[IN_X] = normalise(g, n, dy[0], scale, OCELLI_NONE);
    int dm = normalise(g, n, reshape(g, dshift, row), scale, OCELLI_NONE);
    dx[IN_MEAN] = times(g, reshape(g, dm, channels), -1);
    int dv = normalise(g, n, reshape(g, dscale, row), scale, OCELLI_NONE);
    dv = normalise(g, n, dv, OCELLI_NONE, OCELLI_NONE);
    dx[IN_VARIANCE] = times(g, reshape(g, dv, channels), -0.5f);
    return g->status;
}

/* ---- Variants ---- */

/* The arguments up to epsilon. */
static void launch_inputs(struct launch *k, const struct problem *p)
{
    static const struct {
        const char *arg, *define;
    } optional[] = {
        [IN_SCALE] = {"scale", "HAS_SCALE"},
        [IN_SHIFT] = {"shift", "HAS_SHIFT"},
        [IN_MEAN] = {"mean", "HAS_MEAN"},
    };
    launch_out(k, "y", 0);
    launch_in(k, "x", IN_X);
    for (int i = IN_SCALE; i <= IN_MEAN; i++) {
        if (p->in[i].shape.rank < 0)
            continue;
        launch_define(k, "%s", optional[i].define);
        launch_in(k, optional[i].arg, i);
    }
    launch_in(k, "variance", IN_VARIANCE);
    launch_float(k, "epsilon", ((const struct ocelli_batchnorm_params *)p->attr)->epsilon);
}

bool batchnorm_blocks(const struct problem *p, int variance, struct blocks *b)
{
    return blocks_of(&p->in[0].shape, p->in[variance].shape.dim[0], b);
}

void batchnorm_define(struct launch *k, const struct problem *p, int variance)
{
    struct blocks b = {.v = 1};
    batchnorm_blocks(p, variance, &b);
    launch_define(k, "BLOCK=%d", b.v);
    launch_int(k, "present", (int)p->in[variance].shape.dim[0]);
}

static bool blocked_applicable(const struct problem *p, const struct caps *caps)
{
    struct blocks b;
    return caps->cpu_style && p->epi.bias < 0 && batchnorm_blocks(p, IN_VARIANCE, &b);
}

static int blocked_plan(const struct problem *p, const struct caps *caps, const int *tv,
                        struct launches *l)
{
    (void)tv;
    struct blocks b = {0};
    batchnorm_blocks(p, IN_VARIANCE, &b);
    struct launch *k = launch_add(l, "batchnorm_blocked", "batchnorm_blocked");
    launch_inputs(k, p);
    launch_planes(k, &b, caps);
    launch_epilogue(k, p);
    return l->err;
}

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    (void)caps;
    struct launch *k = launch_add(l, "batchnorm_ref", "batchnorm_ref");
    launch_storage(k, p);
    launch_inputs(k, p);
    batchnorm_define(k, p, IN_VARIANCE);
    launch_channels(k, p, tv[0]);
    launch_epilogue(k, p);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "blocked", .f32 = true, .applicable = blocked_applicable, .plan = blocked_plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_batchnorm = {
    .name = "batchnorm",
    .onnx = "BatchNormalization",
    .in = {"x", "scale?", "shift?", "mean?", "variance"},
    .out = {"y"},
    .flags = OP_EPILOGUE | OP_INPLACE,
    .half = 1,
    .attr_size = sizeof(struct ocelli_batchnorm_params),
    .attrs = batchnorm_attrs,
    .infer = batchnorm_infer,
    .cost = batchnorm_cost,
    .grad = batchnorm_grad,
    .variants = variants,
};
