/* Resize and its ancestor Upsample, whose meaning changed with almost every opset. */
#include <math.h>
#include <string.h>

#include "graph/onnx_import.h"

static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
static const char *const old_modes[] = {"nearest", "linear", "bilinear", NULL};
static const char *const coords[] = {"half_pixel", "pytorch_half_pixel", "align_corners",
                                     "asymmetric", "tf_crop_and_resize", "half_pixel_symmetric",
                                     NULL};
#define HALF_PIXEL_SYMMETRIC 5
static const char *const nearests[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil",
                                       NULL};
static const char *const policies[] = {"stretch", "not_larger", "not_smaller", NULL};

/* Floats of a known input for the axes in use, `per` groups of them; false: absent or empty. */
static bool floats(struct onnx_node *n, int i, int count, float *v)
{
    const struct host *h;

    if (!has_in(n, i) || !(h = in_known(n, i)) || h->count == 0)
        return false;
    if (h->count != (size_t)count) {
        stop(n, fail(OCELLI_ERR_FORMAT, "input %d has %zu numbers, not %d", i, h->count, count));
        return false;
    }
    for (int k = 0; k < count; k++)
        v[k] = (float)host_f(h, (size_t)k);
    return true;
}

/* floor(extent * scale), in float: 10 times 0.7 is 7 there. */
static void scaled(struct onnx_node *n, struct ocelli_resize_params *p,
                   const struct ocelli_shape *x, int d, float scale)
{
    float y = floorf((float)x->dim[d] * scale);

    if (!(scale > 0) || !(y >= 1) || y > 1e9f) {
        if (!stopped(n))
            stop(n, fail(OCELLI_ERR_UNSUPPORTED, "scale %g of extent %lld", (double)scale,
                         (long long)x->dim[d]));
        return;
    }
    p->scale[d] = scale;
    p->shape.dim[d] = (int64_t)y;
}

/* Upsample, and Resize of opset 10: coordinates divided by the scale, and cut. */
static void old(struct onnx_node *n, int since)
{
    struct ocelli_shape x = in_shape(n, 0);
    struct ocelli_resize_params p = {
        .coord = OCELLI_ASYMMETRIC, .nearest = OCELLI_ROUND_DOWN, .shape = x};
    float scale[OCELLI_MAX_RANK];
    int mode = attr_word(n, "mode", old_modes, 0);

    p.mode = mode == 0 ? OCELLI_RESIZE_NEAREST : OCELLI_RESIZE_LINEAR;
    if (stopped(n))
        return;
    if (n->opset >= since) {
        if (!floats(n, 1, x.rank, scale) && !stopped(n))
            stop(n, fail(OCELLI_ERR_FORMAT, "no scales"));
    } else {
        const Onnx__Attribute *a = attr_find(n, "scales");
        if (!a || a->n_floats != (size_t)x.rank)
            stop(n, fail(OCELLI_ERR_FORMAT, "attribute scales is not one number a dimension"));
        else
            memcpy(scale, a->floats, a->n_floats * sizeof(*scale));
    }
    for (int d = 0; d < x.rank && !stopped(n); d++)
        scaled(n, &p, &x, d, scale[d]);
    out(n, 0, ocelli_resize(n->m->g, in(n, 0), &p));
}

static void build_upsample(struct onnx_node *n)
{
    old(n, 9);
}

/* The extents asked for; one scale for all where the policy keeps the aspect ratio. */
static void sized(struct onnx_node *n, struct ocelli_resize_params *p, const struct ocelli_shape *x,
                  const int *axis, int used)
{
    int64_t size[OCELLI_MAX_RANK];
    int policy = n->opset >= 18 ? attr_word(n, "keep_aspect_ratio_policy", policies, 0) : 0;
    int count = ints(n, 3, NULL, 0, size, OCELLI_MAX_RANK);
    double scale = 0;

    if (!stopped(n) && count != used)
        stop(n, fail(OCELLI_ERR_FORMAT, "%d sizes for %d dimensions", count, used));
    for (int i = 0; i < used && !stopped(n); i++) {
        double s = (double)size[i] / (double)x->dim[axis[i]];
        if (size[i] < 1 || size[i] > 1 << 30)
            stop(n, fail(OCELLI_ERR_UNSUPPORTED, "size %lld", (long long)size[i]));
        p->shape.dim[axis[i]] = size[i];
        scale = i == 0 ? s : policy == 1 ? fmin(scale, s) : fmax(scale, s);
    }
    for (int i = 0; policy != 0 && i < used && !stopped(n); i++) {
        double y = floor(scale * (double)x->dim[axis[i]] + 0.5);
        if (y > 1 << 30) {
            stop(n, fail(OCELLI_ERR_UNSUPPORTED, "size %.0f", y));
            return;
        }
        p->shape.dim[axis[i]] = MAX((int64_t)y, 1);
        p->scale[axis[i]] = (float)scale;
    }
}

/* The symmetric form differs where the scaled extent is no whole number. */
static void check_symmetric(struct onnx_node *n, const struct ocelli_resize_params *p,
                            const struct ocelli_shape *x)
{
    for (int d = 0; d < x->rank; d++)
        if (p->scale[d] != 0 &&
            (double)p->scale[d] * (double)x->dim[d] != (double)p->shape.dim[d] && !stopped(n))
            stop(n, fail(OCELLI_ERR_UNSUPPORTED,
                         "attribute coordinate_transformation_mode = \"half_pixel_symmetric\" with "
                         "scale %g of extent %lld",
                         (double)p->scale[d], (long long)x->dim[d]));
}

static void check_antialias(struct onnx_node *n, const struct ocelli_resize_params *p,
                            const struct ocelli_shape *x)
{
    bool on = n->opset >= 18 && attr_flag(n, "antialias", false);

    for (int d = 0; on && d < x->rank && p->mode != OCELLI_RESIZE_NEAREST; d++)
        if (p->shape.dim[d] < x->dim[d] && !stopped(n))
            attr_refuse(n, "antialias", 1);
}

static void build_resize(struct onnx_node *n)
{
    struct ocelli_shape x = in_shape(n, 0);
    struct ocelli_resize_params p = {.shape = x};
    float scale[OCELLI_MAX_RANK], roi[2 * OCELLI_MAX_RANK];
    int64_t axes[OCELLI_MAX_RANK];
    int axis[OCELLI_MAX_RANK], used, na, coord;

    if (n->opset < 11) {
        old(n, 10);
        return;
    }
    p.mode = (enum ocelli_resize_mode)attr_word(n, "mode", modes, 0);
    coord = attr_word(n, "coordinate_transformation_mode", coords, 0);
    p.coord = coord == HALF_PIXEL_SYMMETRIC ? OCELLI_HALF_PIXEL : (enum ocelli_resize_coord)coord;
    p.nearest = (enum ocelli_resize_nearest)attr_word(n, "nearest_mode", nearests, 0);
    p.cubic_a = not_zero(attr_float(n, "cubic_coeff_a", -0.75f));
    p.exclude_outside = attr_flag(n, "exclude_outside", false);
    p.extrapolation = attr_float(n, "extrapolation_value", 0);
    na = n->opset >= 18 ? attr_ints(n, "axes", axes, OCELLI_MAX_RANK) : -1;
    if (stopped(n))
        return;
    axes_mask(n, axes, MAX(na, 0), x.rank);
    used = na < 0 ? x.rank : na;
    for (int i = 0; i < used; i++)
        axis[i] = na < 0 ? i : axis_of(n, axes[i], x.rank);
    for (int d = 0; d < x.rank; d++) { /* the whole, where nothing else is said */
        p.roi[d] = 0;
        p.roi[x.rank + d] = 1;
    }
    if (p.coord == OCELLI_TF_CROP_AND_RESIZE && floats(n, 1, 2 * used, roi))
        for (int i = 0; i < used; i++) {
            p.roi[axis[i]] = roi[i];
            p.roi[x.rank + axis[i]] = roi[used + i];
        }
    if (floats(n, 2, used, scale)) {
        for (int i = 0; i < used; i++) {
            double part = p.coord == OCELLI_TF_CROP_AND_RESIZE
                              ? (double)p.roi[x.rank + axis[i]] - (double)p.roi[axis[i]]
                              : 1;
            scaled(n, &p, &x, axis[i], (float)(scale[i] * part));
            p.scale[axis[i]] = scale[i];
        }
        attr_ignore(n, "keep_aspect_ratio_policy");
    } else if (!stopped(n)) {
        sized(n, &p, &x, axis, used);
    }
    if (coord == HALF_PIXEL_SYMMETRIC)
        check_symmetric(n, &p, &x);
    check_antialias(n, &p, &x);
    out(n, 0, ocelli_resize(n->m->g, in(n, 0), &p));
}

const struct onnx_op onnx_ops_resize[] = {
    {"Resize", 10, build_resize, false},
    {"Upsample", 7, build_upsample, false},
    {0},
};
