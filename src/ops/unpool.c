/* y[index[i]] = x[i], everything else 0: what pooling took, back in its place. */
#include "ops/attrs.h"
#include "ops/shared.h"

static const struct attr attrs[] = {
    {.name = "shape", .type = ATTR_SHAPE, .offset = offsetof(struct unpool_attr, shape)},
    ATTR_END,
};

static int infer(struct problem *p)
{
    const struct unpool_attr *a = p->attr;
    const struct ocelli_shape *x = &p->in[0].shape, *y = &a->shape;
    char s[SHAPE_TEXT], t[SHAPE_TEXT];
    int err = 0;
    if (p->in[1].dtype != OCELLI_I64)
        return fail(OCELLI_ERR_SHAPE, "unpool: the index is %s, not i64",
                    dtype_name(p->in[1].dtype));
    TRY(check_same(p, 0, 1));
    if (x->rank < 2 || y->rank != x->rank || y->dim[0] != x->dim[0] || y->dim[1] != x->dim[1])
        return fail(OCELLI_ERR_SHAPE, "unpool: x is %s, y is to be %s", shape_text(x, s),
                    shape_text(y, t));
    p->out[0] = (struct desc){p->in[0].dtype, *y};
out:
    return err;
}

/* ---- ref: one work-item a channel of an image, so that the last of equal indices wins ---- */

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    (void)caps;
    struct channels x = channels_of(&p->in[0]), y = channels_of(&p->out[0]);
    struct launch *k = launch_add(l, "unpool_ref", "unpool_ref");
    launch_type(k, "T", p->in[0].dtype);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_in(k, "index", 1);
    launch_int(k, "planes", x.n * x.c);
    launch_int(k, "in_size", x.s);
    launch_int(k, "out_size", y.s);
    launch_grid1(k, (size_t)x.n * (size_t)x.c, (size_t)tv[0]);
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

const struct op op_unpool = {
    .name = "unpool",
    .onnx = "MaxUnpool",
    .in = {"x", "index"},
    .out = {"y"},
    .attr_size = sizeof(struct unpool_attr),
    .attrs = attrs,
    .infer = infer,
    .variants = variants,
};
