/* The weights and bias of a convolution or matrix product that does a batch normalisation too,
 * which followed it: with s = scale / sqrt(variance + epsilon) for each output channel, w2 = w s
 * and b2 = (b - mean) s + shift. What is not given is 0 (b, shift, mean) or 1 (scale, the root). */
#include "ops/attrs.h"
#include "ops/shared.h"

#define FIELD(f) offsetof(struct fold_attr, f)
static const struct attr attrs[] = {
    {.name = "axis",
     .type = ATTR_INT,
     .offset = FIELD(axis),
     .count = 1,
     .min = 0,
     .max = OCELLI_MAX_RANK - 1},
    {.name = "epsilon",
     .type = ATTR_FLOAT,
     .offset = FIELD(epsilon),
     .count = 1,
     .def = 1e-5,
     .min = 0,
     .max = 1e6},
    ATTR_END,
};

static int fold_infer(struct problem *p)
{
    const struct fold_attr *a = p->attr;
    const struct ocelli_shape *w = &p->in[0].shape;
    char s[SHAPE_TEXT], t[SHAPE_TEXT];
    int err = 0;
    TRY(check_floats(p));
    if (a->axis >= w->rank)
        return fail(OCELLI_ERR_SHAPE, "fold: w is %s, which has no axis %d", shape_text(w, s),
                    a->axis);
    for (int i = 1; i < p->n_in; i++) {
        const struct ocelli_shape *x = &p->in[i].shape;
        if (x->rank >= 0 && (x->rank != 1 || x->dim[0] != w->dim[a->axis]))
            return fail(OCELLI_ERR_SHAPE,
                        "fold: %s is %s, one for each of axis %d of w, %s, was expected",
                        p->op->in[i], shape_text(x, t), a->axis, shape_text(w, s));
    }
    p->out[0] = p->in[0];
    p->out[1] = (struct desc){OCELLI_F32, {1, {w->dim[a->axis]}}};
out:
    return err;
}

static int fold_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                         struct launches *l)
{
    (void)caps;
    const struct fold_attr *a = p->attr;
    const struct ocelli_shape *w = &p->in[0].shape;
    static const char *const names[] = {"w", "b", "scale", "shift", "mean", "variance"};
    const size_t channels = (size_t)w->dim[a->axis], n = (size_t)shape_count(w);
    const size_t group = (size_t)tv[0];
    size_t inner = 1;
    for (int d = a->axis + 1; d < w->rank; d++)
        inner *= (size_t)w->dim[d];
    const int factor = launch_scratch(l, channels * sizeof(float));
    struct launch *k = launch_add(l, "fold_ref", "fold_ref_channels");
    launch_buffer(k, "factor", REF_SCRATCH, factor, ACCESS_WRITE);
    launch_out(k, "b2", 1);
    for (int i = 1; i < (int)COUNT(names); i++) {
        if (p->in[i].shape.rank < 0)
            continue;
        launch_define(k, "HAS_%s", names[i]);
        launch_in(k, names[i], i);
    }
    launch_float(k, "epsilon", a->epsilon);
    launch_int(k, "channels", (int)channels);
    launch_grid1(k, channels, (size_t)tv[0]);

    k = launch_add(l, "fold_ref", inner == 1 ? "fold_ref_columns" : "fold_ref_weights");
    if (k)
        text_add(&k->defines, "%s", l->item[0].defines.s); /* of one program with the first */
    launch_out(k, "w2", 0);
    launch_in(k, "w", 0);
    launch_buffer(k, "factor", REF_SCRATCH, factor, ACCESS_READ);
    launch_int(k, "channels", (int)channels);
    if (inner == 1) {
        launch_grid2(k, channels, n / channels, group, 1);
    } else {
        launch_int(k, "inner", (int)inner);
        launch_grid3(k, inner, channels, n / channels / inner, MIN(group, round_up(inner, 16)), 1,
                     1);
    }
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = fold_ref_plan},
    {0},
};

const struct op op_fold = {
    .name = "fold",
    .in = {"w", "b?", "scale?", "shift?", "mean?", "variance?"},
    .out = {"w2", "b2"},
    .attr_size = sizeof(struct fold_attr),
    .attrs = attrs,
    .infer = fold_infer,
    .variants = variants,
};
