/* loss_n = log(sum_c exp(x_nc)) - x_n,label: the cross-entropy of softmax(x), in one so that nothing overflows.
 * With smoothing s (Szegedy et al. 2015, section 7): x_n,label becomes (1 - s) x_n,label + s mean_c(x_nc). A
 * label out of range gives NaN. */
#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/shared.h"

const struct attr softmax_xent_attrs[] = {
    {.name = "smoothing", .type = ATTR_FLOAT, .offset = offsetof(struct softmax_xent_attr, smoothing),
     .count = 1, .min = 0, .max = 1},
    ATTR_END,
};

void launch_smoothing(struct launch *k, const struct problem *p)
{
    const struct softmax_xent_attr *a = p->attr;
    if (a->smoothing == 0)
        return;
    launch_define(k, "SMOOTHING");
    launch_float(k, "smoothing", a->smoothing);
}

static int softmax_xent_infer(struct problem *p)
{
    int err = check_labels(p, 1, 0);
    if (err)
        return err;
    p->out[0] = (struct desc){OCELLI_F32, {1, {p->in[0].shape.dim[0]}}};
    return 0;
}

static struct cost softmax_xent_cost(const struct problem *p)
{
    return (struct cost){.flops = 4 * (double)shape_count(&p->in[0].shape)};
}

static int softmax_xent_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    dx[0] = graph_add(g, &op_softmax_xent_bwd, n->attr, (const int[]){n->in[0], n->in[1], dy[0]});
    return g->status;
}

static int softmax_xent_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                                 struct launches *l)
{
    const int64_t *dim = p->in[0].shape.dim;
    struct launch *k = launch_add(l, "softmax_xent_ref", "softmax_xent_ref");
    launch_out(k, "loss", 0);
    launch_in(k, "x", 0);
    launch_in(k, "labels", 1);
    launch_int(k, "classes", (int)dim[1]);
    launch_smoothing(k, p);
    launch_rows(k, caps, tv[0], (size_t)dim[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref",
     .tunables = row_tunables,
     .defaults = row_defaults,
     .valid = row_valid,
     .plan = softmax_xent_ref_plan},
    {0},
};

const struct op op_softmax_xent = {
    .name = "softmax_xent",
    .onnx = "SoftmaxCrossEntropyLoss",
    .in = {"x", "labels"},
    .out = {"loss"},
    .attr_size = sizeof(struct softmax_xent_attr),
    .attrs = softmax_xent_attrs,
    .infer = softmax_xent_infer,
    .cost = softmax_xent_cost,
    .grad = softmax_xent_grad,
    .variants = variants,
};
