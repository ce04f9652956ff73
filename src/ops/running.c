/* s = keep s + take x + add, where it lies: running averages, sums over some runs, and counters of runs
 * (without x). */
#include "ops/attrs.h"
#include "ops/shared.h"

#define FIELD(f) offsetof(struct running_attr, f)
static const struct attr attrs[] = {
    {.name = "keep", .type = ATTR_FLOAT, .offset = FIELD(keep), .count = 1},
    {.name = "take", .type = ATTR_FLOAT, .offset = FIELD(take), .count = 1},
    {.name = "add", .type = ATTR_FLOAT, .offset = FIELD(add), .count = 1},
    {.name = "period", .type = ATTR_INT, .offset = FIELD(period), .count = 1, .min = 0, .max = 1 << 20},
    ATTR_END,
};

static int running_infer(struct problem *p)
{
    const struct running_attr *a = p->attr;
    bool has_runs = p->in[2].shape.rank >= 0;
    int err = 0;
    TRY(check_floats(p));
    if (has_runs != (a->period > 0))
        return fail(OCELLI_ERR_INVALID, "running: a period and runs belong together");
    if (has_runs && p->in[2].shape.rank != 0)
        return fail(OCELLI_ERR_SHAPE, "running: runs is no scalar");
    if (p->in[1].shape.rank >= 0)
        TRY(check_same(p, 0, 1));
out:
    return err;
}

static int running_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                            struct launches *l)
{
    (void)caps;
    const struct running_attr *a = p->attr;
    int n = (int)shape_count(&p->in[0].shape);
    struct launch *k = launch_add(l, "running_ref", "running_ref");
    launch_buffer(k, "s", REF_IN, 0, ACCESS_READ_WRITE);
    if (p->in[1].shape.rank >= 0) {
        launch_define(k, "HAS_X");
        launch_in(k, "x", 1);
    }
    if (a->period > 0) {
        launch_define(k, "PERIOD=%d", a->period);
        launch_in(k, "runs", 2);
    }
    launch_float(k, "keep", a->keep);
    launch_float(k, "take", a->take);
    launch_float(k, "add", a->add);
    launch_int(k, "n", n);
    launch_grid1(k, (size_t)n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = running_ref_plan},
    {0},
};

const struct op op_running = {
    .name = "running",
    .in = {"s", "x?", "runs?"},
    .updates = 1,
    .attr_size = sizeof(struct running_attr),
    .attrs = attrs,
    .infer = running_infer,
    .variants = variants,
};
