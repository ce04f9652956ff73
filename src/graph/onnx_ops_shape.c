/* Operators that change shapes and move elements. */
#include <stdlib.h>
#include <string.h>

#include "graph/onnx_import.h"

/* Output 0: the elements of input 0, of shape x, as y. */
static void out_reshaped(struct onnx_node *n, const struct ocelli_shape *x,
                         const struct ocelli_shape *y)
{
    char text[SHAPE_TEXT];

    if (!shape_is_empty(y))
        out(n, 0, ocelli_reshape(n->m->g, in(n, 0), y));
    else if (shape_is_empty(x))
        out_empty(n, 0, y);
    else
        stop(n, fail(OCELLI_ERR_SHAPE, "%s has no elements", shape_text(y, text)));
}

static void build_reshape(struct onnx_node *n)
{
    struct ocelli_shape x = in_shape(n, 0), y;

    attr_ignore(n, "consumed_inputs");
    if (!stopped(n) && reshape_shape(n, &x, &y))
        out_reshaped(n, &x, &y);
}

static void build_squeeze(struct onnx_node *n)
{
    struct ocelli_shape x = in_shape(n, 0), y;

    if (!stopped(n) && squeeze_shape(n, &x, &y))
        out_reshaped(n, &x, &y);
}

static void build_unsqueeze(struct onnx_node *n)
{
    struct ocelli_shape x = in_shape(n, 0), y;

    if (!stopped(n) && unsqueeze_shape(n, &x, &y))
        out_reshaped(n, &x, &y);
}

static void build_flatten(struct onnx_node *n)
{
    struct ocelli_shape x = in_shape(n, 0), y = {.rank = 2, .dim = {1, 1}};
    int64_t axis = attr_int(n, "axis", 1);

    if (stopped(n))
        return;
    if (axis < -x.rank || axis > x.rank) {
        stop(n, fail(OCELLI_ERR_FORMAT, "attribute axis = %lld", (long long)axis));
        return;
    }
    axis += axis < 0 ? x.rank : 0;
    for (int i = 0; i < x.rank; i++)
        y.dim[i >= axis] *= x.dim[i];
    out_reshaped(n, &x, &y);
}

static void build_transpose(struct onnx_node *n)
{
    int perm[OCELLI_MAX_RANK];

    if (!stopped(n) && transpose_perm(n, MAX(in_shape(n, 0).rank, 0), perm))
        out(n, 0, ocelli_transpose(n->m->g, in(n, 0), perm));
}

static void build_expand(struct onnx_node *n)
{
    struct ocelli_shape x = in_shape(n, 0), y;

    if (!stopped(n) && expand_shape(n, &x, &y))
        out(n, 0, shape_equal(&x, &y) ? in(n, 0) : ocelli_expand(n->m->g, in(n, 0), &y));
}

static void build_slice(struct onnx_node *n)
{
    struct ocelli_shape x = in_shape(n, 0);
    struct slices r = {.count = {0}};

    if (stopped(n) || !slice_ranges(n, &x, &r))
        return;
    struct ocelli_shape y = {.rank = x.rank};
    memcpy(y.dim, r.count, sizeof(y.dim));
    if (shape_is_empty(&y))
        out_empty(n, 0, &y);
    else
        out(n, 0, ocelli_slice(n->m->g, in(n, 0), r.start, r.step, r.count));
}

static void build_split(struct onnx_node *n)
{
    struct ocelli_shape x = in_shape(n, 0);
    int64_t size[SPLIT_MAX], at = 0;
    int axis;

    if (stopped(n) || !split_sizes(n, &x, &axis, size))
        return;
    for (int i = 0; i < outputs(n) && !stopped(n); i++) {
        int64_t start[OCELLI_MAX_RANK] = {0}, step[OCELLI_MAX_RANK], count[OCELLI_MAX_RANK];
        for (int d = 0; d < x.rank; d++) {
            step[d] = 1;
            count[d] = x.dim[d];
        }
        start[axis] = at;
        count[axis] = size[i];
        at += size[i];
        struct ocelli_shape y = x;
        y.dim[axis] = size[i];
        if (shape_is_empty(&y))
            out_empty(n, i, &y);
        else if (has_out(n, i))
            out(n, i, ocelli_slice(n->m->g, in(n, 0), start, step, count));
    }
}

#define CONCAT_MAX 1024
static void build_concat(struct onnx_node *n)
{
    ocelli_value x[CONCAT_MAX];
    int count = 0, rank = in_shape(n, 0).rank;

    if (n->opset >= 4 && !has_attr(n, "axis"))
        stop(n, fail(OCELLI_ERR_FORMAT, "no attribute axis"));
    if (inputs(n) > CONCAT_MAX)
        stop(n, fail(OCELLI_ERR_UNSUPPORTED, "more than %d inputs", CONCAT_MAX));
    if (stopped(n))
        return;
    int axis = axis_of(n, attr_int(n, "axis", 1), rank);
    for (int i = 0; i < inputs(n) && !stopped(n); i++) {
        const struct host *h = in_host(n, i);
        if (!h || h->count > 0) /* a known one without elements adds nothing */
            x[count++] = in(n, i);
    }
    if (count == 1)
        out(n, 0, x[0]);
    else
        out(n, 0, ocelli_concat(n->m->g, x, count, axis));
}

static bool far(int64_t v)
{
    return v < -(1 << 30) || v > 1 << 30;
}

static const char *const pad_modes[] = {"constant", "reflect", "edge", NULL};
static void build_pad(struct onnx_node *n)
{
    struct ocelli_pad_params p = {.mode = OCELLI_PAD_CONSTANT};
    struct ocelli_shape x = in_shape(n, 0);
    int64_t v[2 * OCELLI_MAX_RANK], axes[OCELLI_MAX_RANK];
    int mode = attr_word(n, "mode", pad_modes, OCELLI_PAD_CONSTANT);
    int count = ints(n, 1, n->opset < 2 ? "paddings" : "pads", 11, v, (int)COUNT(v));
    int na = n->opset >= 18 ? ints(n, 3, NULL, 0, axes, OCELLI_MAX_RANK) : -1;
    int used = na < 0 ? x.rank : na;

    p.mode = (enum ocelli_pad_mode)mode;
    if (!stopped(n) && count != 2 * used)
        stop(n, fail(OCELLI_ERR_FORMAT, "%d pads for %d dimensions", count, used));
    if (n->opset < 11) {
        p.value = attr_float(n, "value", 0);
    } else if (has_in(n, 2)) {
        const struct host *h = in_known(n, 2);
        if (h && h->count != 1)
            stop(n, fail(OCELLI_ERR_FORMAT, "the value is not one number"));
        else if (h)
            p.value = (float)host_f(h, 0);
    }
    if (na >= 0)
        axes_mask(n, axes, na, x.rank);
    for (int i = 0; i < used && !stopped(n); i++) {
        int d = na < 0 ? i : axis_of(n, axes[i], x.rank);
        if (far(v[i]) || far(v[used + i])) {
            stop(n, fail(OCELLI_ERR_FORMAT, "pads out of range"));
            return;
        }
        p.begin[d] = (int)v[i];
        p.end[d] = (int)v[used + i];
    }
    out(n, 0, ocelli_pad(n->m->g, in(n, 0), &p));
}

static void build_gather(struct onnx_node *n)
{
    int rank = in_shape(n, 0).rank;

    if (!stopped(n))
        out(n, 0,
            ocelli_gather(n->m->g, in(n, 0), in(n, 1), axis_of(n, attr_int(n, "axis", 0), rank)));
}

/* Blocks of channels to blocks of pixels, and back. */
static const char *const depth_modes[] = {"DCR", "CRD", NULL};
static const int dcr[] = {0, 3, 4, 1, 5, 2}, crd[] = {0, 1, 4, 2, 5, 3},
                 space[] = {0, 3, 5, 1, 2, 4};
static bool block_size(struct onnx_node *n, const struct ocelli_shape *s, int64_t *b)
{
    *b = attr_int(n, "blocksize", 0);
    if (!stopped(n) && s->rank != 4)
        stop(n, fail(OCELLI_ERR_SHAPE, "rank %d", s->rank));
    else if (!stopped(n) && (*b < 1 || *b > 1 << 15))
        stop(n, fail(OCELLI_ERR_FORMAT, "attribute blocksize = %lld", (long long)*b));
    return !stopped(n);
}

static void build_depth_to_space(struct onnx_node *n)
{
    struct ocelli_graph *g = n->m->g;
    struct ocelli_shape s = in_shape(n, 0);
    const int64_t *d = s.dim;
    int64_t b;
    int mode = attr_word(n, "mode", depth_modes, 0);

    if (!block_size(n, &s, &b))
        return;
    if (d[1] % (b * b)) {
        stop(n, fail(OCELLI_ERR_SHAPE, "%lld channels in blocks of %lldx%lld", (long long)d[1],
                     (long long)b, (long long)b));
        return;
    }
    int64_t c = d[1] / (b * b);
    struct ocelli_shape split = mode == 0 ? OCELLI_SHAPE(d[0], b, b, c, d[2], d[3])
                                          : OCELLI_SHAPE(d[0], c, b, b, d[2], d[3]);
    ocelli_value x = ocelli_reshape(g, in(n, 0), &split);
    x = ocelli_transpose(g, x, mode == 0 ? dcr : crd);
    out(n, 0, ocelli_reshape(g, x, &OCELLI_SHAPE(d[0], c, d[2] * b, d[3] * b)));
}

static void build_space_to_depth(struct onnx_node *n)
{
    struct ocelli_graph *g = n->m->g;
    struct ocelli_shape s = in_shape(n, 0);
    const int64_t *d = s.dim;
    int64_t b;

    if (!block_size(n, &s, &b))
        return;
    if (d[2] % b || d[3] % b) {
        stop(n, fail(OCELLI_ERR_SHAPE, "%lldx%lld in blocks of %lld", (long long)d[2],
                     (long long)d[3], (long long)b));
        return;
    }
    ocelli_value x =
        ocelli_reshape(g, in(n, 0), &OCELLI_SHAPE(d[0], d[1], d[2] / b, b, d[3] / b, b));
    x = ocelli_transpose(g, x, space);
    out(n, 0, ocelli_reshape(g, x, &OCELLI_SHAPE(d[0], d[1] * b * b, d[2] / b, d[3] / b)));
}

static void build_identity(struct onnx_node *n)
{
    out_same(n);
}

const struct onnx_op onnx_ops_shape[] = {
    {"Concat", 1, build_concat, false},
    {"DepthToSpace", 1, build_depth_to_space, false},
    {"Expand", 8, build_expand, false},
    {"Flatten", 1, build_flatten, false},
    {"Gather", 1, build_gather, false},
    {"Identity", 1, build_identity, false},
    {"Pad", 1, build_pad, false},
    {"Reshape", 1, build_reshape, false},
    {"Slice", 1, build_slice, false},
    {"SpaceToDepth", 1, build_space_to_depth, false},
    {"Split", 1, build_split, false},
    {"Squeeze", 1, build_squeeze, false},
    {"Transpose", 1, build_transpose, false},
    {"Unsqueeze", 1, build_unsqueeze, false},
    {0},
};
