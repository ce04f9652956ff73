/* (x - mean) / sqrt(variance + epsilon) * scale + shift for each channel. What is not given is 0 (mean, shift)
 * or 1 (scale). */
#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/shared.h"

#define FIELD(f) offsetof(struct ocelli_batchnorm_params, f)
static const struct attr attrs[] = {
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
    for (int i = IN_SCALE; i <= IN_VARIANCE; i++)
        if (p->in[i].shape.rank >= 0)
            TRY(check_channels(p, i, IN_X));
    p->out[0] = p->in[IN_X];
out:
    return err;
}

static struct cost batchnorm_cost(const struct problem *p)
{
    return (struct cost){.flops = 6 * (double)shape_count(&p->in[0].shape)};
}

/* ---- Gradient ---- */

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

/* With r = 1 / sqrt(variance + epsilon) and u = (x - mean) r, sums over a channel: dx = dy scale r,
 * dscale = sum dy u, dshift = sum dy, dmean = -dshift scale r, dvariance = -dscale scale r^2 / 2. */
static int batchnorm_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    if (g->status)
        return g->status;
    const int64_t c = g->value[n->in[IN_VARIANCE]].desc.shape.dim[0];
    const struct ocelli_shape row = {2, {1, c}}, channels = {1, {c}};
    int scale = n->in[IN_SCALE];
    int u = normalise(g, n, n->in[IN_X], OCELLI_NONE, n->in[IN_MEAN]);
    dx[IN_X] = normalise(g, n, dy[0], scale, OCELLI_NONE);
    dx[IN_SCALE] = graph_add(g, &op_scale_bwd, NULL, (const int[]){dy[0], u});
    dx[IN_SHIFT] = graph_add(g, &op_bias_bwd, NULL, dy);
    int dm = normalise(g, n, reshape(g, dx[IN_SHIFT], row), scale, OCELLI_NONE);
    dx[IN_MEAN] = times(g, reshape(g, dm, channels), -1);
    int dv = normalise(g, n, reshape(g, dx[IN_SCALE], row), scale, OCELLI_NONE);
    dv = normalise(g, n, dv, OCELLI_NONE, OCELLI_NONE);
    dx[IN_VARIANCE] = times(g, reshape(g, dv, channels), -0.5f);
    return g->status;
}

/* ---- Variants ---- */

static int batchnorm_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                              struct launches *l)
{
    (void)caps;
    static const struct {
        const char *arg, *define;
    } optional[] = {
        [IN_SCALE] = {"scale", "HAS_SCALE"},
        [IN_SHIFT] = {"shift", "HAS_SHIFT"},
        [IN_MEAN] = {"mean", "HAS_MEAN"},
    };
    const struct ocelli_batchnorm_params *a = p->attr;
    struct launch *k = launch_add(l, "batchnorm_ref", "batchnorm_ref");
    launch_out(k, "y", 0);
    launch_in(k, "x", IN_X);
    for (int i = IN_SCALE; i <= IN_MEAN; i++) {
        if (p->in[i].shape.rank < 0)
            continue;
        launch_define(k, "%s", optional[i].define);
        launch_in(k, optional[i].arg, i);
    }
    launch_in(k, "variance", IN_VARIANCE);
    launch_float(k, "epsilon", a->epsilon);
    launch_channels(k, p, tv[0]);
    launch_epilogue(k, p);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = batchnorm_ref_plan},
    {0},
};

const struct op op_batchnorm = {
    .name = "batchnorm",
    .onnx = "BatchNormalization",
    .in = {"x", "scale?", "shift?", "mean?", "variance"},
    .out = {"y"},
    .flags = OP_EPILOGUE | OP_INPLACE,
    .attr_size = sizeof(struct ocelli_batchnorm_params),
    .attrs = attrs,
    .infer = batchnorm_infer,
    .cost = batchnorm_cost,
    .grad = batchnorm_grad,
    .variants = variants,
};
