/* Resampling, as ONNX Resize of opset 13 defines it.
 *
 * In each dimension that changes, element i of y lies at (start + i step) / divisor of x: whole numbers, so
 * that it is exact where a sample lies on an element, or half way between two. One launch a dimension writes
 * where its taps lie and what they weigh; the last one adds up their products. */
#include <math.h>
#include <stdlib.h>

#include "ops/attrs.h"
#include "ops/graph.h"
#include "ops/shared.h"

static const char *const mode_words[] = {"nearest", "linear", "cubic", NULL};
static const char *const coord_words[] = {"half_pixel", "pytorch_half_pixel", "align_corners",
                                          "asymmetric", "tf_crop_and_resize", NULL};
static const char *const nearest_words[] = {"prefer_floor", "prefer_ceil", "floor", "ceil", NULL};

#define PARAM(field) offsetof(struct ocelli_resize_params, field)
static const struct attr attrs[] = {
    {.name = "mode", .type = ATTR_ENUM, .offset = PARAM(mode), .count = 1, .words = mode_words},
    {.name = "coord", .type = ATTR_ENUM, .offset = PARAM(coord), .count = 1, .words = coord_words},
    {.name = "nearest", .type = ATTR_ENUM, .offset = PARAM(nearest), .count = 1,
     .words = nearest_words},
    {.name = "shape", .type = ATTR_SHAPE, .offset = PARAM(shape), .count = 1},
    {.name = "scale", .type = ATTR_FLOATS, .offset = PARAM(scale), .count = OCELLI_MAX_RANK, .min = 0,
     .max = 0x1p20},
    {.name = "roi", .type = ATTR_FLOATS, .offset = PARAM(roi), .count = 2 * OCELLI_MAX_RANK,
     .min = -16, .max = 16},
    {.name = "cubic_a", .type = ATTR_FLOAT, .offset = PARAM(cubic_a), .count = 1, .def = -0.75},
    {.name = "exclude_outside", .type = ATTR_BOOL, .offset = PARAM(exclude_outside)},
    {.name = "extrapolation", .type = ATTR_FLOAT, .offset = PARAM(extrapolation), .count = 1},
    ATTR_END,
};
#undef PARAM

/* ---- Coordinates ---- */

struct line {
    int64_t start, step, divisor;
};

static int64_t divisor_of_both(int64_t a, int64_t b)
{
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a < 0 ? -a : a;
}

/* The scale as p / q: y's extent over x's, or the float that was given; false where q would be too large. */
static bool scale_of(float scale, int64_t from, int64_t to, int64_t *p, int64_t *q)
{
    int e = 0;
    if (scale == 0) {
        *p = to;
        *q = from;
    } else {
        *p = (int64_t)ldexp(frexp(scale, &e), 24);
        if (e > 24 || e < -16)
            return false;
        *q = (int64_t)1 << (24 - e);
    }
    int64_t d = divisor_of_both(*p, *q);
    *p /= d;
    *q /= d;
    return true;
}

static bool product(int64_t a, int64_t b, int64_t c, int64_t *out)
{
    return !__builtin_mul_overflow(a, b, out) && !__builtin_mul_overflow(*out, c, out);
}

#define ROI_ONE ((int64_t)1 << 30) /* the unit of a region's start and end */

/* From the region's start to its end in (length - 1) = steps / q steps. One sample lies in the middle. */
static bool crop_line(const struct ocelli_resize_params *a, int rank, int d, int64_t n, int64_t steps,
                      int64_t q, struct line *out)
{
    int64_t begin = llround((double)a->roi[d] * (double)ROI_ONE);
    int64_t end = llround((double)a->roi[rank + d] * (double)ROI_ONE);
    if (steps == 0) {
        *out = (struct line){0, 0, 2 * ROI_ONE};
        return product(begin + end, n - 1, 1, &out->start);
    }
    int64_t f = divisor_of_both(steps, q);
    steps /= f;
    q /= f;
    return product(begin, n - 1, steps, &out->start) && product(end - begin, n - 1, q, &out->step) &&
           product(ROI_ONE, steps, 1, &out->divisor);
}

static bool make_line(const struct ocelli_resize_params *a, int rank, int d, int64_t from, int64_t to,
                      struct line *out)
{
    int64_t p, q, length; /* length / q: y's extent before it was cut to a whole number */
    *out = (struct line){0, 0, 1};
    if (!scale_of(a->scale[d], from, to, &p, &q) || !product(p, from, 1, &length))
        return false;
    int64_t steps = MAX(length - q, 0);
    switch (a->coord) {
    case OCELLI_PYTORCH_HALF_PIXEL:
        if (steps == 0)
            return true;
        /* fall through */
    case OCELLI_HALF_PIXEL:
        *out = (struct line){q - p, 2 * q, 2 * p};
        return true;
    case OCELLI_ASYMMETRIC:
        *out = (struct line){0, q, p};
        return true;
    case OCELLI_ALIGN_CORNERS:
        if (steps == 0)
            return true;
        out->divisor = steps;
        return product(from - 1, q, 1, &out->step);
    default:
        return crop_line(a, rank, d, from, steps, q, out);
    }
}

/* The kernel's longs hold all that it computes. */
static bool line_fits(const struct line *x, int64_t from, int64_t to)
{
    int64_t last, end;
    return product(x->step, to, 1, &last) && !__builtin_add_overflow(last, x->start, &last) &&
           product(x->divisor, MAX(from, (int64_t)4), 1, &end) && last > -INT64_MAX / 4 &&
           last < INT64_MAX / 4 && end < INT64_MAX / 4;
}

static bool changes(const struct problem *p, int d)
{
    const struct ocelli_resize_params *a = p->attr;
    int rank = p->in[0].shape.rank;
    bool whole = a->coord != OCELLI_TF_CROP_AND_RESIZE || (a->roi[d] == 0 && a->roi[rank + d] == 1);
    return !whole || (a->scale[d] != 0 && a->scale[d] != 1) ||
           p->in[0].shape.dim[d] != p->out[0].shape.dim[d];
}

/* ---- Shape ---- */

static int resize_infer(struct problem *p)
{
    const struct ocelli_resize_params *a = p->attr;
    const struct ocelli_shape *x = &p->in[0].shape;
    char s[SHAPE_TEXT], t[SHAPE_TEXT];
    if (a->shape.rank != x->rank)
        return fail(OCELLI_ERR_SHAPE, "resize: x is %s, y is to be %s", shape_text(x, s),
                    shape_text(&a->shape, t));
    if (a->mode != OCELLI_RESIZE_NEAREST && !dtype_is_float(p->in[0].dtype))
        return fail(OCELLI_ERR_SHAPE, "resize: x is %s; mode %s takes floating point",
                    dtype_name(p->in[0].dtype), mode_words[a->mode]);
    for (int d = 0; d < x->rank; d++) {
        struct line line;
        if (a->shape.dim[d] < 1 || a->shape.dim[d] > INT32_MAX || x->dim[d] > INT32_MAX)
            return fail(OCELLI_ERR_SHAPE, "resize: x is %s, y is to be %s", shape_text(x, s),
                        shape_text(&a->shape, t));
        if (!make_line(a, x->rank, d, x->dim[d], a->shape.dim[d], &line) ||
            !line_fits(&line, x->dim[d], a->shape.dim[d]))
            return fail(OCELLI_ERR_UNSUPPORTED, "resize: x is %s, y is to be %s, scale %g in dimension %d",
                        shape_text(x, s), shape_text(&a->shape, t), a->scale[d], d);
    }
    p->out[0] = (struct desc){p->in[0].dtype, a->shape};
    return 0;
}

static int taps_of(const struct ocelli_resize_params *a)
{
    return a->mode == OCELLI_RESIZE_NEAREST ? 1 : a->mode == OCELLI_RESIZE_LINEAR ? 2 : 4;
}

static struct cost resize_cost(const struct problem *p)
{
    const struct ocelli_resize_params *a = p->attr;
    double n = (double)shape_count(&p->out[0].shape);
    for (int d = 0; d < a->shape.rank; d++)
        n *= changes(p, d) ? taps_of(a) : 1;
    return (struct cost){.flops = a->mode == OCELLI_RESIZE_NEAREST ? 0 : 2 * n};
}

/* ---- ref ---- */

/* Dimensions that stay are joined. */
struct plane {
    struct nd nd;    /* operand 0: strides in x, operand 1: where the taps of a dimension begin */
    unsigned active; /* bit k: dimension k changes */
    int dim[OCELLI_MAX_RANK]; /* which it is in x */
    int64_t taps;
};

static void make_plane(const struct problem *p, struct plane *out)
{
    const struct ocelli_shape *x = &p->in[0].shape, *y = &p->out[0].shape;
    struct ocelli_shape shape = {0};
    int64_t stride[OCELLI_MAX_RANK] = {0}, table[OCELLI_MAX_RANK] = {0}, step = shape_count(x);
    *out = (struct plane){0};
    for (int d = 0; d < y->rank; d++) {
        int k = shape.rank - 1;
        bool active = changes(p, d);
        step /= x->dim[d];
        if (k >= 0 && !active && !(out->active >> k & 1)) {
            shape.dim[k] *= y->dim[d];
            stride[k] = step;
            continue;
        }
        k = shape.rank++;
        shape.dim[k] = y->dim[d];
        stride[k] = step;
        out->dim[k] = d;
        if (!active)
            continue;
        table[k] = out->taps;
        out->taps += y->dim[d] * taps_of(p->attr);
        out->active |= 1u << k;
    }
    if (shape.rank == 0)
        shape = OCELLI_SHAPE(1);
    nd_init(&out->nd, &shape);
    nd_operand(&out->nd, stride);
    nd_operand(&out->nd, table);
}

static void launch_long(struct launch *k, const char *high, const char *low, int64_t v)
{
    launch_int(k, high, (int)(v >> 32));
    launch_int(k, low, (int)(uint32_t)v);
}

static void defines(struct launch *k, const struct ocelli_resize_params *a)
{
    launch_define(k, "TAPS=%d", taps_of(a));
    launch_define(k, "CROP=%d", a->coord == OCELLI_TF_CROP_AND_RESIZE);
}

/* The taps of dimension k of the plane. */
static void plan_taps(const struct problem *p, const struct plane *plane, int k, int scratch, int group,
                      struct launches *l)
{
    const struct ocelli_resize_params *a = p->attr;
    int d = plane->dim[k], n = (int)a->shape.dim[d];
    struct line line = {0, 0, 1};
    make_line(a, a->shape.rank, d, p->in[0].shape.dim[d], n, &line);
    struct launch *t = launch_add(l, "resize_ref", "resize_ref_taps");
    defines(t, a);
    launch_define(t, "EXCLUDE=%d", a->exclude_outside);
    launch_define(t, "UP=up_%s", nearest_words[a->nearest]);
    launch_buffer(t, "taps", REF_SCRATCH, scratch, ACCESS_WRITE);
    launch_int(t, "first", (int)plane->nd.stride[1][k]);
    launch_int(t, "n", n);
    launch_int(t, "extent", (int)p->in[0].shape.dim[d]);
    launch_int(t, "stride", (int)plane->nd.stride[0][k]);
    launch_float(t, "a", a->cubic_a);
    launch_long(t, "start_high", "start_low", line.start);
    launch_long(t, "step_high", "step_low", line.step);
    launch_long(t, "divisor_high", "divisor_low", line.divisor);
    launch_grid1(t, (size_t)n, (size_t)group);
}

static int resize_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                           struct launches *l)
{
    (void)caps;
    const struct ocelli_resize_params *a = p->attr;
    struct plane plane;
    int products = 1;
    make_plane(p, &plane);
    if (plane.taps > INT32_MAX / 8)
        return fail(OCELLI_ERR_UNSUPPORTED, "resize: %lld taps", (long long)plane.taps);
    int scratch = launch_scratch(l, 8 * (size_t)MAX(plane.taps, 1));
    for (int k = 0; k < plane.nd.shape.rank; k++) {
        if (!(plane.active >> k & 1))
            continue;
        plan_taps(p, &plane, k, scratch, tv[0], l);
        products *= taps_of(a);
    }
    struct launch *k = launch_add(l, "resize_ref", "resize_ref");
    defines(k, a);
    launch_type(k, "T", p->in[0].dtype);
    launch_define(k, "ACTIVE=%u", plane.active);
    launch_define(k, "PRODUCTS=%d", products);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_buffer(k, "taps", REF_SCRATCH, scratch, ACCESS_READ);
    launch_float(k, "extrapolation", a->extrapolation);
    launch_nd(k, &plane.nd, tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .applicable = types_fit, .valid = element_valid,
     .plan = resize_ref_plan},
    {0},
};

const struct op op_resize = {
    .name = "resize",
    .onnx = "Resize, Upsample",
    .in = {"x"},
    .out = {"y"},
    .half = 1,
    .attr_size = sizeof(struct ocelli_resize_params),
    .attrs = attrs,
    .infer = resize_infer,
    .cost = resize_cost,
    .variants = variants,
};
