/* Maximum or average over windows of volumes, of any type. */
#include "ops/pool3d.h"

#include <float.h>
#include <limits.h>

#include "ops/shared.h"

/* ---- What pool3d_index shares ---- */

#define POOL_MAX 1000000
#define FIELD(f) offsetof(struct ocelli_pool_params, f)
#define POOL_INTS(word, n, dflt, low)                                                    \
    {                                                                                    \
        .name = #word, .type = ATTR_INT, .offset = FIELD(word), .count = n, .def = dflt, \
        .min = low, .max = POOL_MAX                                                      \
    }
#define POOL_BOOL(word)                                         \
    {                                                           \
        .name = #word, .type = ATTR_BOOL, .offset = FIELD(word) \
    }

const struct attr pool3d_attrs[] = {
    {.name = "kind",
     .type = ATTR_ENUM,
     .offset = FIELD(kind),
     .count = 1,
     .words = (const char *const[]){"max", "average", NULL}},
    POOL_INTS(kernel, 3, 0, 1),
    POOL_INTS(stride, 3, 0, 0), /* 0: the kernel */
    POOL_INTS(dilation, 3, 1, 1),
    POOL_INTS(pad, 6, 0, 0),
    POOL_BOOL(ceil_mode),
    POOL_BOOL(count_include_pad),
    POOL_BOOL(column_major),
    ATTR_END,
};

/* One direction; 0 where no window fits. */
static int64_t out_extent(int64_t in, int64_t before, int64_t after, int64_t window, int64_t stride,
                          bool ceil_mode)
{
    int64_t room = in + before + after - window + (ceil_mode ? stride - 1 : 0);
    int64_t n = room < 0 ? 0 : room / stride + 1;
    return ceil_mode && n > 0 && (n - 1) * stride >= in + before ? n - 1 : n;
}

static int direction(const struct problem *p, struct pool3d *g, int d)
{
    static const char *const side[] = {"depth", "height", "width"};
    const struct ocelli_pool_params *a = p->attr;
    int64_t in = p->in[0].shape.dim[2 + d];
    int before = a->pad[d], after = a->pad[3 + d];
    int64_t window = (int64_t)(a->kernel[d] - 1) * a->dilation[d] + 1;

    g->kernel[d] = a->kernel[d];
    g->stride[d] = a->stride[d] ? a->stride[d] : a->kernel[d];
    g->dilation[d] = a->dilation[d];
    g->pad[d] = before;
    if (window > POOL_MAX || in > INT_MAX / 2)
        return fail(OCELLI_ERR_SHAPE, "%s: a window of %lld on a %s of %lld", p->op->name,
                    (long long)window, side[d], (long long)in);
    if (MAX(before, after) >= window)
        return fail(OCELLI_ERR_SHAPE, "%s: a padding of %d is not smaller than the window of %lld",
                    p->op->name, MAX(before, after), (long long)window);
    int64_t out = out_extent(in, before, after, window, g->stride[d], a->ceil_mode);
    if (out < 1)
        return fail(OCELLI_ERR_SHAPE, "%s: a window of %lld does not fit into a %s of %lld",
                    p->op->name, (long long)window, side[d], (long long)(in + before + after));
    g->in[d] = (int)in;
    g->out[d] = (int)out;
    g->count_lo[d] = a->count_include_pad ? -before : 0;
    g->count_hi[d] = (int)in + (a->count_include_pad ? after : 0);
    return 0;
}

int pool3d_geometry(const struct problem *p, struct pool3d *out)
{
    const struct ocelli_pool_params *a = p->attr;
    const struct ocelli_shape *x = &p->in[0].shape;
    struct pool3d g = {.average = a->kind == OCELLI_POOL_AVERAGE};
    char s[SHAPE_TEXT];
    int err = 0;

    if (x->rank != 5)
        return fail(OCELLI_ERR_SHAPE, "%s: x is %s, not N x C x D x H x W", p->op->name,
                    shape_text(x, s));
    if (x->dim[0] * x->dim[1] > INT_MAX)
        return fail(OCELLI_ERR_SHAPE, "%s: x is %s", p->op->name, shape_text(x, s));
    g.planes = (int)(x->dim[0] * x->dim[1]);
    for (int d = 0; d < 3; d++)
        TRY(direction(p, &g, d));
    *out = g;
out:
    return err;
}

struct ocelli_shape pool3d_out_shape(const struct problem *p, const struct pool3d *g)
{
    const struct ocelli_shape *x = &p->in[0].shape;
    return OCELLI_SHAPE(x->dim[0], x->dim[1], g->out[0], g->out[1], g->out[2]);
}

struct cost pool3d_cost(const struct problem *p)
{
    const struct ocelli_pool_params *a = p->attr;
    return (struct cost){.flops = (double)shape_count(&p->out[0].shape) * a->kernel[0] *
                                  a->kernel[1] * a->kernel[2]};
}

void pool3d_ints(struct launch *k, const char *const names[3], const int v[3])
{
    for (int d = 0; d < 3; d++)
        launch_int(k, names[d], v[d]);
}

struct launch *pool3d_launch(struct launches *l, const struct problem *p, const struct pool3d *g,
                             int group)
{
    static const char *const names[][3] = {
        {"in_d", "in_h", "in_w"}, {"out_d", "out_h", "out_w"}, {"kd", "kh", "kw"},
        {"sd", "sh", "sw"},       {"dd", "dh", "dw"},          {"pd", "ph", "pw"},
    };
    const int *const values[] = {g->in, g->out, g->kernel, g->stride, g->dilation, g->pad};
    enum ocelli_dtype type = p->in[0].dtype;
    struct launch *k = launch_add(l, "pool3d_ref", "pool3d_ref");

    launch_type(k, "T", type);
    if (g->average)
        launch_define(k, "AVERAGE");
    else if (dtype_is_float(type))
        launch_define(k, "LOWEST=-INFINITY");
    else
        launch_whole(k, "LOWEST", type, -DBL_MAX);
    launch_define(k, "MORE=more_%s", dtype_is_float(type) ? "real" : "whole");
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_int(k, "n", (int)shape_count(&p->out[0].shape));
    for (size_t j = 0; j < COUNT(names); j++)
        pool3d_ints(k, names[j], values[j]);
    launch_grid1(k, (size_t)shape_count(&p->out[0].shape), (size_t)group);
    return k;
}

/* ---- pool3d ---- */

static int infer(struct problem *p)
{
    const struct ocelli_pool_params *a = p->attr;
    struct pool3d g;
    int err = 0;
    if (a->kind == OCELLI_POOL_AVERAGE && !dtype_is_float(p->in[0].dtype))
        return fail(OCELLI_ERR_SHAPE, "pool3d: an average of %s", dtype_name(p->in[0].dtype));
    TRY(pool3d_geometry(p, &g));
    p->out[0] = (struct desc){p->in[0].dtype, pool3d_out_shape(p, &g)};
out:
    return err;
}

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    static const char *const from[] = {"from_d", "from_h", "from_w"};
    static const char *const to[] = {"to_d", "to_h", "to_w"};
    struct pool3d g;
    int err = pool3d_geometry(p, &g);
    (void)caps;
    if (err)
        return err;
    struct launch *k = pool3d_launch(l, p, &g, tv[0]);
    if (g.average) {
        pool3d_ints(k, from, g.count_lo);
        pool3d_ints(k, to, g.count_hi);
    }
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

const struct op op_pool3d = {
    .name = "pool3d",
    .onnx = "MaxPool, AveragePool",
    .in = {"x"},
    .out = {"y"},
    .attr_size = sizeof(struct ocelli_pool_params),
    .attrs = pool3d_attrs,
    .infer = infer,
    .cost = pool3d_cost,
    .variants = variants,
};
