/* 1 where the label is among the k largest logits of its row, else 0. */
#include "ops/shared.h"

static const struct attr attrs[] = {
    {.name = "k",
     .type = ATTR_INT,
     .offset = offsetof(struct ocelli_in_top_k_params, k),
     .count = 1,
     .def = 1,
     .min = 1,
     .max = 1e9},
    ATTR_END,
};

static int in_top_k_infer(struct problem *p)
{
    int err = check_labels(p, 1, 0);
    if (err)
        return err;
    p->out[0] = (struct desc){OCELLI_F32, {1, {p->in[0].shape.dim[0]}}};
    return 0;
}

static int in_top_k_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                             struct launches *l)
{
    const struct ocelli_in_top_k_params *a = p->attr;
    const int64_t *dim = p->in[0].shape.dim;
    struct launch *k = launch_add(l, "in_top_k_ref", "in_top_k_ref");
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_in(k, "labels", 1);
    launch_int(k, "classes", (int)dim[1]);
    launch_int(k, "k", a->k);
    launch_rows(k, caps, tv[0], (size_t)dim[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref",
     .tunables = row_tunables,
     .defaults = row_defaults,
     .valid = row_valid,
     .plan = in_top_k_ref_plan},
    {0},
};

const struct op op_in_top_k = {
    .name = "in_top_k",
    .in = {"x", "labels"},
    .out = {"y"},
    .attr_size = sizeof(struct ocelli_in_top_k_params),
    .attrs = attrs,
    .infer = in_top_k_infer,
    .variants = variants,
};
