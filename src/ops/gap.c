/* Global average pooling: the mean of each feature map. */
#include "ops/conv2d_blocked.h"
#include "ops/graph.h"
#include "ops/shared.h"

static int gap_infer(struct problem *p)
{
    int err = 0;
    TRY(check_floats(p));
    const struct ocelli_shape *x = &p->in[0].shape;
    if (x->rank != 5 || !block_is_legal(x->dim[4]))
        TRY(check_rank(p, 0, 4));
    p->out[0] = (struct desc){
        p->in[0].dtype, {x->rank, {x->dim[0], x->dim[1], 1, 1, x->rank == 5 ? x->dim[4] : 0}}};
out:
    return err;
}

static struct cost gap_cost(const struct problem *p)
{
    return (struct cost){.flops = (double)shape_count(&p->in[0].shape)};
}

static int gap_grad(struct graph *g, const struct node *n, const int *dy, int *dx)
{
    const struct ocelli_shape *x = &g->value[n->in[0]].desc.shape;
    const struct gap_bwd_attr attr = {{(int)x->dim[2], (int)x->dim[3]}};
    dx[0] = graph_add(g, &op_gap_bwd, &attr, dy);
    return g->status;
}

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    const int64_t *x = p->in[0].shape.dim;
    const bool blocked = p->in[0].shape.rank == 5;
    struct launch *k = launch_add(l, "gap_ref", "gap_ref");
    launch_storage(k, p);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_int(k, "channels", (int)x[1]);
    launch_int(k, "area", (int)(x[2] * x[3]));
    launch_define(k, "BLOCK=%d", blocked ? (int)x[4] : 1);
    launch_epilogue(k, p);
    launch_rows(k, caps, tv[0], (size_t)shape_count(&p->out[0].shape));
    return l->err;
}

/* ---- blocked ---- */

static bool blocked_applicable(const struct problem *p, const struct caps *caps)
{
    return caps->cpu_style && p->in[0].shape.rank == 5 && p->epi.bias < 0;
}

static int blocked_plan(const struct problem *p, const struct caps *caps, const int *tv,
                        struct launches *l)
{
    (void)caps, (void)tv;
    const int64_t *x = p->in[0].shape.dim;
    struct launch *k = launch_add(l, "gap_blocked", "gap_blocked");
    launch_define(k, "VW=%d", (int)x[4]);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_int(k, "area", (int)(x[2] * x[3]));
    launch_epilogue(k, p);
    launch_grid1(k, (size_t)(x[0] * x[1]), 1);
    return l->err;
}

/* ---- split: two stages, on graphics processors ---- */

static const struct tunable split_tunables[] = {
    {"ROW_GROUP", (const int[]){256, 128, 64, 0}},
    {"CHUNK", (const int[]){4096, 1024, 16384, 0}},
    {0},
};

static bool split_applicable(const struct problem *p, const struct caps *caps)
{
    return !caps->cpu_style && p->in[0].shape.rank == 4;
}

/* Maps too few to keep the device busy, and large. */
static bool split_pays(const struct problem *p, const struct caps *caps)
{
    const int64_t *x = p->in[0].shape.dim;
    return x[0] * x[1] < 4 * (int64_t)caps->compute_units && x[2] * x[3] >= 16384;
}

static int split_plan(const struct problem *p, const struct caps *caps, const int *tv,
                      struct launches *l)
{
    const int64_t *x = p->in[0].shape.dim;
    const size_t rows = (size_t)(x[0] * x[1]), area = (size_t)(x[2] * x[3]);
    const size_t chunks = div_up(area, (size_t)tv[1]);
    const int part = launch_scratch(l, rows * chunks * sizeof(float));
    for (int stage = 0; stage < 2; stage++) {
        struct launch *k = launch_add(l, "gap_split", stage == 0 ? "gap_split" : "gap_split_sum");
        launch_storage(k, p);
        launch_define(k, "CHUNK=%d", tv[1]);
        if (stage == 0) {
            launch_buffer(k, "part", REF_SCRATCH, part, ACCESS_WRITE);
            launch_in(k, "x", 0);
        } else {
            launch_out(k, "y", 0);
            launch_buffer(k, "part", REF_SCRATCH, part, ACCESS_READ);
            launch_int(k, "channels", (int)x[1]);
        }
        launch_int(k, "area", (int)area);
        launch_int(k, "chunks", (int)chunks);
        if (stage == 1)
            launch_epilogue(k, p);
        launch_rows(k, caps, tv[0], rows * (stage == 0 ? chunks : 1));
    }
    return l->err;
}

static const struct variant variants[] = {
    {.name = "split", .tunables = split_tunables, .applicable = split_applicable,
     .pays = split_pays, .valid = row_valid, .plan = split_plan},
    {.name = "blocked", .f32 = true, .applicable = blocked_applicable, .plan = blocked_plan},
    {.name = "ref",
     .tunables = row_tunables,
     .defaults = row_defaults,
     .valid = row_valid,
     .plan = ref_plan},
    {0},
};

const struct op op_gap = {
    .name = "gap",
    .onnx = "GlobalAveragePool",
    .in = {"x"},
    .out = {"y"},
    .flags = OP_EPILOGUE,
    .half = 1,
    .infer = gap_infer,
    .cost = gap_cost,
    .grad = gap_grad,
    .variants = variants,
};
