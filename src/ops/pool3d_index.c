/* Where the maxima lie that pool3d finds. */
#include "ops/pool3d.h"
#include "ops/shared.h"

static int infer(struct problem *p)
{
    const struct ocelli_pool_params *a = p->attr;
    struct pool3d g;
    int err = 0;
    if (a->kind != OCELLI_POOL_MAX)
        return fail(OCELLI_ERR_SHAPE, "pool3d_index: an average lies nowhere");
    TRY(pool3d_geometry(p, &g));
    p->out[0] = (struct desc){OCELLI_I64, pool3d_out_shape(p, &g)};
out:
    return err;
}

/* ---- ref: pool3d's kernel ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    static const char *const steps[] = {"step_d", "step_h", "step_w"};
    const struct ocelli_pool_params *a = p->attr;
    struct pool3d g;
    int err = pool3d_geometry(p, &g);
    (void)caps;
    if (err)
        return err;
    const int *in = g.in, row_major[] = {in[1] * in[2], in[2], 1},
              column_major[] = {1, in[0], in[0] * in[1]};
    struct launch *k = pool3d_launch(l, p, &g, tv[0]);
    launch_define(k, "INDEX");
    pool3d_ints(k, steps, a->column_major ? column_major : row_major);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref",
     .tunables = element_tunables,
     .applicable = types_fit,
     .valid = element_valid,
     .plan = ref_plan},
    {0},
};

const struct op op_pool3d_index = {
    .name = "pool3d_index",
    .onnx = "MaxPool",
    .in = {"x"},
    .out = {"y"},
    .attr_size = sizeof(struct ocelli_pool_params),
    .attrs = pool3d_attrs,
    .infer = infer,
    .cost = pool3d_cost,
    .variants = variants,
};
