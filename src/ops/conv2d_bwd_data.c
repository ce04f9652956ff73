#include "ops/conv2d.h"
#include "ops/shared.h"
#include "ops/tile.h"

static const struct attr attrs[] = {
    CONV2D_ATTRS,
    {.name = "size",
     .type = ATTR_INT,
     .offset = offsetof(struct conv2d_bwd_data_attr, size),
     .count = 2,
     .min = 1,
     .max = CONV2D_MAX},
    ATTR_END,
};

static int infer(struct problem *p)
{
    int err;
    struct conv2d c;
    TRY(check_floats(p));
    TRY(conv2d_of(p, &c));
    p->out[0] =
        (struct desc){OCELLI_F32, OCELLI_SHAPE(c.n, (int64_t)c.groups * c.in_c, c.in[0], c.in[1])};
out:
    return err;
}

static const struct variant variants[] = {
    {.name = "direct",
     .tunables = conv2d_direct_tunables,
     .applicable = conv2d_direct_applicable,
     .defaults = conv2d_direct_defaults,
     .valid = conv2d_direct_valid,
     .plan = conv2d_direct_plan},
    {.name = "winograd",
     .tunables = conv2d_tiles_tunables,
     .noise = CONV2D_TILES_NOISE,
     .applicable = conv2d_tiles_applicable,
     .pays = conv2d_tiles_pays,
     .defaults = conv2d_tiles_defaults,
     .valid = conv2d_tiles_valid,
     .plan = conv2d_tiles_plan},
    {.name = "implicit",
     .tunables = tile_tunables,
     .applicable = conv2d_implicit_applicable,
     .pays = conv2d_implicit_pays,
     .defaults = conv2d_implicit_defaults,
     .valid = conv2d_implicit_valid,
     .plan = conv2d_implicit_plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = conv2d_ref_plan},
    {0},
};

const struct op op_conv2d_bwd_data = {
    .name = "conv2d_bwd_data",
    .onnx = "ConvTranspose",
    .in = {"dy", "w"},
    .out = {"dx"},
    .flags = OP_EPILOGUE,
    .attr_size = sizeof(struct conv2d_bwd_data_attr),
    .attrs = attrs,
    .infer = infer,
    .cost = conv2d_problem_cost,
    .variants = variants,
};
