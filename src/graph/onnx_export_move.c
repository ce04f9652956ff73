/* What moves elements: shapes, slices, resampling. */
#include <stdlib.h>
#include <string.h>

#include "graph/onnx_writer.h"

/* ---- Shapes ---- */

/* 0 takes the extent of x, -1 what is left: with a batch of another size both stay right. */
static const char *reshape_list(struct writer *w, const struct ocelli_shape *x,
                                const struct ocelli_shape *y)
{
    int64_t v[OCELLI_MAX_RANK];

    memcpy(v, y->dim, sizeof(v));
    if (y->rank > 0 && x->rank > 0 && x->dim[0] == y->dim[0])
        v[0] = 0;
    else if (y->rank > 0 && w->e->batch_name)
        v[0] = -1;
    return export_list(w->e, "shape", v, y->rank);
}

static void write_reshape(struct writer *w)
{
    const struct ocelli_shape *x = &w->x->desc.shape, *y = &w->y->desc.shape;

    if (shape_equal(x, y))
        last(w, "Identity", in(w, 0), NULL);
    else if (y->rank == 2 && x->rank > 0 && x->dim[0] == y->dim[0])
        export_i(w->e, last(w, "Flatten", in(w, 0), NULL), "axis", 1);
    else
        last(w, "Reshape", in(w, 0), reshape_list(w, x, y));
}

static void write_concat(struct writer *w)
{
    const char *x[OP_MAX_IN];
    int n = 0;

    for (int i = 0; i < w->n->n_in && i < OP_MAX_IN; i++)
        if (has_in(w, i))
            x[n++] = in(w, i);
    Onnx__Node *node = export_node(w->e, w->n, "Concat", w->out, n, x);
    export_i(w->e, node, "axis", ((const struct concat_attr *)w->n->attr)->axis);
}

static void write_pad(struct writer *w)
{
    static const char *const modes[] = {"constant", "reflect", "edge"};
    const struct ocelli_pad_params *p = w->n->attr;
    int rank = w->x->desc.shape.rank;
    int64_t v[2 * OCELLI_MAX_RANK];

    for (int d = 0; d < rank; d++) {
        v[d] = p->begin[d];
        v[rank + d] = p->end[d];
    }
    const char *x[3] = {in(w, 0), export_list(w->e, "pads", v, 2 * rank), ""};
    bool value = p->mode == OCELLI_PAD_CONSTANT && p->value != 0;
    if (value)
        x[2] = scalar(w, p->value);
    export_s(w->e, export_node(w->e, w->n, "Pad", w->out, value ? 3 : 2, x), "mode",
             modes[p->mode]);
}

static void write_gather(struct writer *w)
{
    export_i(w->e, last(w, "Gather", in(w, 0), in(w, 1)), "axis",
             ((const struct gather_attr *)w->n->attr)->axis);
}

/* ---- Strided: back to slice, transpose and expand ---- */

struct strides {
    int64_t step[OCELLI_MAX_RANK]; /* of x's memory */
    int of[OCELLI_MAX_RANK];       /* y's dimension k runs along x's of[k]; -1: along none */
    int by[OCELLI_MAX_RANK];       /* x's dimension d is run along by y's by[d]; -1: by none */
    int64_t start[OCELLI_MAX_RANK], by_step[OCELLI_MAX_RANK], count[OCELLI_MAX_RANK]; /* in x */
};

/* Which dimension of x can y's k run along? */
static int runs_along(const struct strides *s, const struct ocelli_shape *x, int64_t stride,
                      int64_t extent)
{
    for (int d = 0; d < x->rank; d++) {
        int64_t m = stride / s->step[d];
        if (s->by[d] >= 0 || stride % s->step[d])
            continue;
        if (extent == 1 ? x->dim[d] == 1 && m == 1 : m != 0 && llabs(m) * (extent - 1) < x->dim[d])
            return d;
    }
    return -1;
}

/* False: the elements taken are no slices of x in other order. */
static bool find_strides(const struct ocelli_shape *x, const struct strided_attr *a,
                         struct strides *s)
{
    int64_t n = 1, rest = a->offset;

    for (int d = x->rank - 1; d >= 0; d--) {
        s->step[d] = n;
        n *= x->dim[d];
        s->by[d] = -1;
    }
    for (int d = 0; d < x->rank; d++) {
        s->start[d] = rest / s->step[d];
        s->by_step[d] = s->count[d] = 1;
        rest %= s->step[d];
        if (rest < 0 || s->start[d] >= x->dim[d])
            return false;
    }
    for (int k = 0; k < a->shape.rank; k++) {
        int64_t extent = a->shape.dim[k];
        int d = a->stride[k] ? runs_along(s, x, a->stride[k], extent) : -1;
        s->of[k] = d;
        if (d < 0 && a->stride[k] && extent > 1)
            return false;
        if (d < 0)
            continue;
        s->by[d] = k;
        s->count[d] = extent;
        s->by_step[d] = extent > 1 ? a->stride[k] / s->step[d] : 1;
        int64_t end = s->start[d] + s->by_step[d] * (extent - 1);
        if (end < 0 || end >= x->dim[d])
            return false;
    }
    return true;
}

/* What is taken of each dimension. */
static const char *slice_of(struct writer *w, const char *x, const struct ocelli_shape *xs,
                            const struct strides *s)
{
    int64_t start[OCELLI_MAX_RANK], end[OCELLI_MAX_RANK], axes[OCELLI_MAX_RANK],
        step_[OCELLI_MAX_RANK];
    const char *y;
    int n = 0;

    for (int d = 0; d < xs->rank; d++) {
        if (s->count[d] == xs->dim[d] && s->by_step[d] == 1)
            continue;
        axes[n] = d;
        start[n] = s->start[d];
        step_[n] = s->by_step[d];
        end[n] = s->start[d] + s->by_step[d] * s->count[d];
        if (end[n] < 0)
            end[n] = INT64_MIN + 1; /* -1 would be the last one */
        n++;
    }
    if (n == 0)
        return x;
    y = export_name(w->e, "slice");
    const char *in[5] = {x, export_list(w->e, "starts", start, n),
                         export_list(w->e, "ends", end, n), export_list(w->e, "axes", axes, n),
                         export_list(w->e, "steps", step_, n)};
    export_node(w->e, w->n, "Slice", y, 5, in);
    return y;
}

/* x's dimensions in the order of y's, those that y has not behind; *shape: what comes out. */
static const char *order_of(struct writer *w, const char *x, const struct strides *s,
                            const struct strided_attr *a, int rank, struct ocelli_shape *shape)
{
    int perm[OCELLI_MAX_RANK], n = 0;
    bool sorted = true;
    const char *y;

    for (int k = 0; k < a->shape.rank; k++)
        if (s->of[k] >= 0)
            perm[n++] = s->of[k];
    for (int i = 1; i < n; i++)
        sorted = sorted && perm[i - 1] < perm[i];
    for (int d = 0; d < rank; d++)
        if (s->by[d] < 0)
            perm[n++] = d;
    *shape = (struct ocelli_shape){.rank = rank};
    for (int i = 0; i < rank; i++)
        shape->dim[i] = s->count[sorted ? i : perm[i]];
    if (sorted)
        return x;
    y = export_name(w->e, "transposed");
    export_ints(w->e, export_node(w->e, w->n, "Transpose", y, 1, &x), "perm", perm, rank);
    return y;
}

/* Elements in any order: by their places in x, for this batch only. */
static void write_places(struct writer *w, const struct strided_attr *a)
{
    int64_t count = shape_count(&a->shape), at[OCELLI_MAX_RANK] = {0}, place = a->offset;
    int64_t *places;
    const int64_t all = -1;

    if (w->e->batch_name || (size_t)count > ONNX_MAX_FILE / sizeof(*places)) {
        refuse(w, w->e->batch_name ? "these strides and an open batch"
                                   : "these strides of so many elements");
        return;
    }
    if (!(places = arena_alloc(&w->e->arena, (size_t)count * sizeof(*places)))) {
        export_fail(w->e, OCELLI_ERR_MEMORY);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        places[i] = place;
        for (int d = a->shape.rank - 1; d >= 0; d--) {
            place += a->stride[d];
            if (++at[d] < a->shape.dim[d])
                break;
            place -= a->stride[d] * a->shape.dim[d];
            at[d] = 0;
        }
    }
    struct desc d = {OCELLI_I64, a->shape};
    const char *flat = step(w, "Reshape", in(w, 0), export_list(w->e, "shape", &all, 1));
    last(w, "Gather", flat, export_tensor(w->e, "places", &d, places));
}

static void write_strided(struct writer *w)
{
    const struct strided_attr *a = w->n->attr;
    const struct ocelli_shape *x = &w->x->desc.shape;
    struct ocelli_shape now, flat = a->shape;
    struct strides s;
    bool repeats = false;

    if (!find_strides(x, a, &s)) {
        write_places(w, a);
        return;
    }
    for (int k = 0; k < flat.rank; k++)
        if (s.of[k] < 0) {
            repeats = repeats || flat.dim[k] > 1;
            flat.dim[k] = 1;
        }
    const char *y = order_of(w, slice_of(w, in(w, 0), x, &s), &s, a, x->rank, &now);
    if (!shape_equal(&now, &flat))
        y = step(w, "Reshape", y, reshape_list(w, &now, &flat));
    if (repeats) {
        int64_t want[OCELLI_MAX_RANK];
        for (int k = 0; k < flat.rank; k++)
            want[k] = s.of[k] < 0 ? a->shape.dim[k] : 1;
        last(w, "Expand", y, export_list(w->e, "shape", want, flat.rank));
    } else {
        last(w, "Identity", y, NULL);
    }
}

/* ---- Resize ---- */

static const char *const resize_modes[] = {"nearest", "linear", "cubic"};
static const char *const resize_coords[] = {"half_pixel", "pytorch_half_pixel", "align_corners",
                                            "asymmetric", "tf_crop_and_resize"};
static const char *const resize_nearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                             "ceil"};

static void write_resize(struct writer *w)
{
    const struct ocelli_resize_params *p = w->n->attr;
    const struct ocelli_shape *x = &w->x->desc.shape;
    bool crop = p->coord == OCELLI_TF_CROP_AND_RESIZE, scaled = false;
    struct desc list = {OCELLI_F32, {1, {x->rank}}}, ends = {OCELLI_F32, {1, {2 * x->rank}}};
    float scale[OCELLI_MAX_RANK], roi[2 * OCELLI_MAX_RANK];

    for (int d = 0; d < x->rank; d++) {
        scaled = scaled || p->scale[d] != 0;
        scale[d] = p->scale[d] != 0 ? p->scale[d] : (float)p->shape.dim[d] / (float)x->dim[d];
        roi[d] = p->roi[d];
        roi[x->rank + d] = p->roi[x->rank + d];
    }
    const char *in_[4] = {in(w, 0), crop ? export_tensor(w->e, "roi", &ends, roi) : "", "", ""};
    if (scaled || w->e->batch_name)
        in_[2] = export_tensor(w->e, "scales", &list, scale);
    else
        in_[3] = export_list(w->e, "sizes", p->shape.dim, x->rank);
    Onnx__Node *n = export_node(w->e, w->n, "Resize", w->out, *in_[3] ? 4 : 3, in_);
    export_s(w->e, n, "mode", resize_modes[p->mode]);
    export_s(w->e, n, "coordinate_transformation_mode", resize_coords[p->coord]);
    if (p->mode == OCELLI_RESIZE_NEAREST)
        export_s(w->e, n, "nearest_mode", resize_nearest[p->nearest]);
    if (p->mode == OCELLI_RESIZE_CUBIC)
        export_f(w->e, n, "cubic_coeff_a", p->cubic_a != 0 ? p->cubic_a : -0.75f);
    if (p->exclude_outside)
        export_i(w->e, n, "exclude_outside", 1);
    if (crop)
        export_f(w->e, n, "extrapolation_value", p->extrapolation);
}

const struct op_writer onnx_writers_move[] = {
    {"reshape", write_reshape, false},
    {"concat", write_concat, false},
    {"pad", write_pad, false},
    {"gather", write_gather, false},
    {"strided", write_strided, false},
    {"resize", write_resize, false},
    {0},
};
