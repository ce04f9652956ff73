/* y = a b, where b was packed before, once for all runs: N/V x K x V, columns that there are not
 * being zeros. Made by graph/pack.c for CPUs. */
#include "ops/attrs.h"
#include "ops/conv2d_blocked.h"
#include "ops/gemm.h"
#include "ops/shared.h"

static const struct attr attrs[] = {
    {.name = "columns",
     .type = ATTR_INT,
     .offset = offsetof(struct gemm_packed_attr, columns),
     .count = 1,
     .def = 1,
     .min = 1,
     .max = GEMM_COLUMNS_MAX},
    ATTR_END,
};

struct gemm gemm_packed_of(const struct problem *p)
{
    const struct gemm_packed_attr *t = p->attr;
    const int64_t *a = p->in[0].shape.dim;
    return (struct gemm){a[0], t->columns, a[1], false, false};
}

static int infer(struct problem *p)
{
    const struct gemm_packed_attr *t = p->attr;
    const int64_t *a = p->in[0].shape.dim, *b = p->in[1].shape.dim;
    char text[SHAPE_TEXT];
    int err = 0;
    TRY(check_floats(p));
    TRY(check_rank(p, 0, 2));
    TRY(check_rank(p, 1, 3));
    if (!block_is_legal(b[2]) || b[1] != a[1] ||
        b[0] != (int64_t)div_up((size_t)t->columns, (size_t)b[2]))
        return fail(OCELLI_ERR_SHAPE, "gemm_packed: b is %s: not %d columns of %lld rows",
                    shape_text(&p->in[1].shape, text), t->columns, (long long)a[1]);
    p->out[0] = (struct desc){OCELLI_F32, {2, {a[0], t->columns}}};
out:
    return err;
}

static struct cost cost(const struct problem *p)
{
    const struct gemm g = gemm_packed_of(p);
    return gemm_cost_of(&g);
}

static bool block_applicable(const struct problem *p, const struct caps *caps)
{
    return caps->cpu_style && p->in[1].shape.dim[2] == caps->vector_width;
}

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    (void)caps;
    const struct gemm g = gemm_packed_of(p);
    struct launch *k = launch_add(l, "gemm_packed_ref", "gemm_packed_ref");
    launch_out(k, "y", 0);
    launch_in(k, "a", 0);
    launch_in(k, "b", 1);
    launch_int(k, "m", (int)g.m);
    launch_int(k, "n", (int)g.n);
    launch_int(k, "k", (int)g.k);
    launch_int(k, "block", (int)p->in[1].shape.dim[2]);
    launch_epilogue(k, p);
    launch_grid1(k, (size_t)(g.m * g.n), (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "block",
     .tunables = gemm_packed_tunables,
     .applicable = block_applicable,
     .defaults = gemm_packed_defaults,
     .valid = gemm_packed_valid,
     .plan = gemm_packed_plan},
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_gemm_packed = {
    .name = "gemm_packed",
    .in = {"a", "b"},
    .out = {"y"},
    .flags = OP_EPILOGUE,
    .attr_size = sizeof(struct gemm_packed_attr),
    .attrs = attrs,
    .infer = infer,
    .cost = cost,
    .variants = variants,
};
